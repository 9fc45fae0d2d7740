"""The length bonus: think long enough, but not for ever.

    bonus_i = omega  if response i is correct and l_min ≤ length_i ≤ l_max,  else 0    (arXiv 2503.21776)

Length is in tokens; correct means accuracy > threshold. The released code pays only in groups with at least
two correct responses (`min_correct=2`); the paper sets no such condition.
"""

from __future__ import annotations

import torch
from torch import Tensor


def length_bonus(
    accuracy: Tensor,
    lengths: Tensor,
    *,
    omega: float = 0.2,
    l_min: int = 320,
    l_max: int = 512,
    min_correct: int = 1,
    threshold: float = 0.1,
) -> Tensor:
    """Bonus (G,), 0 or `omega`, for the responses of one question.

    `accuracy` (G,) lies in [0, 1]; `lengths` (G,) counts response tokens, both bounds included. Raises
    ValueError when the shapes differ or l_min > l_max.
    """
    if accuracy.ndim != 1 or accuracy.shape != lengths.shape:
        raise ValueError(
            f"accuracy and lengths must both be (G,), not {tuple(accuracy.shape)} and {tuple(lengths.shape)}"
        )
    if l_min > l_max:
        raise ValueError(f"l_min = {l_min} must not be above l_max = {l_max}")
    correct = accuracy > threshold
    if int(correct.sum()) < min_correct:
        return torch.zeros_like(accuracy)
    return omega * (correct & (lengths >= l_min) & (lengths <= l_max)).to(accuracy.dtype)
