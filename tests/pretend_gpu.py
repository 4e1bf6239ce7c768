"""A GPU that is not there: tensors that say they are elsewhere, are computed on the CPU, and refuse what a GPU refuses.

What runs under it mixes no devices, and its waits for the GPU can be counted. It says nothing of speed, of TF32 or of a
GPU's own kernels. "meta" is the one device besides the CPU that every build of torch knows.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

aten = torch.ops.aten
GPU = torch.device("meta")
INDEXING = (aten.index.Tensor, aten.index_put.default, aten.index_put_.default, aten._index_put_impl_.default)
ASKING = (aten._local_scalar_dense.default, aten.equal.default, aten.nonzero.default, aten.masked_select.default)


class OnGpu(Tensor):
    """A tensor there; `inner` has its numbers."""

    inner: Tensor

    @staticmethod
    def __new__(cls, inner: Tensor) -> OnGpu:
        strides, offset = inner.stride(), inner.storage_offset()
        return Tensor._make_wrapper_subclass(
            cls, inner.shape, strides=strides, storage_offset=offset, dtype=inner.dtype, device=GPU
        )

    def __init__(self, inner: Tensor):
        self.inner = inner

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise RuntimeError(f"{func} on a tensor of the pretended GPU, outside of `with`")


class PretendedGpu(TorchDispatchMode):
    """`with` it, tensors can be moved to GPU. operations: how many ran there; waits: how often the program waited for
    it, by the operation that it waited in."""

    def __init__(self) -> None:
        super().__init__()
        self.operations = 0
        self.waits: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        there = [tensor for tensor in tensors if isinstance(tensor, OnGpu)]
        goes_there = isinstance(args[0], OnGpu) if func is aten.copy_.default else bool(there)
        if kwargs.get("device") is not None:
            goes_there, kwargs["device"] = torch.device(kwargs["device"]) == GPU, torch.device("cpu")
        if func in (aten._to_copy.default, aten.copy_.default):
            self._count(func, isinstance(tensors[-1], OnGpu) != goes_there)  # the last one is what is copied
        elif there:
            self.operations += 1
            _refuse_mixed(func, args, tensors)
            self._count(func, func in ASKING or (func in INDEXING and any(map(_must_be_looked_at, args[1]))))
        result = func(*tree_map(_inner, args), **tree_map(_inner, kwargs))

        def outer(part: Any) -> Any:
            if not isinstance(part, Tensor):
                return part
            same = (tensor for tensor in tensors if _inner(tensor) is part)  # an operation in place
            return next(same, OnGpu(part) if goes_there else part)

        return tree_map(outer, result)

    def _count(self, func: Any, waits: bool) -> None:
        self.waits[str(func)] += waits


def _inner(leaf: Any) -> Any:
    return leaf.inner if isinstance(leaf, OnGpu) else leaf


def _must_be_looked_at(index: Any) -> bool:
    """Whether the shape of what is indexed depends on the numbers, or the index has to be brought there."""
    return isinstance(index, Tensor) and (index.dtype in (torch.bool, torch.uint8) or not isinstance(index, OnGpu))


def _refuse_mixed(func: Any, args: Any, tensors: list[Tensor]) -> None:
    """Only single numbers, and indices, may come from the CPU."""
    if func in INDEXING:
        tensors = [tensor for tensor in (args[0], *args[2:3]) if isinstance(tensor, Tensor)]
    for tensor in tensors:
        if tensor.ndim > 0 and not isinstance(tensor, OnGpu):
            raise RuntimeError(f"{func}: expected all tensors on one device, found cpu, shape {tuple(tensor.shape)}")
