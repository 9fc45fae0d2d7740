"""The temporal bonus of T-GRPO: correct answers pay more where frame order does not hurt.

    p, p~ = share of correct responses among those that saw the frames in order / shuffled
    bonus_i = alpha  if p ≥ p~ and response i is correct,  else 0          (arXiv 2503.21776)

Correct means accuracy > threshold. The released code compares mean accuracies instead, with a margin:
mean ≥ 0.8 * mean~. Both hold for a group in which nothing is right (0 ≥ 0), but then mark nobody.

With 0/1 accuracy and equal formats the bonus only stretches a group's rewards, and dividing by the group's
standard deviation undoes the stretch: the advantages are those of plain GRPO. It acts through fractional
accuracy, mixed formats and the length bonus, or where advantages are not divided
(`group_advantages(scale="none")`): there it weighs groups, 1 + alpha to 1.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

TemporalRule = Literal["paper", "released"]
RELEASED_MARGIN = 0.8


def temporal_bonus(
    accuracy: Tensor,
    shuffled_accuracy: Tensor,
    *,
    alpha: float = 0.3,
    threshold: float = 0.1,
    rule: TemporalRule = "paper",
) -> Tensor:
    """Bonus (G,), 0 or `alpha`, for the ordered responses of one question.

    `accuracy` (G,) and `shuffled_accuracy` (G~,) lie in [0, 1]. An empty shuffled group (an image, or no
    shuffled rollout) gives zeros. Raises ValueError for tensors that are not 1-D and for an unknown rule.
    """
    if accuracy.ndim != 1 or shuffled_accuracy.ndim != 1:
        raise ValueError(
            f"accuracy and shuffled_accuracy must be 1-D, not {tuple(accuracy.shape)} "
            f"and {tuple(shuffled_accuracy.shape)}"
        )
    if rule not in get_args(TemporalRule):
        raise ValueError(f"temporal rule must be one of {get_args(TemporalRule)}, not {rule!r}")
    if len(shuffled_accuracy) == 0:
        return torch.zeros_like(accuracy)
    correct = accuracy > threshold
    if rule == "released":
        order_helps = accuracy.mean() >= RELEASED_MARGIN * shuffled_accuracy.mean()
    else:
        # p ≥ p~ over integers: as quotients, equal shares of unequal groups could differ by rounding.
        shuffled_correct = (shuffled_accuracy > threshold).sum()
        order_helps = correct.sum() * len(shuffled_accuracy) >= shuffled_correct * len(accuracy)
    return alpha * (correct & order_helps).to(accuracy.dtype)
