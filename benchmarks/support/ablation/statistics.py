"""Means of runs with their intervals, and differences between arms that share seeds.

Runs are paired: two arms with the same SFT checkpoint and the same seed begin alike and see the same
questions in the same order.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

LEVEL = 0.95
Pair = tuple[int, str, int]  # seed of SFT, digest of its weights, seed of the run
_EXACT = 2**16  # sign flips are all tried up to so many, that is 16 pairs, and drawn above


@dataclass(frozen=True, slots=True, kw_only=True)
class Mean:
    """A mean over n runs with its 95 % t-interval, which a single run does not have."""

    n: int
    mean: float
    low: float | None
    high: float | None

    @property
    def excludes_zero(self) -> bool:
        return self.low is not None and self.high is not None and not self.low <= 0 <= self.high


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Of one arm from another over the pairs that both have.

    p_t is the paired t-test's, p_flip that of the exact sign-flip permutation test, both two-sided; None for
    a single pair.
    """

    gain: Mean
    p_t: float | None
    p_flip: float | None


def mean_of(values: Sequence[float]) -> Mean:
    """mean ± t_{0.975, n − 1} · s / √n. Raises ValueError without a value."""
    if not values:
        raise ValueError("no runs to take a mean of")
    n, mean = len(values), float(np.mean(values))
    if n < 2:
        return Mean(n=n, mean=mean, low=None, high=None)
    reach = float(stats.t.ppf((1 + LEVEL) / 2, n - 1) * np.std(values, ddof=1) / math.sqrt(n))
    return Mean(n=n, mean=mean, low=mean - reach, high=mean + reach)


def difference(first: Mapping[Pair, float], second: Mapping[Pair, float]) -> Difference | None:
    """first − second over the pairs that both have; None where there are none."""
    keys = [key for key in first if key in second]
    if not keys:
        return None
    gains = np.array([first[key] - second[key] for key in keys])
    gain = mean_of(gains.tolist())
    if gain.n < 2:
        return Difference(gain=gain, p_t=None, p_flip=None)
    if np.ptp(gains) == 0:  # no spread: the t-test has no answer
        p_t = 1.0 if gains[0] == 0 else 0.0
    else:
        p_t = float(stats.ttest_rel([first[key] for key in keys], [second[key] for key in keys]).pvalue)
    flips = stats.permutation_test(
        (gains,),
        np.mean,
        permutation_type="samples",
        n_resamples=_EXACT,
        vectorized=True,
        rng=np.random.default_rng(0),
    )
    return Difference(gain=gain, p_t=p_t, p_flip=float(flips.pvalue))


def holm(ps: Sequence[float]) -> list[float]:
    """Holm's adjusted p of each of m tests: in rising order max over i ≤ k of min(1, (m − i + 1) p_i)."""
    adjusted, highest = [0.0] * len(ps), 0.0
    for rank, place in enumerate(sorted(range(len(ps)), key=ps.__getitem__)):
        highest = max(highest, min(1.0, (len(ps) - rank) * ps[place]))
        adjusted[place] = highest
    return adjusted
