"""Marks by each benchmark's own rules and by the released script's; MRA on ties both ways."""

from __future__ import annotations

import numpy as np
import pytest

from videor1.evaluation.benchmarks import BENCHMARKS, benchmark_of
from videor1.evaluation.marks import official_mark, released_mark
from videor1.evaluation.mra import mean_relative_accuracy, released_mean_relative_accuracy
from videor1.rewards import accuracy

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("prediction", "target", "official", "released"),
    [
        (10.0, 10.0, 10, 10),
        (9.5, 10.0, 10, 10),  # error 0.05: 1 - 0.95 is 0.050000012 in float32, so the tie is kept
        (9.0, 10.0, 9, 9),  # error 0.10: 1 - 0.9 is 0.100000024, kept
        (8.0, 10.0, 7, 6),  # error 0.20: 0.199999988, lost
        (7.0, 10.0, 5, 4),  # error 0.30: both 0.300000012, lost
        (7.5, 10.0, 6, 5),  # error 0.25: exact in binary, lost
        (5.0, 10.0, 1, 0),  # error 0.50: exact in binary, lost
        (15.0, 10.0, 1, 0),
        (0.45, 0.3, 1, 1),  # error 0.50, in float64 0.5000000000000001, in float32 0.4999999
        (9.4, 10.0, 9, 9),  # error 0.06: no tie
        (0.0, 10.0, 0, 0),
        (-9.0, 10.0, 0, 0),
        (-9.0, -10.0, 9, 9),
        (NAN, 10.0, 0, 0),
        (INF, 10.0, 0, 0),
    ],
)
def test_mra_on_ties_both_ways(prediction, target, official, released):
    assert mean_relative_accuracy(prediction, target) == pytest.approx(official / 10, abs=1e-12)
    assert released_mean_relative_accuracy(prediction, target) == float(np.float32(released / 10))


def test_mra_of_target_zero():
    with pytest.raises(ValueError, match="target other than 0"):
        mean_relative_accuracy(0.0, 0.0)
    assert released_mean_relative_accuracy(0.0, 0.0) == 1.0  # 0 / 1e-8
    assert released_mean_relative_accuracy(1e-6, 0.0) == 0.0


CHOICE, NUMBER, REGRESSION = "multiple choice", "numerical", "regression"


@pytest.mark.parametrize(
    ("response", "solution", "problem_type", "official", "released"),
    [
        ("<think>x</think><answer>B</answer>", "<answer>B</answer>", CHOICE, 1, 1),
        ("<answer> B </answer>", "<answer>B</answer>", CHOICE, 1, 1),
        ("<answer>A</answer><answer>B</answer>", "<answer>B</answer>", CHOICE, 0, 0),  # the first counts
        ("<answer>(b) left</answer>", "<answer>B</answer>", CHOICE, 1, 0),
        (" B\n", "<answer>B</answer>", CHOICE, 1, 1),  # no tags: the whole text
        ("B. left", "<answer>B</answer>", CHOICE, 1, 0),
        ("The answer is B", "<answer>B</answer>", CHOICE, 0, 0),
        ("<answer></answer>", "<answer>B</answer>", CHOICE, 0, 0),
        ("<answer>Yes.</answer>", "<answer>yes</answer>", CHOICE, 1, 0),  # a word for an answer
        ("<answer>no</answer>", "<answer>yes</answer>", CHOICE, 0, 0),
        ("<answer>B</answer>", "B", CHOICE, 1, 0),  # a solution without tags is empty in the script
        ("", "B", CHOICE, 0, 1),
        ("<answer>3.0</answer>", "<answer>3</answer>", NUMBER, 1, 0),  # a "." in one only
        ("3.001", "<answer>3.0</answer>", NUMBER, 0, 1),  # same to 2 decimals
        ("<answer>1,200</answer>", "<answer>1200.</answer>", NUMBER, 1, 1),
        ("<answer>3 m</answer>", "<answer>3</answer>", NUMBER, 1, 0),
        ("<answer>nan</answer>", "<answer>nan</answer>", NUMBER, 0, 0),
        ("<answer>three</answer>", "<answer>3</answer>", NUMBER, 0, 0),
        ("<answer>a b c</answer>", "<answer>a b d</answer>", "OCR", 2 / 3, 0),  # 1 of 3 words wrong
        ("STOP", "<answer>STOP</answer>", "OCR", 1, 0),
        ("<answer>a dog runs</answer>", "<answer>a dog runs</answer>", "free-form", 1, 0),
    ],
)
@pytest.mark.parametrize("name", ["VSI-Bench", "Video-MMMU", "MMVU", "MVBench", "TempCompass", "VideoMME"])
def test_marks_of_the_six(name, response, solution, problem_type, official, released):
    assert official_mark(response, solution, problem_type, BENCHMARKS[name]) == pytest.approx(official)
    assert released_mark(response, solution, problem_type) == released


@pytest.mark.parametrize(
    ("response", "solution", "vsi_bench", "others", "released"),
    [
        ("<answer>8</answer>", "<answer>10</answer>", 0.7, 0.8, 0.6),
        ("8 m", "<answer>10</answer>", 0.7, 0.8, 0),
        ("<answer>-8</answer>", "<answer>10</answer>", 0, 0, 0),
        ("<answer>many</answer>", "<answer>10</answer>", 0, 0, 0),
        ("<answer></answer>", "<answer>10</answer>", 0, 0, 0),
        ("<answer>1e39</answer>", "<answer>10</answer>", 0, 0, 0),  # infinite in float32
        ("<answer>10</answer>", "<answer>ten</answer>", 0, 0, 0),
        ("<answer>1</answer>", "<answer>0</answer>", 0, 0, 0),
        ("<answer>0</answer>", "<answer>0</answer>", 0, 0, 1),
    ],
)
def test_regression_is_mra_in_vsi_bench_only(response, solution, vsi_bench, others, released):
    def mark(name):
        return official_mark(response, solution, REGRESSION, BENCHMARKS[name])

    assert mark("VSI-Bench") == pytest.approx(vsi_bench)
    assert mark("Video-MMMU") == pytest.approx(others, abs=1e-9)
    assert released_mark(response, solution, REGRESSION) == pytest.approx(released, abs=1e-6)


@pytest.mark.parametrize("source", ["temporal/first", "other/count", "mine/x"])
@pytest.mark.parametrize("rules", ["paper", "released"])
def test_elsewhere_the_mark_is_the_accuracy_reward(source, rules):
    questions = [
        ("B", "<answer>B</answer>", CHOICE, 0.0),  # no tags, no answer
        ("<answer>(B)</answer>", "<answer>B</answer>", CHOICE, float(rules == "paper")),
        ("<answer>8</answer>", "<answer>10</answer>", REGRESSION, pytest.approx(0.8)),
    ]
    for response, solution, problem_type, expected in questions:
        mark = official_mark(response, solution, problem_type, benchmark_of(source), rules=rules)
        assert mark == expected == accuracy(response, solution, problem_type, rules=rules)


def test_rules_reach_the_rewards_of_the_six_but_not_their_letters():
    mmvu = BENCHMARKS["MMVU"]
    assert official_mark("3.0", "<answer>3</answer>", NUMBER, mmvu, rules="released") == 0.0
    assert official_mark("(B)", "<answer>B</answer>", CHOICE, mmvu, rules="released") == 1.0


def test_an_unknown_type():
    assert released_mark("<answer>3</answer>", "<answer>3</answer>", "essay") == 0.0
    with pytest.raises(ValueError, match="essay"):
        official_mark("<answer>3</answer>", "<answer>3</answer>", "essay", BENCHMARKS["MMVU"])
