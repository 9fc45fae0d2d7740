"""Bytes that collectives move, by kind and by the part of a step that asks for them, whoever asks.

All of torch.distributed goes through torch's dispatcher: calls of Python's, the reducer of DDP, which is C++,
the hooks of FSDP2 and DeepSpeed. The price is a detour for every operation, so a step that is counted is not
timed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from torch import Tensor
from torch.distributed.tensor import DTensor
from torch.utils._python_dispatch import TorchDispatchMode

# What the names of torch's operators begin with, once "_" and "all_gather"'s second spelling are gone.
_KINDS = {
    "allreduce": "all_reduce",
    "all_reduce": "all_reduce",
    "allgather": "all_gather",
    "all_gather": "all_gather",
    "reduce_scatter": "reduce_scatter",
    "broadcast": "broadcast",
    "reduce_": "reduce",
    "alltoall": "all_to_all",
    "all_to_all": "all_to_all",
}


class Traffic(TorchDispatchMode):
    """Counts within it, in this thread.

    A collective counts with the whole of what it makes: gradients that are summed, weights that are gathered,
    and not the share of a rank. In a ring of N a rank sends (N - 1) / N of that; twice for an all-reduce,
    which is a reduce-scatter and an all-gather.
    """

    def __init__(self) -> None:
        super().__init__()
        self.part = ""  # of the step, as whoever counts names it
        self.bytes: Counter[tuple[str, str]] = Counter()  # by part and kind

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if any(issubclass(one, DTensor) for one in types):
            return NotImplemented  # it is made of tensors, whose operations come here
        result = func(*args, **(kwargs or {}))
        if func.namespace in ("c10d", "_c10d_functional") and (kind := _kind(func.__name__)):
            # the whole is what goes in or what comes out
            self.bytes[self.part, kind] += max(map(_size, (*args[:2], result)))
        return result


def _kind(name: str) -> str | None:
    """None for what moves nothing, as a barrier or waiting."""
    plain = name.removeprefix("_")
    return next((kind for beginning, kind in _KINDS.items() if plain.startswith(beginning)), None)


def _size(value: Any) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in _tensors(value))


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _tensors(one)
