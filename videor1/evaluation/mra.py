"""Mean relative accuracy (MRA), the mark of VSI-Bench's numeric questions, as defined and as released.

    MRA(p, t) = mean over theta in {0.50, 0.55, …, 0.95} of [relative error within 1 − theta]

VSI-Bench (arXiv 2412.14171) counts an error of exactly 1 − theta. Video-R1's evaluation script wants it
smaller, in float32, where 1 − theta is off by a rounding: there 0.5, 0.3 and 0.2 lose their ties, 0.1 and
0.05 keep them.
"""

from __future__ import annotations

import math

import torch


def mean_relative_accuracy(prediction: float, target: float) -> float:
    """Official MRA of VSI-Bench: mean over theta in {0.50, 0.55, …, 0.95} of [|p − t| / |t| ≤ 1 − theta].

    A tie counts, also where floating point puts it a hair beyond its bound: an error of 0.1 meets 1 − 0.9.

    Raises:
        ValueError: target 0, for which a relative error does not exist.
    """
    if target == 0:
        raise ValueError("mean_relative_accuracy needs a target other than 0")
    error = abs(prediction - target) / abs(target)
    bounds = [0.05 * k for k in range(1, 11)]
    return sum(error <= bound or math.isclose(error, bound) for bound in bounds) / 10


def released_mean_relative_accuracy(prediction: float, target: float) -> float:
    """MRA of Video-R1's script, bit for bit: mean of [|p − t| / (|t| + 1e-8) < 1 − theta] in float32.

    The mean is a float32 too: nine bounds of ten make 0.8999999761581421. A target of 0 gives 1 to a
    prediction of 0 and 0 to others that are not tiny; NaN and infinity give 0.
    """
    out, gold = (torch.tensor(value, dtype=torch.float32) for value in (prediction, target))
    error = (out - gold).abs() / (gold.abs() + 1e-8)
    # `arange` and not the ten numbers: its roundings decide the ties.
    thetas = torch.arange(0.5, 0.95 + 0.05 / 2, 0.05, dtype=torch.float32)
    return (error < 1 - thetas).float().mean().item()
