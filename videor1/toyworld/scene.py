"""One question and everything that is known about it, and what a teacher may think of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from videor1.types import ProblemType

LETTERS = "ABCDEFGH"


@dataclass(frozen=True, slots=True, kw_only=True)
class Thoughts:
    """What a viewer concludes, argued in two lengths. Both arguments end in the answer."""

    answer: str
    terse: str
    detailed: str  # about twice as many tokens: walks through what is seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One question."""

    frames: np.ndarray  # (16, 56, 56, 3) uint8 for a video, (1, 56, 56, 3) for an image
    question: str
    choices: tuple[str, ...] = ()  # lettered A, B, … in this order; empty unless multiple choice
    problem_type: ProblemType
    seen: Thoughts  # by one who sees everything: `seen.answer` is the truth
    guessed: Thoughts | None = None  # by one blind to time, often wrong; None where time does not matter


Draw = Callable[[np.random.Generator], Scene]


def pick(rng: np.random.Generator, items: Sequence[str]) -> str:
    """One of them, each as likely as any other."""
    return items[int(rng.integers(len(items)))]


def shuffled(rng: np.random.Generator, items: Sequence[str]) -> list[str]:
    """All of them in a random order."""
    return [items[int(place)] for place in rng.permutation(len(items))]


def letter(choices: Sequence[str], choice: str) -> str:
    """The option letter of a choice."""
    return LETTERS[list(choices).index(choice)]


def counted(number: int, noun: str) -> str:
    """A number of things in words: "1 square" but "2 squares"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
