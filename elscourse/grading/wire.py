"""What passes between the judging process and the learner's: frames of JSON, tensors as their bytes, never pickle."""

from __future__ import annotations

import base64
import itertools
import json
import math
from collections import namedtuple
from collections.abc import Callable
from fractions import Fraction
from typing import Any, BinaryIO

import numpy as np
import torch
from torch import Tensor

LARGEST = 2**23  # bytes of one frame; the arguments and answers of all exercises stay far below
DTYPES = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        *(torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64),
        *(torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.complex64, torch.complex128),
    )
}
INDEXED = namedtuple("INDEXED", ("values", "indices"))  # what torch's min, max, sort and topk return along a dimension
Message = dict[str, Any]
Function = Callable[..., Any]


class Garbled(Exception):
    """A frame that is too long, cut off, or says nothing that can be understood."""


def send(stream: BinaryIO, message: Message) -> None:
    """Write one frame: its length in four bytes, then JSON. Raises Garbled if it is too long."""
    body = json.dumps(message).encode()
    if len(body) > LARGEST:
        raise Garbled(f"{len(body):,} bytes")
    stream.write(len(body).to_bytes(4, "big") + body)
    stream.flush()


def receive(stream: BinaryIO) -> Message:
    """Read one frame. Raises EOFError when the other side is gone, Garbled for anything that is no frame."""
    length = int.from_bytes(_exactly(stream, 4), "big")
    if length > LARGEST:
        raise Garbled(f"{length:,} bytes")
    try:
        message = json.loads(_exactly(stream, length))
    except (ValueError, RecursionError) as error:
        raise Garbled("no JSON") from error
    if not isinstance(message, dict):
        raise Garbled("no message")
    return message


def _exactly(stream: BinaryIO, count: int) -> bytes:
    data = stream.read(count)
    if len(data) < count:
        raise EOFError
    return data


def encode(value: Any, functions: list[Function] | None = None) -> Message:
    """A value as JSON. Functions are kept in the list given, and only their place in it is sent.

    What is neither number, text, tensor, array, list nor tuple is sent as the name of its type.
    """
    if value is None:
        return {"none": True}
    if isinstance(value, (bool, np.bool_)):
        return {"truth": bool(value)}
    if isinstance(value, (int, np.integer)):
        return {"whole": hex(int(value))}
    if isinstance(value, (float, np.floating, Fraction)):
        return {"real": float(value)}
    if isinstance(value, str):
        return {"text": str(value)}
    if isinstance(value, Tensor) and str(value.dtype).removeprefix("torch.") in DTYPES:
        return {"tensor": _encode_tensor(value)}
    if isinstance(value, np.ndarray) and value.dtype.kind in "biufc":
        return {"array": _encode_tensor(torch.from_numpy(np.array(value)))}  # a copy: strides may be negative
    if isinstance(value, tuple) and hasattr(value, "values") and hasattr(value, "indices"):
        return {"indexed": [encode(part) for part in value]}
    if isinstance(value, (list, tuple)):
        return {"list" if isinstance(value, list) else "tuple": [encode(part, functions) for part in value]}
    if functions is not None and callable(value):
        functions.append(value)
        return {"function": len(functions) - 1}
    return {"other": type(value).__name__}


def _encode_tensor(value: Tensor) -> list[Any]:
    kind = "meta" if value.is_meta else "strided" if value.layout == torch.strided else "sparse"
    data = b""
    if kind != "meta":
        plain = value.detach().to_dense().cpu().resolve_conj().resolve_neg()
        plain = plain.clone(memory_format=torch.contiguous_format).reshape(-1)  # a lone number may have any stride
        data = plain.view(torch.uint8).numpy().tobytes()
    return [str(value.dtype).removeprefix("torch."), list(value.shape), kind, base64.b64encode(data).decode()]


def decode(message: Any, functions: Callable[[int], Function] | None = None) -> Any:
    """The value of `encode`. Raises Garbled for what `encode` cannot have written: the sender is not trusted."""
    try:
        [(kind, content)] = message.items()
        if kind in ("list", "tuple"):
            parts = [decode(part, functions) for part in content]
            return parts if kind == "list" else tuple(parts)
        if kind == "indexed":
            return INDEXED(*map(decode, content))
        if kind == "function" and functions is not None:
            return functions(int(content))
        return _PLAIN[kind](content)
    except Garbled:
        raise
    except Exception as error:
        raise Garbled(type(error).__name__) from error


def _decode_tensor(content: list[Any]) -> Tensor:
    name, shape, kind, text = content
    dtype = DTYPES[name]
    if not all(type(side) is int and side >= 0 for side in shape):
        raise Garbled("a shape")
    if kind == "meta":
        return torch.empty(shape, dtype=dtype, device="meta")
    data = base64.b64decode(text, validate=True)
    if len(data) != math.prod(shape) * dtype.itemsize:
        raise Garbled("a tensor of another size")
    flat = torch.frombuffer(bytearray(data), dtype=dtype) if data else torch.empty(0, dtype=dtype)
    return flat.reshape(shape).to_sparse() if kind == "sparse" else flat.reshape(shape)


def _stand_in(name: str) -> Any:
    """An object of which nothing is known but the name of its type."""
    return type(str(name)[:60] or "object", (), {})()


_PLAIN: dict[str, Callable[[Any], Any]] = {
    "none": lambda _: None,
    "truth": bool,
    "whole": lambda text: int(text, 16),
    "real": float,
    "text": str,
    "tensor": _decode_tensor,
    "array": lambda content: _decode_tensor(content).numpy(),
    "other": _stand_in,
}


def cut(text: object, most: int = 200) -> str:
    """One line of at most that many characters, of what may be anything."""
    return "".join(itertools.islice((c if c.isprintable() else " " for c in str(text)), most))
