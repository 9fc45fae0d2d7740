"""Solutions as the rewards will read them: which cannot be earned, and which letter is right how often."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

import torch

from videor1.audit.finding import EXAMPLES
from videor1.rewards.answer import extract_answer, parse_choice, parse_number
from videor1.types import Record

_RARE = 0.001  # how improbable, and how large as a share of an even share, a skew must be to be called one
_LARGE = 0.2
_LEAST_EXPECTED = 5  # answers a letter; the test is not valid below
_FLAWS = {
    "empty": "solution without an answer",
    "no_answer_tags": "solution without <answer> tags",
    "letter_is_no_option": "multiple choice: the solution is the letter of no option",
    "options_without_letters": "multiple choice: options are not lettered A, B, C, …",
    "no_number": "numerical or regression: the solution is no number",
}


class AnswerTally:
    """Takes in the records of a split one after the other."""

    def __init__(self) -> None:
        self._flaws: dict[str, list[int]] = {flaw: [] for flaw in _FLAWS}
        self._options: Counter[int] = Counter()
        self._letters: defaultdict[int, Counter[str]] = defaultdict(Counter)

    def add(self, record: Record, position: int) -> None:
        """Takes in the record that stands at a position of its file."""
        answer = extract_answer(record.solution)
        gold = record.solution.strip() if answer is None else answer
        flaws = {"empty": not gold, "no_answer_tags": answer is None}
        if record.problem_type == "multiple choice":
            count = len(record.options)
            letters = [chr(ord("A") + place) for place in range(count)]
            letter = parse_choice(gold)
            self._options[count] += 1
            flaws["options_without_letters"] = [parse_choice(option) for option in record.options] != letters
            flaws["letter_is_no_option"] = letter not in letters
            if letter is not None and letter in letters:
                self._letters[count][letter] += 1
        elif record.problem_type in ("numerical", "regression"):
            flaws["no_number"] = parse_number(gold) is None
        for flaw, found in flaws.items():
            if found:
                self._flaws[flaw].append(position)

    def summary(self) -> dict[str, Any]:
        """The "answers" of `audit.json`."""
        return {
            "flaws": {
                flaw: {"what": _FLAWS[flaw], "records": len(found), "examples": found[:EXAMPLES]}
                for flaw, found in self._flaws.items()
            },
            "options": {str(count): self._options[count] for count in sorted(self._options)},
            "letters": {
                str(count): _balance([self._letters[count][chr(ord("A") + i)] for i in range(count)])
                for count in sorted(self._letters)
            },
        }


def chance_of_skew(counts: Sequence[int]) -> float | None:
    """How probable counts at least as uneven are when all are equally likely (Pearson's chi-square test).

    Returns None for fewer than two counts, or too few answers for the test to be valid.
    """
    expected = sum(counts) / max(len(counts), 1)
    if len(counts) < 2 or expected < _LEAST_EXPECTED:
        return None
    statistic = sum((count - expected) ** 2 for count in counts) / expected
    freedom = torch.tensor((len(counts) - 1) / 2, dtype=torch.float64)
    return float(torch.special.gammaincc(freedom, torch.tensor(statistic / 2, dtype=torch.float64)))


def _balance(counts: list[int]) -> dict[str, Any]:
    total, even = sum(counts), 1 / len(counts)
    shares = [count / total for count in counts]
    chance = chance_of_skew(counts)
    far = max(abs(share - even) for share in shares) > _LARGE * even
    return {
        "records": total,
        "counts": {chr(ord("A") + place): count for place, count in enumerate(counts)},
        "largest_share": max(shares),  # what always naming that letter scores
        "even_share": even,
        "chance": chance,
        "skewed": chance is not None and chance < _RARE and far,
    }
