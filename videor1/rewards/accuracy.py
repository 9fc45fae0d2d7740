"""The accuracy reward, in [0, 1], of one response by the type of its question.

| problem type    | rules="paper"                          | rules="released"                                |
|-----------------|----------------------------------------|-------------------------------------------------|
| multiple choice | same option letter                     | same text                                       |
| numerical       | same number (1e-9 relative)            | same to 2 decimals, and a "." or "," in both or |
|                 |                                        | in neither                                      |
| OCR, free-form  | the graded formulas of `similarity.py` | the same                                        |
| regression      | 1 - relative error                     | the same, of whatever float() reads             |

"paper" is the tidy reading of arXiv 2503.21776. "released" gives the values of the authors' code, quirks
included: "3" is not "3.0", "(B)" is not "B", and a response without an answer counts as the empty answer.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

from videor1.rewards.answer import extract_answer, parse_choice, parse_number
from videor1.rewards.similarity import relative_closeness, rouge_score, transcription_score

Rules = Literal["paper", "released"]
_Score = Callable[[str, str], float]  # (answer of the response, gold answer) -> reward


def accuracy(response: str, solution: str, problem_type: str, *, rules: Rules = "paper") -> float:
    """Accuracy reward of `response`, in [0, 1].

    `response` and `solution` are full texts with `<answer>` tags. Under the paper rules a solution without
    tags is itself the gold answer, a response without an answer earns 0, and a gold answer that should be a
    number but cannot be read as one gives 0 to every response.

    Raises ValueError for unknown `rules`, and under the paper rules for an unknown `problem_type` (the
    released rules give it 0).
    """
    if rules == "released":
        score = _RELEASED.get(problem_type)
        if score is None:
            return 0.0
        return score(extract_answer(response) or "", extract_answer(solution) or "")
    if rules != "paper":
        raise ValueError(f'rules must be "paper" or "released", not {rules!r}')
    if problem_type not in _PAPER:
        raise ValueError(f"unknown problem_type {problem_type!r}; known: {', '.join(_PAPER)}")
    out, gold = extract_answer(response), extract_answer(solution)
    if out is None:
        return 0.0
    return _PAPER[problem_type](out, solution.strip() if gold is None else gold)


def _same_choice(out: str, gold: str) -> float:
    letter = parse_choice(gold)
    if letter is None:
        return float(out == gold)
    return float(parse_choice(out) == letter)


def _same_number(out: str, gold: str) -> float:
    out_number, gold_number = parse_number(out), parse_number(gold)
    if out_number is None or gold_number is None:
        return 0.0
    return float(math.isclose(out_number, gold_number, rel_tol=1e-9))


def _near_number(out: str, gold: str) -> float:
    out_number, gold_number = parse_number(out), parse_number(gold)
    if out_number is None or gold_number is None:
        return 0.0
    return relative_closeness(out_number, gold_number)


def _same_text(out: str, gold: str) -> float:
    return float(out == gold)


def _python_float(text: str) -> float | None:
    """`text` as Python's float reads it once commas are gone: "nan", "1_000" and "٣" are numbers."""
    try:
        return float(text.replace(",", ""))
    except ValueError:
        return None


def _released_same_number(out: str, gold: str) -> float:
    out_marked, gold_marked = ("." in text or "," in text for text in (out, gold))
    out_number, gold_number = _python_float(out), _python_float(gold)
    if out_marked != gold_marked or out_number is None or gold_number is None:
        return 0.0
    return float(round(gold_number, 2) == round(out_number, 2))


def _released_near_number(out: str, gold: str) -> float:
    out_number, gold_number = _python_float(out), _python_float(gold)
    if out_number is None or gold_number is None:
        return 0.0
    return relative_closeness(out_number, gold_number)


_PAPER: dict[str, _Score] = {
    "multiple choice": _same_choice,
    "numerical": _same_number,
    "OCR": transcription_score,
    "free-form": rouge_score,
    "regression": _near_number,
}
_RELEASED: dict[str, _Score] = {
    "multiple choice": _same_text,
    "numerical": _released_same_number,
    "OCR": transcription_score,
    "free-form": rouge_score,
    "regression": _released_near_number,
}
