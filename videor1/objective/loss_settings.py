"""What the policy loss is made of, as a config says it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from videor1.errors import ConfigError
from videor1.objective.aggregate import Aggregation
from videor1.objective.divergence import Estimator

RatioLevel = Literal["token", "sequence"]
PenaltyPlace = Literal["loss", "reward"]
_CHOICES = {
    "aggregation": get_args(Aggregation),
    "ratio": get_args(RatioLevel),
    "kl": get_args(Estimator),
    "kl_in": get_args(PenaltyPlace),
}


@dataclass(frozen=True, kw_only=True)
class LossSettings:
    """The policy loss; formulas in `videor1.objective.loss`, `.aggregate` and `.divergence`.

    Args:
        beta: weight of the KL term to the reference; 0 does without a reference.
        clip_low: the ratio counts no less than 1 - clip_low.
        clip_high: the ratio counts no more than 1 + clip_high; DAPO's clip-higher is 0.28 beside 0.2.
        kl_clamp: bounds the log-ratio inside the KL term; null for no bound (the authors' code: 10).
        aggregation: "grpo", "dr_grpo" (beside model.scale none) or "token_mean" (DAPO).
        ratio: "token", or "sequence" (GSPO): one ratio a response, clipped as a whole. Such ratios stay near
            1, GSPO's paper clips at 3e-4 and 4e-4.
        kl: estimator of the loss's KL term and of the one logged: "k3", "k2", whose gradient is that of the
            reverse KL, or "k1", whose gradient is zero in expectation.
        kl_in: "loss", or "reward": beta times the sum over tokens of k1 is taken off a response's reward, and
            the loss has no such term.
        mask_truncated: responses that max_new_tokens cut off give no gradient. Their rewards stay in the
            group's advantages; "grpo" and "dr_grpo" count them as a gain of 0 among all responses,
            "token_mean" leaves their tokens out of its divisor.
        entropy_bonus: weight of the mean entropy, in nats a token, that the loss rewards.
    """

    beta: float = 0.04
    clip_low: float = 0.2
    clip_high: float = 0.2
    kl_clamp: float | None = None
    aggregation: Aggregation = "grpo"
    ratio: RatioLevel = "token"
    kl: Estimator = "k3"
    kl_in: PenaltyPlace = "loss"
    mask_truncated: bool = False
    entropy_bonus: float = 0.0

    def __post_init__(self) -> None:
        for name in ("beta", "clip_high", "entropy_bonus"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ConfigError(f"model.loss.{name} must be at least 0, got {getattr(self, name)}")
        if not 0 <= self.clip_low <= 1:
            raise ConfigError(f"model.loss.clip_low must lie in 0 … 1, got {self.clip_low}")
        if self.kl_clamp is not None and not self.kl_clamp > 0:
            raise ConfigError(f"model.loss.kl_clamp must be above 0 or null, got {self.kl_clamp}")
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise ConfigError(
                    f"model.loss.{name} must be one of {', '.join(choices)}, got {getattr(self, name)!r}"
                )

    @property
    def clamp(self) -> float:
        """The bound of the log-ratio inside the KL term, infinity for none."""
        return math.inf if self.kl_clamp is None else self.kl_clamp
