"""The command line `elscourse`: parsing only, the work is elsewhere."""

from __future__ import annotations

from pathlib import Path

import click


@click.group()
def main() -> None:
    """Why diffusion models create instead of copy: the course's workbench."""


@main.command()
@click.argument("name")
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs/networks"), show_default=True)
@click.option("--device", default="cpu", show_default=True)
@click.option("--fresh", is_flag=True, help="Start over instead of continuing.")
def train(name: str, out: Path, device: str, fresh: bool) -> None:
    """Train a network by its recipe."""
    from .recipes import RECIPES, follow

    click.echo(follow(RECIPES[name], out, device=device, fresh=fresh))


if __name__ == "__main__":
    main()
