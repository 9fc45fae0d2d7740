"""Faster matrix products for decoding on a CPU: weights laid out once for the kernels of oneDNN.

A decoding step multiplies every weight with a few rows, so it takes as long as reading the weights does.
Measured on 2 AMD cores, 8 rows of float32: MKL's way reads them at 8 GB/s, oneDNN's with packed weights at
16, and packed in bfloat16 half the bytes are left to read.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn

from videor1.policy.token_scores import Head

_KINDS = (nn.Linear, Head)


@contextmanager
def packed_linears(model: nn.Module, rows: int, dtype: torch.dtype) -> Iterator[None]:
    """Within it the linear layers of `model` on the CPU use copies of their weights, packed for `rows` rows.

    Whatever else a layer is part of (adapters, hooks) stays as it is. The copies take as much memory as the
    weights in `dtype`, and do not follow changes of the weights.

    Args:
        model: runs without gradients within.
        rows: of activations that most products will have; others work too.
        dtype: of the products, float32 or bfloat16; results are in the layer's own.
    """
    packed = []
    try:
        for layer in model.modules():
            # no other subclass: quantised layers do more than multiply
            if isinstance(layer, nn.Linear) and type(layer) in _KINDS and _can_be_packed(layer, dtype):
                weight = torch.ops.mkldnn._reorder_linear_weight(layer.weight.detach().to(dtype), rows)
                bias = None if layer.bias is None else layer.bias.detach().to(dtype)
                layer.forward = partial(_linear, weight, bias)  # type: ignore[method-assign]  # hooks stay
                packed.append(layer)
        yield
    finally:
        for layer in packed:
            del layer.forward


def has_products(dtype: torch.dtype) -> bool:
    """Whether oneDNN multiplies float32 or bfloat16, as given, on this CPU."""
    if dtype is torch.bfloat16:
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return dtype is torch.float32 and torch.backends.mkldnn.is_available()


def _can_be_packed(layer: nn.Linear, dtype: torch.dtype) -> bool:
    whole = layer.weight.numel() > 0 and type(layer.weight.data) is Tensor  # not sharded by ZeRO-3 or FSDP2
    untouched = "forward" not in vars(layer)  # by others who replace it, as accelerate does
    return whole and untouched and layer.weight.device.type == "cpu" and has_products(dtype)


def _linear(weight: Tensor, bias: Tensor | None, rows: Tensor) -> Tensor:
    product: Tensor = torch.ops.mkldnn._linear_pointwise(rows.to(weight.dtype), weight, bias, "none", [], "")
    return product.to(rows.dtype)
