"""Intervals against closed forms, McNemar's test against sums of binomial coefficients."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from videor1.evaluation.averages import official_score
from videor1.evaluation.benchmarks import BENCHMARKS
from videor1.evaluation.statistics import bootstrap_interval, mcnemar, paired_difference

MMVU, MVBENCH, MMMU = BENCHMARKS["MMVU"], BENCHMARKS["MVBench"], BENCHMARKS["Video-MMMU"]


def right(count: int, of: int) -> np.ndarray:
    return np.array([1.0] * count + [0.0] * (of - count))


def test_resampled_means_of_right_and_wrong_are_binomial():
    """5 right of 10: the number right in a resample is binomial(10, 1/2), whose 95 % are 2 to 8."""
    assert stats.binom.ppf([0.025, 0.975], 10, 0.5).tolist() == [2.0, 8.0]
    assert bootstrap_interval(MMVU, [""] * 10, right(5, of=10)) == (0.2, 0.8)


def test_micro_interval_is_the_normal_one_for_many_questions():
    low, high = bootstrap_interval(MMVU, [""] * 900, right(630, of=900))
    half = 1.96 * math.sqrt(0.7 * 0.3 / 900)  # 0.030
    assert (low, high) == pytest.approx((0.7 - half, 0.7 + half), abs=0.002)


def test_macro_interval_has_the_variance_within_tasks_only():
    """(1/2)² (p q / n + p q / n) of two tasks at 0.9 and 0.1; pooled, it would be 0.5 · 0.5 / 800."""
    tasks = ["perception"] * 400 + ["adaptation"] * 400
    marks = np.concatenate([right(360, of=400), right(40, of=400)])
    low, high = bootstrap_interval(MMMU, tasks, marks)
    half = 1.96 * math.sqrt((0.9 * 0.1 / 400 + 0.1 * 0.9 / 400) / 4)  # 0.0208; pooled 0.0346
    assert (low, high) == pytest.approx((0.5 - half, 0.5 + half), abs=0.002)


def test_macro_interval_weighs_tasks_and_not_questions():
    tasks = ["perception"] * 20 + ["adaptation"] * 2000
    marks = np.concatenate([right(20, of=20), right(1000, of=2000)])
    low, high = bootstrap_interval(MMMU, tasks, marks)
    half = 1.96 * math.sqrt(0.5 * 0.5 / 2000) / 2
    assert (low, high) == pytest.approx((0.75 - half, 0.75 + half), abs=0.002)


def test_an_interval_is_drawn_alike_for_one_seed():
    tasks, marks = [""] * 40, np.linspace(0.0, 1.0, 40)
    first, again, other = (bootstrap_interval(MMVU, tasks, marks, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    assert first[0] < 0.5 < first[1]


def test_equal_marks_have_no_spread():
    assert bootstrap_interval(MMVU, [""] * 50, np.ones(50)) == (1.0, 1.0)


@pytest.mark.parametrize(
    ("benchmark", "tasks"),
    [
        (MMVU, [""] * 9),
        (MMVU, []),
        (MMMU, ["perception"] * 20 + ["adaptation"]),  # a task with one question
        (MMMU, ["perception"] * 20 + ["memory"] * 20),  # no score
    ],
)
def test_no_interval_for_too_few_questions_and_for_no_score(benchmark, tasks):
    marks = np.ones(len(tasks))
    assert bootstrap_interval(benchmark, tasks, marks) is None
    assert paired_difference(benchmark, tasks, marks, marks) is None


def test_paired_difference_forgets_what_both_models_share():
    """Of 400 questions 40 are right in the first model only and 20 in the second only.

    The difference of marks is 1, -1 or 0, with mean 20/400 and variance 60/400 - 0.05².
    """
    first = np.concatenate([right(40, of=60), right(170, of=340)])
    second = np.concatenate([1 - right(40, of=60), right(170, of=340)])
    difference = paired_difference(MMVU, [""] * 400, first, second)
    half = 1.96 * math.sqrt((60 / 400 - 0.05**2) / 400)  # 0.0376; of unpaired draws 0.0690
    assert difference.mean == pytest.approx(0.05)
    assert (difference.low, difference.high) == pytest.approx((0.05 - half, 0.05 + half), abs=0.004)


def test_paired_difference_is_that_of_the_official_scores():
    rng = np.random.default_rng(0)
    tasks = [task for task in MVBENCH.tasks for _ in range(rng.integers(2, 9))]
    first, second = rng.random(len(tasks)), rng.random(len(tasks))
    scores = [official_score(MVBENCH, tasks, marks).score for marks in (first, second)]
    difference = paired_difference(MVBENCH, tasks, first, second, resamples=500)
    assert difference.mean == pytest.approx(scores[0] - scores[1])
    assert difference.low < difference.mean < difference.high


@pytest.mark.parametrize(
    ("only_first", "only_second", "p"),
    [
        (0, 0, 1.0),
        (5, 5, 1.0),
        (1, 9, 2 * (1 + 10) / 2**10),  # 0.021
        (9, 1, 2 * (1 + 10) / 2**10),
        (11, 1, 2 * (1 + 12) / 2**12),  # 0.0063
        (6, 0, 2 * 1 / 2**6),
    ],
)
def test_mcnemar(only_first, only_second, p):
    agreed = np.array([True] * 30 + [False] * 20)
    first = np.concatenate([agreed, [True] * only_first, [False] * only_second])
    second = np.concatenate([agreed, [False] * only_first, [True] * only_second])
    assert mcnemar(first.astype(bool), second.astype(bool)) == pytest.approx(p)


def test_shapes_are_checked():
    with pytest.raises(ValueError, match=r"\(10,\).*\(11,\)"):
        paired_difference(MMVU, [""] * 10, np.ones(10), np.ones(11))
    with pytest.raises(ValueError, match=r"\(2,\).*\(3,\)"):
        mcnemar(np.ones(2, dtype=bool), np.ones(3, dtype=bool))
