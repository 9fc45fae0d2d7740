"""How much better a response is than the others to the same question.

    scale="std"     A = (R - mean of the group) / (standard deviation of the group + 1e-4)
    scale="none"    A = R - mean of the group

"std" is GRPO and the paper's form (arXiv 2503.21776), with the unbiased deviation (G - 1) of its released
code. "none" leaves out the division, so whatever stretches a whole group's rewards, as the temporal bonus
does, still weighs in the update.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor

Scale = Literal["std", "none"]
_EPSILON = 1e-4


def group_advantages(rewards: Tensor, *, scale: Scale = "std") -> Tensor:
    """Advantages, shape (questions, G), of `rewards` (questions, G): one row a question.

    A group whose rewards are all equal gets exact zeros. Raises ValueError for another shape, for G < 2
    (nothing to compare with), for a NaN or infinite reward and for an unknown `scale`.
    """
    if rewards.ndim != 2:
        raise ValueError(f"rewards must be (questions, G), not {tuple(rewards.shape)}")
    if rewards.shape[1] < 2:
        raise ValueError(f"group advantages need G >= 2 responses a question, not G = {rewards.shape[1]}")
    if not rewards.isfinite().all():
        raise ValueError("rewards must be finite, but hold NaN or infinity")
    # Shifted by the first reward before the mean is taken: the mean of equal rewards may miss them by a
    # rounding error, and the division by 1e-4 would make that a signal.
    centred = rewards - rewards[:, :1]
    centred = centred - centred.mean(dim=1, keepdim=True)
    if scale == "none":
        return centred
    if scale != "std":
        raise ValueError(f'scale must be "std" or "none", not {scale!r}')
    return centred / (centred.std(dim=1, keepdim=True) + _EPSILON)
