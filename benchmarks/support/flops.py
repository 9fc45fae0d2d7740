"""Floating-point operations of a program, and how many a second the machine does at its best."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode, sdpa_backward_flop_count, sdpa_flop_count

_aten = torch.ops.aten


def _forward(query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
    return sdpa_flop_count(query, key, value)


def _backward(grad: Any, query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
    return sdpa_backward_flop_count(grad, query, key, value)


# torch counts the attention kernels of GPUs only. Causal attention counts as if all of it were computed.
_OF_CPU = {
    _aten._scaled_dot_product_flash_attention_for_cpu: _forward,
    _aten._scaled_dot_product_flash_attention_for_cpu_backward: _backward,
}


def count_flops(program: Callable[[], object]) -> int:
    """Of matrix products, convolutions and attention, forward and backward."""
    with FlopCounterMode(display=False, custom_mapping=_OF_CPU) as counter:
        program()
    return counter.get_total_flops()


def matmul_flops(size: int = 2048, repeats: int = 5) -> float:
    """A second, by products of two square float32 matrices."""
    left, right = torch.randn(2, size, size)
    left @ right
    started = time.perf_counter()
    for _ in range(repeats):
        left @ right
    return repeats * 2 * size**3 / (time.perf_counter() - started)
