"""Which numbers are NaN or infinite."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from torch.nn.utils import get_total_norm


def unsound_rows(values: Mapping[str, Tensor | None], mask: Tensor) -> dict[str, list[int]]:
    """Rows in which something is NaN or infinite, by the names that have any.

    Args:
        values: (N,), or (N, L) of which only what `mask` marks counts.
        mask: (N, L) bool.
    """
    present = {name: value.detach() for name, value in values.items() if value is not None}
    flags = torch.stack([_unsound(value, mask) for value in present.values()]).cpu()  # looked at once
    found = {name: row.nonzero().flatten().tolist() for name, row in zip(present, flags, strict=True)}
    return {name: rows for name, rows in found.items() if rows}


def gradients_sound(parameters: Iterable[nn.Parameter]) -> bool:
    """Whether every gradient is finite; of those that are cut up, this rank's part."""
    local = [_local(parameter.grad) for parameter in parameters if parameter.grad is not None]
    filled = [gradient for gradient in local if gradient.numel()]
    return bool(torch.isfinite(get_total_norm(filled, norm_type=math.inf)))  # sees each once, NaN included


def _local(gradient: Tensor) -> Tensor:
    return gradient.to_local().detach() if isinstance(gradient, DTensor) else gradient.detach()


def _unsound(values: Tensor, mask: Tensor) -> Tensor:
    """(N,) bool."""
    bad = ~torch.isfinite(values)
    return bad.to(mask.device) if bad.ndim == 1 else (bad & mask).any(dim=1)
