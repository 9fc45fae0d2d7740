"""`rules="paper"`, the default: values worked by hand, and what is refused."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import videor1.rewards
from videor1.rewards import accuracy
from videor1.types import PROBLEM_TYPES


def judge(out: str, gold: str, problem_type: str) -> float:
    return accuracy(f"<think>t</think>\n<answer>{out}</answer>", f"<answer>{gold}</answer>", problem_type)


def test_the_package_exports_the_function_not_the_module() -> None:
    assert callable(videor1.rewards.accuracy)


@pytest.mark.parametrize(
    ("out", "gold", "reward"),
    [
        *[(out, "B", 1.0) for out in ("B", "b", "(B)", "B.", "B)", "B: left", " B ")],
        *[(out, "B", 0.0) for out in ("A", "left", "", "AB", "Both", "B or C")],
        ("B", "(B) left", 1.0),
        ("A man walks", "A", 0.0),
        # A gold answer that names no letter is compared as text.
        ("A man walks", "A man walks", 1.0),
        ("A", "A man walks", 0.0),
        ("Yes", "yes", 0.0),
    ],
)
def test_multiple_choice(out: str, gold: str, reward: float) -> None:
    assert judge(out, gold, "multiple choice") == reward


@pytest.mark.parametrize(
    ("out", "gold", "reward"),
    [
        ("3", "3.0", 1.0),
        ("1,200", "1200", 1.0),
        ("$1,200.50", "1200.5", 1.0),
        ("3.5 m", "3.5", 1.0),
        ("\N{MINUS SIGN}2", "-2", 1.0),
        ("0", "-0.0", 1.0),
        ("0.30000000000000004", "0.3", 1.0),
        ("3.004", "3.00", 0.0),  # the released rules call these equal
        ("2", "-2", 0.0),
        ("3 or 4", "3", 0.0),
        ("three", "3", 0.0),
        ("nan", "nan", 0.0),
        ("inf", "inf", 0.0),
    ],
)
def test_numerical(out: str, gold: str, reward: float) -> None:
    assert judge(out, gold, "numerical") == reward


@pytest.mark.parametrize(
    ("out", "gold", "reward"),
    [
        # delete "at", "light" -> "lights", insert "now": 3 edits over 5 words
        ("stop the red lights now", "stop at the red light", 1 - 3 / 5),
        ("stop\u2003at\x1cthe red\nlight", "stop at the red light", 1.0),
        ("Stop", "stop", 0.0),
        ("a b c d", "x", 0.0),  # 4 edits over 1 word: never below 0
        ("", "stop", 0.0),
    ],
)
def test_ocr(out: str, gold: str, reward: float) -> None:
    assert judge(out, gold, "OCR") == pytest.approx(reward)


@pytest.mark.parametrize(
    ("out", "gold", "reward"),
    [
        # unigrams the, cat, on, mat: F = 4/6; bigrams "the cat": F = 1/5; longest the-cat-on-mat: F = 4/6
        # (4/6 + 1/5 + 4/6) / 3 = 23/45
        ("the cat lay on a mat", "the cat sat on the mat", 23 / 45),
        ("Running dogs!", "runs dog", 1.0),  # both stem to "run dog"
        ("cat", "cat", 2 / 3),  # no bigram in one word
        ("dog", "cat", 0.0),
        ("", "cat", 0.0),
        ("y" * 5000 + " cat", "cat", (2 / 3 + 0 + 2 / 3) / 3),  # a stemmer that recurses on y dies here
    ],
)
def test_free_form(out: str, gold: str, reward: float) -> None:
    assert judge(out, gold, "free-form") == pytest.approx(reward)


@pytest.mark.parametrize(
    ("out", "gold", "reward"),
    [
        ("5", "4", 1 - 1 / 4),
        ("3 m", "4", 1 - 1 / 4),
        ("4", "4", 1.0),
        ("-4", "4", 0.0),  # error 2, capped at 1
        ("1,000", "800", 1 - 200 / 800),
        ("nan", "4", 0.0),
        ("inf", "4", 0.0),
        ("four", "4", 0.0),
        ("4", "four", 0.0),
    ],
)
def test_regression(out: str, gold: str, reward: float) -> None:
    assert judge(out, gold, "regression") == pytest.approx(reward, abs=1e-8)


@pytest.mark.parametrize("problem_type", PROBLEM_TYPES)
def test_a_response_without_an_answer_earns_nothing(problem_type: str) -> None:
    for response in ("", "7", "<answer>7", "<think>7</think>"):
        assert accuracy(response, "<answer>7</answer>", problem_type) == 0.0
        assert accuracy(response, response, problem_type) == 0.0


@pytest.mark.parametrize(
    ("problem_type", "answer", "reward"),
    [("multiple choice", "B", 1), ("numerical", "7", 1), ("OCR", "go", 1), ("free-form", "go on", 1)],
)
def test_a_solution_without_tags_is_the_gold(problem_type: str, answer: str, reward: float) -> None:
    assert accuracy(f"<answer>{answer}</answer>", f" {answer}\n", problem_type) == reward


@given(st.text(max_size=20), st.text(max_size=20), st.sampled_from(PROBLEM_TYPES))
def test_every_reward_lies_between_0_and_1(out: str, gold: str, problem_type: str) -> None:
    reward = judge(out, gold, problem_type)
    assert math.isfinite(reward)
    assert 0.0 <= reward <= 1.0


def test_unknown_type_and_rules_are_named() -> None:
    with pytest.raises(ValueError, match="'riddle'"):
        accuracy("<answer>B</answer>", "<answer>B</answer>", "riddle")
    strict: Any = "strict"
    with pytest.raises(ValueError, match="'strict'"):
        accuracy("<answer>B</answer>", "<answer>B</answer>", "OCR", rules=strict)
