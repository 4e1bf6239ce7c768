"""A learner's function, seen from the judging process; and the functions that it is given, seen from the learner's."""

from __future__ import annotations

import builtins
import inspect
import linecache
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from . import wire

if TYPE_CHECKING:
    from .pupil import Pupil


class Attempt:
    """A learner's function, seen from the judging process: it is called there, and what happens is repeated here."""

    def __init__(self, pupil: Pupil, name: str, signature: Any) -> None:
        """signature: (name, kind, whether there is a default) per parameter, or None where nobody knows it."""
        self.pupil, self.name = pupil, name
        self.__code__ = compile("raise error", f"<the function {name}>", "exec")  # the check takes its file's name
        with suppress(TypeError, ValueError):  # of what cannot be a signature, nothing is said
            self.__signature__ = inspect.Signature(
                [
                    inspect.Parameter(
                        str(p), inspect._ParameterKind(kind), default=None if default else inspect.Parameter.empty
                    )
                    for p, kind, default in signature
                ]
            )

    def __call__(self, *arguments: Any) -> Any:
        try:
            reply = self.pupil.call(self.name, arguments)
            if "raised" in reply:
                error = _error(reply["raised"])
                line = wire.cut(reply["raised"].get("line", ""))
            else:
                for place in reply["changed"]:
                    _change(arguments[place])
                if reply["settings"]:
                    torch.set_grad_enabled(False)  # the check asks torch, and sets it right afterwards
                return wire.decode(reply["returned"])
        except (KeyboardInterrupt, SystemExit) as stop:
            self.pupil.stopped = stop
            raise
        except (wire.Garbled, AttributeError, LookupError, TypeError, ValueError) as strange:
            self.pupil.trouble = f"What the notebook's process says cannot be understood ({type(strange).__name__})."
            raise
        linecache.cache[self.__code__.co_filename] = (1, None, [line], self.__code__.co_filename)
        exec(self.__code__, {"error": error})  # as if the learner's line stood here


def answer(message: wire.Message, functions: list[wire.Function]) -> wire.Message:
    """What a function among the arguments returns to the learner's, or raises."""
    try:
        named = {str(name): wire.decode(value) for name, value in message["named"].items()}
        arguments = [wire.decode(value) for value in message["arguments"]]
        return {"answer": wire.encode(functions[message["ask"]](*arguments, **named))}
    except Exception as error:
        base = next(kind for kind in type(error).__mro__ if kind.__module__ == "builtins")
        return {"raised": base.__name__, "says": wire.cut(error)}


def _error(raised: dict[str, Any]) -> BaseException:
    """An error of the same name and kind, that says the same."""
    base = getattr(builtins, str(raised["base"]), Exception)
    if not (isinstance(base, type) and issubclass(base, BaseException)):
        base = Exception
    says = wire.cut(raised["says"])
    body = {"__init__": lambda self: None, "__str__": lambda self: says}
    name = wire.cut(raised["type"], 60) or "Exception"
    try:
        return type(name, (base,), body)()
    except TypeError:  # groups of errors want their errors
        return type(name, (Exception,), body)()


def _change(argument: Any) -> bool:
    """Change an argument so that the check sees it, as the learner's function changed its copy."""
    if isinstance(argument, Tensor):
        argument.data = argument.new_zeros(argument.numel() + 1)
    elif isinstance(argument, list):
        argument.append(None)
    else:
        return isinstance(argument, tuple) and any(map(_change, argument))
    return True
