"""A question of any benchmark as a `Record` of the Video-R1 format."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from string import ascii_uppercase

from videor1.data.annotations.rows import Row
from videor1.data.records import parse_record, shown
from videor1.types import ProblemType, Record


def record_of(
    row: Row,
    *,
    problem_id: int | str,
    problem: str,
    path: PurePosixPath,
    data_source: str,
    answer: str,
    problem_type: ProblemType = "multiple choice",
    options: Sequence[str] = (),
) -> Record:
    """The record; `options` may come with their letters or without, `answer` is the letter of one of them.

    Raises:
        RecordError: the letter is none of the options', or a field of the record is malformed.
    """
    if len(options) > len(ascii_uppercase):
        raise row.error(f"{len(options)} options are more than letters")
    if problem_type == "multiple choice" and answer not in tuple(ascii_uppercase[: len(options)]):
        raise row.error(f"the answer {shown(answer)} is the letter of none of the {len(options)} options")
    raw = {
        "problem_id": problem_id,
        "problem": problem,
        "data_type": "video",
        "problem_type": problem_type,
        "options": lettered(options),
        "solution": f"<answer>{answer}</answer>",
        "path": str(path),
        "data_source": data_source,
    }
    return parse_record(raw, where=row.where)


def lettered(options: Sequence[str]) -> tuple[str, ...]:
    """("left", "right") → ("A. left", "B. right"); options that all have their letters stay."""
    pairs = list(zip(ascii_uppercase, options, strict=False))  # there are never 27
    if all(option.startswith(f"{letter}.") for letter, option in pairs):
        return tuple(options)
    return tuple(f"{letter}. {option}" for letter, option in pairs)


def letter_of(row: Row, answer: str, candidates: Sequence[str]) -> str:
    """The letter of the candidate that the answer repeats.

    Raises:
        RecordError: none does, or there are more than letters.
    """
    if len(candidates) > len(ascii_uppercase):
        raise row.error(f"{len(candidates)} options are more than letters")
    if answer not in candidates:
        raise row.error(f"the answer {shown(answer)} is none of {shown(list(candidates))}")
    return ascii_uppercase[candidates.index(answer)]


def kind_of_number(answer: str) -> ProblemType:
    """How an answer without options is compared: as a number when it is one, else as text."""
    try:
        float(answer.replace(",", ""))
    except ValueError:
        return "free-form"
    return "numerical"
