"""Texts that cost a careless reader quadratic time or worse, for a test and a benchmark."""

from __future__ import annotations

from collections.abc import Callable

from videor1.evaluation.reasoning import ReasoningSettings, is_reflective, temporal_hits
from videor1.rewards import accuracy, extract_answer, format_reward, reasoning_of
from videor1.rewards.answer import parse_choice, parse_number

# Each is repeated to the length that is wanted, between a head and a tail.
ATTACKS: dict[str, tuple[str, str, str]] = {
    "opening tags": ("<think>", "<answer>", ""),
    "tags that nearly match": ("<think>", "</think> \n <answer", "</answer>"),
    "nested tags": ("<think></think><answer>", "<answer></think> <answer>", "</answer>"),
    "torn tags": ("", "</answer</think", ""),
    "blanks": ("<think></think>", " ", "x"),
    "blanks within": ("<answer>(A", " ", "</answer>"),
    "digits": ("<answer>", "1", "</answer>"),
    "thousands": ("<answer>1", ",000", "x</answer>"),
    "signs": ("<answer>", "- ", "</answer>"),
    "one sign and blanks": ("<answer>-", " ", "1</answer>"),
    "decimal points": ("<answer>", ".1", "</answer>"),
    "exponents": ("<answer>", "1e", "</answer>"),
    "one long word": ("<answer>", "y", "</answer>"),
    "word-joiners": ("<answer>a", "-a'^", "</answer>"),
    "combining marks": ("<answer>e", "\u0301", "</answer>"),
    "every plane": ("<answer>", "\u0663\u4e2d\U0001d7d8\U00020000\U000e0001\U0010fffd", "</answer>"),
    "phrases": ("<think>", "first of all, from then to … ", "</think><answer>A</answer>"),
    "gaps": ("<think>", "from if from if ", "</think>"),
    "the question, quoted": ("<think>", "what does the man do then ", "</think>"),
}


def attack(name: str, length: int) -> str:
    """The text of this kind, of about `length` characters."""
    head, piece, tail = ATTACKS[name]
    return head + piece * (max(0, length - len(head) - len(tail)) // len(piece)) + tail


_REASONING = ReasoningSettings()
_GOLD = "<answer>the man opens a door, then 42 birds fly</answer>"
READERS: dict[str, Callable[[str], object]] = {
    "extract_answer": extract_answer,
    "reasoning_of": reasoning_of,
    "format_reward": format_reward,
    "parse_choice": parse_choice,
    "parse_number": parse_number,
    "multiple choice": lambda text: accuracy(text, "<answer>A</answer>", "multiple choice"),
    "numerical": lambda text: accuracy(text, "<answer>4.2</answer>", "numerical"),
    "regression": lambda text: accuracy(text, "<answer>4.2</answer>", "regression", rules="released"),
    "OCR": lambda text: accuracy(text, _GOLD, "OCR"),
    "free-form": lambda text: accuracy(text, _GOLD, "free-form"),
    "temporal_hits": lambda text: temporal_hits(
        text, _REASONING, question="What does the man do then?\nA. x"
    ),
    "is_reflective": lambda text: is_reflective(text, _REASONING),
}
