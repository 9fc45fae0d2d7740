"""Temporal credit: how what the perturbed clip shows reaches the update.

For a question, A = group_advantages(R) with R the rewards without any temporal term; p, p~ = mean accuracy
for the clip and for the perturbed clip; b_i = the temporal bonus of a correct response by the rule of
`rewards/temporal.py`, 0 or alpha; m, s = mean and standard deviation (s is 1 where scale is "none"):

    credit            advantage of response i, or weight of its token t
    none              A_i                                                         plain GRPO
    reward            (R_i + b_i - m) / s                                         arXiv 2503.21776
    advantage         A_i + b_i
    joint             (R_i - m) / s,  m and s over ordered and perturbed responses together
    gap_weight        A_i * clip((p - p~) / 0.5, 0.1, 1)
    shuffled_weight   A_i * (1 - p~)
    log_ratio         A_i + alpha * correct_i * clip(Δ_i / 2, -1, 1),  Δ_i = Σ_t Δ_t
    token_ratio       A_i,  weight 1/2 + 1/2 * |Δ_t| / mean of |Δ| over the response

    Δ_t = log π(y_t | clip) - log π(y_t | perturbed clip), of the same response: one pass and no rollouts

`reward` is nearly undone by the division by s, see `rewards/temporal.py`; with scale "none" it weighs
groups. The others act whatever s does. `advantage` and `log_ratio` teach where all are right, too; `joint`
pays a right answer less where the perturbed clip gives it as well; the weights turn to questions that need
time.

Sharpening alone can look like temporal credit. So each has a twin that never looks at a perturbed clip:

    correct           A_i + alpha * correct_i                                     of advantage
    ordered_weight    A_i * (1 - p)                                               of shuffled_weight
    log_prob          log_ratio, with Δ_i = log π(y_i | clip) - its mean over the group
    token_entropy     token_ratio, with the entropy of the distribution that y_t is drawn from for |Δ_t|

Questions about images have nothing to perturb and keep A, whatever the credit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from videor1.objective.advantages import Scale, group_advantages

Credit = Literal[
    "none",
    "reward",
    "advantage",
    "joint",
    "gap_weight",
    "shuffled_weight",
    "log_ratio",
    "token_ratio",
    "correct",
    "ordered_weight",
    "log_prob",
    "token_entropy",
]
BY_RESPONSES: tuple[Credit, ...] = ("reward", "advantage", "joint", "gap_weight", "shuffled_weight")
BY_PERTURBED_TOKENS: tuple[Credit, ...] = ("log_ratio", "token_ratio")
BY_TOKENS: tuple[Credit, ...] = (*BY_PERTURBED_TOKENS, "log_prob", "token_entropy")
BY_WEIGHT: tuple[Credit, ...] = ("token_ratio", "token_entropy")  # of tokens
_FULL_GAP, _LEAST_WEIGHT, _NATS = 0.5, 0.1, 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What is known of a group about a video, when credit is given."""

    rewards: Tensor  # (G,) without any temporal term
    bonus: Tensor  # (G,) by the temporal rule
    accuracy: Tensor  # (G,) in [0, 1]
    correct: Tensor  # (G,) bool
    shuffled_rewards: Tensor  # (G~,) as `rewards`, of the responses to the perturbed clip
    shuffled_accuracy: Tensor  # (G~,) in [0, 1]
    gained: Tensor | None = None  # (G,) nats: Δ_i of log_ratio or log π(y_i | clip) of log_prob


def credited_advantages(group: Measured, credit: Credit, *, alpha: float, scale: Scale) -> Tensor:
    """Advantages (G,) of a group about a video; see the module for the formulas.

    Raises ValueError for what `group_advantages` refuses, and for a credit by responses or by tokens without
    these.
    """
    if credit in BY_RESPONSES and len(group.shuffled_rewards) == 0:
        raise ValueError(f"credit {credit!r} needs responses to the perturbed clip")
    rewards = group.rewards
    if credit == "reward":
        return _advantages(rewards + group.bonus, scale)
    if credit == "joint":
        return _advantages(torch.cat([rewards, group.shuffled_rewards]), scale)[: len(rewards)]
    plain = _advantages(rewards, scale)
    if credit == "advantage":
        return plain + group.bonus
    if credit == "correct":
        return plain + alpha * group.correct
    if credit == "gap_weight":
        gap = group.accuracy.mean() - group.shuffled_accuracy.mean()
        return plain * (gap / _FULL_GAP).clamp(_LEAST_WEIGHT, 1.0)
    if credit == "shuffled_weight":
        return plain * (1 - group.shuffled_accuracy.mean())
    if credit == "ordered_weight":
        return plain * (1 - group.accuracy.mean())
    if credit in ("log_ratio", "log_prob"):
        if group.gained is None:
            raise ValueError(f"credit {credit!r} needs log-probs")
        gained = group.gained - group.gained.mean() if credit == "log_prob" else group.gained
        return plain + alpha * group.correct * (gained / _NATS).clamp(-1.0, 1.0)
    return plain


def token_weights(signal: Tensor, mask: Tensor) -> Tensor:
    """Weights (N, L) of the tokens of each response, 1 on average and at least 1/2.

    Args:
        signal: (N, L), at least 0: |Δ_t|, or entropies.
        mask: (N, L) bool, True at response tokens; weights elsewhere are 1, as in a response without signal.
    """
    signal = signal.masked_fill(~mask, 0.0)
    mean = signal.sum(dim=1, keepdim=True) / mask.sum(dim=1, keepdim=True).clamp(min=1)
    relative = torch.where(mean > 0, signal / mean.clamp(min=torch.finfo(signal.dtype).tiny), 1.0)
    return (0.5 + 0.5 * relative).masked_fill(~mask, 1.0)


def _advantages(rewards: Tensor, scale: Scale) -> Tensor:
    return group_advantages(rewards[None], scale=scale)[0]
