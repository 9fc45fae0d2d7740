"""Tensors, and what is none, as one run of bytes that may come from anyone.

They are safetensors, which hold numbers and nothing that could be run; what is no tensor stands as JSON in
one of them. Numbers arrive as they were sent, to the last bit.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from videor1.errors import EngineError

_REST = "rest"  # the tensor that holds the JSON


def pack(rest: Any, tensors: dict[str, Tensor]) -> bytes:
    """Both as bytes; `rest` is what JSON can hold."""
    text = torch.frombuffer(bytearray(json.dumps(rest).encode()), dtype=torch.uint8)
    # copied, since two that share memory could not be saved
    whole = {name: tensor.to("cpu", copy=True).contiguous() for name, tensor in tensors.items()}
    return save(whole | {_REST: text})


def unpack(data: bytes) -> tuple[Any, dict[str, Tensor]]:
    """What `pack` was given, on the CPU; to be called within `malformed`."""
    tensors = load(data)
    return json.loads(checked(tensors, _REST, torch.uint8, None).numpy().tobytes()), tensors


def checked(tensors: dict[str, Tensor], name: str, dtype: torch.dtype, *shape: int | None) -> Tensor:
    """The tensor of this name; None in its shape stands for any number. To be called within `malformed`."""
    tensor = tensors[name]
    fits = len(shape) == tensor.dim() and all(
        size in (None, own) for size, own in zip(shape, tensor.shape, strict=True)
    )
    if tensor.dtype != dtype or not fits:
        raise ValueError(f"'{name}' is {tensor.dtype} of shape {tuple(tensor.shape)}")
    return tensor


@contextmanager
def malformed(what: str) -> Iterator[None]:
    """Within it, whatever comes of bytes that are something else is one EngineError of one line."""
    try:
        yield
    except (
        *(SafetensorError, LookupError, TypeError, ValueError, AttributeError, RecursionError),
        OverflowError,  # int() of the infinity that JSON's 1e400 is
    ) as error:
        told = " ".join(str(error).split())
        raise EngineError(f"rollout.vllm: {what} is malformed: {type(error).__name__}: {told}") from error
