"""How far a benchmark's score may be off, and whether two models differ, by resampling the questions.

The official score is a weighted sum of means over strata (`averages.py`), so the bootstrap draws within each
stratum: within each task of a macro benchmark, over all questions of a micro one. For the same reason the
difference of two models on the same questions is the score of the differences of their marks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from videor1.evaluation.averages import Marks, check_shapes, official_score, strata
from videor1.evaluation.benchmarks import Benchmark

FEWEST_QUESTIONS = 10  # below it, resampling tells more about the draw than about the model
_BATCH = 50  # resamples at once: 7,500 questions take 0.6 s and 6 MB


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Official score of a first model minus that of a second, with its 95 % interval."""

    mean: float
    low: float
    high: float


def bootstrap_interval(
    benchmark: Benchmark, tasks: Sequence[str], marks: Marks, *, resamples: int = 10_000, seed: int = 0
) -> tuple[float, float] | None:
    """95 % percentile interval of the official score of `marks` (N,) for questions of `tasks` (N).

    None where the benchmark has no score, where N < 10, and where a task of a macro benchmark has a single
    question, whose spread nobody knows. Equal marks give an interval of no width.

    Raises ValueError for other shapes.
    """
    check_shapes(tasks, marks)
    parts = strata(benchmark, tasks)
    if len(tasks) < FEWEST_QUESTIONS or not parts or min(part.questions.size for part in parts) < 2:
        return None
    weights = [part.weight for part in parts]

    def score(*samples: Marks, axis: int) -> Any:
        return sum(weight * sample.mean(axis) for weight, sample in zip(weights, samples, strict=True))

    interval = stats.bootstrap(
        [marks[part.questions] for part in parts],
        score,
        n_resamples=resamples,
        batch=_BATCH,
        vectorized=True,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return float(interval.low), float(interval.high)


def paired_difference(
    benchmark: Benchmark,
    tasks: Sequence[str],
    first: Marks,
    second: Marks,
    *,
    resamples: int = 10_000,
    seed: int = 0,
) -> Difference | None:
    """Difference of two models' scores on the same questions, `first` and `second` (N,), by paired bootstrap.

    None where `bootstrap_interval` is. Raises ValueError for other shapes.
    """
    check_shapes(tasks, first)
    check_shapes(tasks, second)
    gain = first - second
    interval = bootstrap_interval(benchmark, tasks, gain, resamples=resamples, seed=seed)
    mean = official_score(benchmark, tasks, gain).score
    if interval is None or mean is None:
        return None
    return Difference(mean=mean, low=interval[0], high=interval[1])


def mcnemar(first_correct: NDArray[np.bool_], second_correct: NDArray[np.bool_]) -> float:
    """Exact two-sided p of McNemar's test that two models are right equally often on the same questions.

    Only questions that one of them got right count: a binomial test of who it was. 1.0 where there are none.

    Raises ValueError unless both are of one shape (N,).
    """
    if first_correct.ndim != 1 or first_correct.shape != second_correct.shape:
        raise ValueError(f"answers must both be (N,), not {first_correct.shape} and {second_correct.shape}")
    only_first = int(np.sum(first_correct & ~second_correct))
    only_second = int(np.sum(second_correct & ~first_correct))
    if only_first + only_second == 0:
        return 1.0
    return float(stats.binomtest(only_first, only_first + only_second, 0.5).pvalue)
