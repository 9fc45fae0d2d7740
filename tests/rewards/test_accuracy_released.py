"""`rules="released"` against a plain re-implementation of the authors' function, over odd answers."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from videor1.rewards import accuracy
from videor1.types import PROBLEM_TYPES

TYPES = (*PROBLEM_TYPES, "ocr", "")
ODD_ANSWERS = (
    *("", " ", "B", "b", "(B)", "B.", "A man walks", "the cat sat on the mat", "a cat, sitting"),
    *("3", "3.0", "3.00", "3.004", "3.005", "2.675", "-3", "+3", "0", "-0", "0.0", "1e-12", "5", "6", "10"),
    *("1,200", "1200", "1,200.5", "1,2", ",", ".", "1_000", "1e400", "-1e400", "1.7e308", "-1.7e308"),
    *(
        "nan",
        "-nan",
        "NaN.",
        "inf",
        "-inf",
        "Infinity",
        "\u0663",
        "\u0663.5",
        "\u00bd",
        "\u2212" + "3",
        "50%",
        "$4",
    ),
    *("a b", "a\x1cb", "a\u2003b", "a\u200bb", "\x1c3\x1c", "a  b", "\n3\n", "0x10", "3 4", "\x00", "\ud800"),
)


def words_wrong(gold: list[str], out: list[str]) -> int:
    """Edit distance, one row of the table at a time."""
    row = list(range(len(out) + 1))
    for i, gold_word in enumerate(gold, start=1):
        above = row
        row = [i]
        for j, out_word in enumerate(out, start=1):
            row.append(min(above[j] + 1, row[-1] + 1, above[j - 1] + (gold_word != out_word)))
    return row[-1]


def answer_of(text: str) -> str:
    found = re.search(r"<answer>\s*(.*?)\s*</answer>", text, re.DOTALL)
    return found[1].strip() if found else ""


def number_of(text: str) -> float:
    return float(text.replace(",", ""))  # an exception here earns 0, whatever the type


def released(response: str, solution: str, problem_type: str) -> float:
    out, gold = answer_of(response), answer_of(solution)
    try:
        match problem_type:
            case "multiple choice":
                return 1.0 if out == gold else 0.0
            case "numerical":
                if bool(set(".,") & set(out)) != bool(set(".,") & set(gold)):
                    return 0.0
                return 1.0 if round(number_of(gold), 2) == round(number_of(out), 2) else 0.0
            case "OCR":
                rate = words_wrong(gold.split(), out.split()) / max(1, len(gold.split()))
                return max(0.0, min(1.0, 1 - rate))
            case "free-form":
                rouge = RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=True).score(gold, out)
                one, two, longest = (float(score.fmeasure) for score in rouge.values())
                return max(0.0, min(1.0, (one + two + longest) / 3))
            case "regression":
                goal, guess = number_of(gold), number_of(out)
                return 1 - min(1.0, max(0.0, (abs(guess - goal) + 1e-9) / (abs(goal) + 1e-9)))
            case _:
                return 0.0
    except Exception:  # the rule itself: whatever goes wrong in the authors' function earns 0
        return 0.0


@pytest.mark.parametrize("problem_type", TYPES)
def test_every_pair_of_odd_answers(problem_type: str) -> None:
    for out in ODD_ANSWERS:
        for gold in ODD_ANSWERS:
            response, solution = f"<think>t</think><answer>{out}</answer>", f"<answer>{gold}</answer>"
            expected = released(response, solution, problem_type)
            assert accuracy(response, solution, problem_type, rules="released") == expected, (out, gold)


parts = st.sampled_from(["<answer>", "</answer>", "<think>", "</think>", " ", *ODD_ANSWERS]) | st.text(
    max_size=3
)
texts = st.lists(parts, max_size=6).map("".join)
answers = (
    texts | texts.map(lambda text: f"<answer>{text}</answer>") | st.floats().map("<answer>{}</answer>".format)
)


@settings(max_examples=2000, deadline=None)
@given(answers, answers, st.sampled_from(TYPES))
def test_random_texts(response: str, solution: str, problem_type: str) -> None:
    assert accuracy(response, solution, problem_type, rules="released") == released(
        response, solution, problem_type
    )


@pytest.mark.parametrize(
    ("out", "gold", "problem_type", "reward"),
    [
        ("(B)", "B", "multiple choice", 0.0),
        ("b", "B", "multiple choice", 0.0),
        ("3.0", "3", "numerical", 0.0),
        ("1,200", "1200", "numerical", 0.0),
        ("1,200", "1200.0", "numerical", 1.0),
        ("3.004", "3.00", "numerical", 1.0),
        ("nan", "nan", "numerical", 0.0),
        ("inf", "inf", "numerical", 1.0),
        ("1_000", "1000", "numerical", 1.0),
        ("nan", "7", "regression", 1.0),
        ("3", "inf", "regression", 1.0),
        ("inf", "3", "regression", 0.0),
        ("seven", "7", "regression", 0.0),
        ("0", "0", "regression", 0.0),  # (0 + 1e-9) / (0 + 1e-9) = 1, the whole reward
        ("", "", "OCR", 1.0),
        ("word", "", "OCR", 0.0),
        ("B", "B", "riddle", 0.0),
    ],
)
def test_quirks_by_name(out: str, gold: str, problem_type: str, reward: float) -> None:
    got = accuracy(f"<answer>{out}</answer>", f"<answer>{gold}</answer>", problem_type, rules="released")
    assert got == reward


def test_two_texts_without_answers_agree() -> None:
    assert accuracy("B", "B without tags", "multiple choice", rules="released") == 1.0
