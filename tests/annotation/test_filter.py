"""Which responses become chains of thought."""

from __future__ import annotations

import pytest

from videor1.annotation.filter import FilterSettings, choose, process, verdict
from videor1.errors import ConfigError
from videor1.evaluation.judge import Judgement


def judgement(response: str = "<think>red</think>\n<answer>A</answer>", **changes) -> Judgement:
    fields = {
        "question": 0,
        "problem_id": 7,
        "problem": "which colour?",
        "solution": "<answer>A</answer>",
        "problem_type": "multiple choice",
        "data_source": "temporal/first",
        "data_type": "video",
        "decoding": "sampled",
        "order": "ordered",
        "sample": 0,
        "answer": "A",
        "accuracy": 1.0,
        "released": 1.0,
        "format": 1.0,
        "temporal": False,
        "reflective": False,
        "tokens": 12,
        "finished": True,
    }
    return Judgement(response=response, **(fields | changes))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "passed"),
        ({"accuracy": 0.61}, "passed"),
        ({"accuracy": 0.6}, "wrong"),
        ({"format": 0.0}, "format"),
        ({"finished": False, "format": 0.0}, "cut off"),
        ({"missing": "no such file", "finished": False}, "media missing"),
        ({"tokens": 9}, "too short"),
        ({"tokens": 10}, "passed"),
        ({"tokens": 20}, "passed"),
        ({"tokens": 21}, "too long"),
    ],
)
def test_one_reason_a_response(changes, expected):
    assert verdict(judgement(**changes), FilterSettings(min_tokens=10, max_tokens=20)) == expected


def test_the_most_accurate_then_the_earliest_are_kept():
    tries = [
        judgement("<think>a</think>\n<answer>9</answer>", sample=0, accuracy=0.7),
        judgement("<think>b</think>\n<answer>8</answer>", sample=1, accuracy=0.9),
        judgement("<think>c</think>\n<answer>8</answer>", sample=2, accuracy=0.9),
        judgement("<think>d</think>\n<answer>1</answer>", sample=3, accuracy=0.2),
    ]
    assert [one.sample for one in choose(tries, FilterSettings())] == [1]
    assert [one.sample for one in choose(tries, FilterSettings(keep=9))] == [1, 2, 0]


def test_of_equal_chains_only_the_first_is_kept():
    tries = [judgement(sample=0), judgement(sample=1)]
    assert [one.sample for one in choose(tries, FilterSettings(keep=2))] == [0]


def test_process_is_the_reasoning_with_its_tags():
    assert process("<think>a\nb</think>\n <answer>A</answer>") == "<think>a\nb</think>"
    assert process("<think>say </think> twice</think><answer>A</answer>") == (
        "<think>say </think> twice</think>"
    )


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"accuracy_above": 1.0}, "accuracy_above"),
        ({"min_tokens": 5, "max_tokens": 4}, "max_tokens"),
        ({"keep": 0}, "keep"),
    ],
)
def test_settings_that_keep_nothing_are_named(settings, key):
    with pytest.raises(ConfigError, match=f"filter.{key}"):
        FilterSettings(**settings)
