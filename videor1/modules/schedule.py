"""The learning rate over the steps of a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from transformers import get_scheduler

from videor1.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class LearningRateSchedule:
    """Learning rate over the steps of a run.

    Args:
        shape: "cosine" falls to `floor` of the peak at the last step, "constant" stays.
        warmup_steps: steps over which the rate rises linearly from 0.
        floor: what remains at the end of a cosine, as a share of the peak.
    """

    shape: Literal["cosine", "constant"] = "cosine"
    warmup_steps: int = 0
    floor: float = 0.0

    def __post_init__(self) -> None:
        if self.warmup_steps < 0:
            raise ConfigError(f"model.schedule.warmup_steps must be at least 0, got {self.warmup_steps}")
        if not 0 <= self.floor <= 1:
            raise ConfigError(f"model.schedule.floor must lie in 0 … 1, got {self.floor}")

    def build(self, optimizer: torch.optim.Optimizer, steps: int) -> torch.optim.lr_scheduler.LRScheduler:
        """The scheduler, stepped once an optimizer step."""
        cosine = self.shape == "cosine"
        return get_scheduler(
            "cosine_with_min_lr" if cosine else "constant_with_warmup",
            optimizer,
            num_warmup_steps=self.warmup_steps,
            num_training_steps=steps,
            scheduler_specific_kwargs={"min_lr_rate": self.floor} if cosine else None,
        )
