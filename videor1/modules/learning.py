"""What of a policy learns how fast: its parameters in groups for the optimizer."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from torch import nn

from videor1.errors import ConfigError
from videor1.policy.parts import PARTS, Part, part_of
from videor1.policy.weights import whole_shape


@dataclass(frozen=True, kw_only=True)
class LearningRates:
    """Peak learning rates of the model's parts.

    Args:
        vision: of the vision tower; null for the optimizer's own.
        merger: of the layers between tower and language model; likewise.
        language: of the language model, embeddings and head; likewise.
    """

    vision: float | None = None
    merger: float | None = None
    language: float | None = None

    def __post_init__(self) -> None:
        for part in PARTS:
            rate = self.of(part)
            if rate is not None and not rate > 0:
                raise ConfigError(
                    f"model.learning_rates.{part} must be above 0, got {rate};"
                    " model.freeze leaves a part as it is"
                )

    def of(self, part: Part) -> float | None:
        """The rate of a part; None for the optimizer's own."""
        rate: float | None = getattr(self, part)
        return rate


def parameter_groups(model: nn.Module, rates: LearningRates) -> list[dict[str, Any]]:
    """All that learns, by part; biases and norms, which have one dimension, are not decayed."""
    groups: dict[tuple[Part, bool], list[nn.Parameter]] = defaultdict(list)
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            groups[part_of(name), len(whole_shape(parameter)) > 1].append(parameter)
    return [_group(*kind, parameters, rates.of(kind[0])) for kind, parameters in groups.items()]


def _group(part: Part, decayed: bool, parameters: list[nn.Parameter], rate: float | None) -> dict[str, Any]:
    group: dict[str, Any] = {"params": parameters, "name": part if decayed else f"{part}, not decayed"}
    if rate is not None:
        group["lr"] = rate
    if not decayed:
        group["weight_decay"] = 0.0
    return group
