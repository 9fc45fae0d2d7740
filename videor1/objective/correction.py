"""Importance weights for responses that another policy wrote than the one that is updated.

An engine computes with other kernels, in other number types, or with weights one step old, so it draws from a
policy μ that is not quite the trainer's π. Truncated importance sampling (Ionides 2008; for rollout engines
Yao et al. 2025) weighs what it drew:

    token      w_t = min(π(y_t) / μ(y_t), cap)
    sequence   w   = min(Π_t π(y_t) / μ(y_t), cap), for all tokens of the response

The first is biased and calm, the second unbiased but for the cap, with a variance that grows with the length.
Both are constants in the gradient.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from videor1.errors import ConfigError

Level = Literal["off", "token", "sequence"]


@dataclass(frozen=True, kw_only=True)
class CorrectionSettings:
    """What makes up for an engine that draws from another policy than the one that is updated.

    Args:
        level: "token" or "sequence" weighs the loss, see `videor1.objective.correction`; "off" only logs how
            far the two are apart; "auto" is "off" where engine and trainer both compute in float32 with the
            same weights and top_p is 1, "token" elsewhere.
        cap: largest weight.
    """

    level: Literal["auto", "off", "token", "sequence"] = "auto"
    cap: float = 2.0

    def __post_init__(self) -> None:
        if self.cap < 1:
            raise ConfigError(f"model.correction.cap must be at least 1, got {self.cap}")

    def resolve(self, *, exact: bool) -> Level:
        """The level for an engine that draws from exactly the trainer's policy, or not."""
        if self.level == "auto":
            return "off" if exact else "token"
        return self.level


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """How far two policies are apart on the tokens that one of them drew, and what makes up for it."""

    weights: Tensor | None  # (N, L) to multiply the policy gain with; None when it is left alone
    difference: Tensor  # () mean |log π - log μ| over all tokens, in nats
    kl: Tensor  # () mean log μ - log π over all tokens: an estimate of KL(μ ‖ π) a token, in nats
    truncated: Tensor  # () share of tokens (of responses, by sequence) whose ratio is above the cap
    level: Level


def importance_correction(
    trainer: Tensor, engine: Tensor, mask: Tensor, *, level: Level, cap: float
) -> Correction:
    """The correction for responses drawn by an engine.

    Args:
        trainer: (N, L) log-probs of the tokens by the policy that is updated, before the update.
        engine: (N, L) log-probs with which they were drawn.
        mask: (N, L) bool, True at response tokens; what stands elsewhere has no influence.
        level: see the module; "off" only measures.
        cap: largest weight.
    """
    gap = (trainer.detach() - engine.detach()).masked_fill(~mask, 0.0)
    tokens = mask.sum().clamp(min=1)
    if level == "sequence":
        ratio = gap.sum(dim=1, keepdim=True).exp()
        truncated = (ratio > cap).float().mean()
    else:
        ratio = gap.exp()
        truncated = ((ratio > cap) & mask).sum() / tokens
    return Correction(
        weights=None if level == "off" else ratio.clamp(max=cap).expand_as(gap),
        difference=gap.abs().sum() / tokens,
        kl=-gap.sum() / tokens,
        truncated=truncated if level != "off" else torch.zeros_like(truncated),
        level=level,
    )
