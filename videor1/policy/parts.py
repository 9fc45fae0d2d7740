"""The three parts of a Qwen2.5-VL that may learn each in its own way, or not at all."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, get_args

from torch import nn

Part = Literal["vision", "merger", "language"]
PARTS: tuple[Part, ...] = get_args(Part)

_PREFIXES: dict[Part, str] = {
    "merger": "model.visual.merger.",  # from the tower's width to the language model's
    "vision": "model.visual.",  # the tower's blocks and what cuts the patches
}


def part_of(name: str) -> Part:
    """Which part a tensor of a Qwen2.5-VL, named as in memory, belongs to; the head is "language"."""
    return next((part for part, prefix in _PREFIXES.items() if name.startswith(prefix)), "language")


def freeze_parts(model: nn.Module, parts: Collection[Part]) -> None:
    """Leaves these parts of a model as they are; the others learn."""
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(part_of(name) not in parts)
