"""The temporal bonus of T-GRPO: correct answers pay more where frame order helps.

    p, p~ = share of correct responses among those that saw the frames in order / otherwise
    bonus_i = alpha  if order helps and response i is correct,  else 0          (arXiv 2503.21776)

Correct means accuracy > threshold. Order helps, by rule,

    paper      p ≥ p~: it does not hurt
    released   mean accuracy ≥ margin · mean accuracy~, margin 0.8 in the authors' code
    probable   P(p > p~ | what was counted) ≥ confidence: `probability_above`, where a tie is no evidence

and never where nothing is correct: 0 ≥ 0 is no success of order.

With 0/1 accuracy and equal formats the bonus only stretches a group's rewards, and dividing by the group's
standard deviation undoes the stretch: the advantages are those of plain GRPO. It acts through fractional
accuracy, mixed formats and the length bonus, or where advantages are not divided
(`group_advantages(scale="none")`): there it weighs groups, 1 + alpha to 1.
"""

from __future__ import annotations

from typing import Literal, get_args

from torch import Tensor

from videor1.rewards.probability import probability_above

TemporalRule = Literal["paper", "released", "probable"]


def order_helps(
    accuracy: Tensor,
    shuffled_accuracy: Tensor,
    *,
    threshold: float = 0.1,
    rule: TemporalRule = "paper",
    margin: float = 0.8,
    confidence: float = 0.9,
) -> bool:
    """Whether one question was answered better with its frames in order, by `rule`.

    `accuracy` (G,) and `shuffled_accuracy` (G~,) lie in [0, 1]. False without shuffled responses (an image).
    Raises ValueError for tensors that are not 1-D and for an unknown rule.
    """
    if accuracy.ndim != 1 or shuffled_accuracy.ndim != 1:
        raise ValueError(
            f"accuracy and shuffled_accuracy must be 1-D, not {tuple(accuracy.shape)} "
            f"and {tuple(shuffled_accuracy.shape)}"
        )
    if rule not in get_args(TemporalRule):
        raise ValueError(f"temporal rule must be one of {get_args(TemporalRule)}, not {rule!r}")
    k, n = int((accuracy > threshold).sum()), len(accuracy)
    shuffled_k, shuffled_n = int((shuffled_accuracy > threshold).sum()), len(shuffled_accuracy)
    if k == 0 or shuffled_n == 0:
        return False
    if rule == "released":
        return bool(accuracy.mean() >= margin * shuffled_accuracy.mean())
    if rule == "probable":
        return probability_above(k, n, shuffled_k, shuffled_n) >= confidence
    # p ≥ p~ over integers: as quotients, equal shares of unequal groups could differ by rounding.
    return k * shuffled_n >= shuffled_k * n


def temporal_bonus(
    accuracy: Tensor,
    shuffled_accuracy: Tensor,
    *,
    alpha: float = 0.3,
    threshold: float = 0.1,
    rule: TemporalRule = "paper",
    margin: float = 0.8,
    confidence: float = 0.9,
) -> Tensor:
    """Bonus (G,), 0 or `alpha`, for the ordered responses of one question; arguments as of `order_helps`."""
    helps = order_helps(
        accuracy,
        shuffled_accuracy,
        threshold=threshold,
        rule=rule,
        margin=margin,
        confidence=confidence,
    )
    return alpha * helps * (accuracy > threshold).to(accuracy.dtype)
