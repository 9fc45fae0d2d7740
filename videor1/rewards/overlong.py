"""The soft over-long penalty of DAPO (arXiv 2503.14476, equation 13): ending too late costs by degrees.

                  0                                         length ≤ longest - margin
    penalty_i =   (longest - margin - length_i) / margin    up to longest
                  -1                                        beyond

The paper's L_max is `longest` and its L_cache `margin` (20,480 and 4,096 tokens there). A response that
max_new_tokens cut off costs the whole weight where longest ≤ max_new_tokens.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from videor1.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class OverlongSettings:
    """From which length a response costs, and how much.

    Args:
        longest: tokens from which the whole penalty is due.
        margin: tokens before `longest` over which it grows from 0.
        weight: the whole penalty, which is taken from the reward.
    """

    longest: int
    margin: int
    weight: float = 1.0

    def __post_init__(self) -> None:
        if not 1 <= self.margin <= self.longest:
            raise ConfigError(
                f"model.rewards.overlong.margin and model.rewards.overlong.longest must satisfy "
                f"1 <= margin <= longest, not margin = {self.margin}, longest = {self.longest}"
            )
        if not (math.isfinite(self.weight) and self.weight >= 0):
            raise ConfigError(
                f"model.rewards.overlong.weight must be a finite number of at least 0, not {self.weight}"
            )


def overlong_penalty(lengths: Tensor, *, longest: int, margin: int) -> Tensor:
    """Penalty (G,) float32 in [-1, 0] for `lengths` (G,), which count response tokens."""
    return ((longest - margin - lengths.float()) / margin).clamp(-1.0, 0.0)
