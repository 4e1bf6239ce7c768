"""`python -m elscourse` is `elscourse`."""

from .cli import main

main()
