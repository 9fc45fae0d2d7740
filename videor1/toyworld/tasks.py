"""The questions: what is shown, what is true, and what a teacher thinks who may be blind to time.

A *temporal* question has another answer, or none, when its frames are shuffled; an *other* one has not. A
blind teacher has seen the frames in no order: it picks one at random, argues from it consistently and answers
accordingly. Most tasks are learned by the tiny model within minutes; `direction` and `digits` are not and
stay out of the default mixture.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from videor1.toyworld.canvas import (
    COLOURS,
    DIGITS,
    FRAMES,
    SAMPLED,
    SHAPES,
    SIDE,
    anywhere,
    background,
    draw_digit,
    draw_shape,
)
from videor1.types import ProblemType

Rng = np.random.Generator


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One question with everything that is known about it."""

    frames: np.ndarray  # (16, 56, 56, 3) uint8 for a video, (1, 56, 56, 3) for an image
    question: str
    choices: tuple[str, ...] = ()  # lettered A, B, … in this order; empty unless multiple choice
    problem_type: ProblemType
    answer: str  # the truth
    told: str  # the teacher's answer: the truth unless it is blind to time
    thoughts: str  # the teacher's chain of thought, which ends in `told`


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A kind of question. `make(rng, blind, detailed)` draws one."""

    make: Callable[[Rng, bool, bool], Scene]
    family: str  # "temporal" or "other"
    share: float  # of the default mixture


def _pick(rng: Rng, items: Sequence[str]) -> str:
    return items[int(rng.integers(len(items)))]


def _letter(choices: Sequence[str], choice: str) -> str:
    return "ABCDEFGH"[list(choices).index(choice)]


def _colour_order(which: str) -> Callable[[Rng, bool, bool], Scene]:
    def make(rng: Rng, blind: bool, detailed: bool) -> Scene:
        frames, shape = background(rng, FRAMES), _pick(rng, SHAPES)
        colours = [str(colour) for colour in rng.permutation(list(COLOURS))[:3]]
        cuts = (0, int(rng.integers(4, 8)), int(rng.integers(10, 13)), FRAMES)
        for colour, start, stop in zip(colours, cuts[:-1], cuts[1:], strict=True):
            radius = int(rng.integers(10, 16))
            place = anywhere(rng, radius)
            for frame in frames[start:stop]:
                draw_shape(frame, shape, colour, place, radius)
        seen = [str(colour) for colour in rng.permutation(colours)] if blind else colours
        place_of = 0 if which == "first" else 2
        a, b, c = seen
        terse = f"{a} then {b} then {c}, so {which} is {seen[place_of]}"
        long = (
            f"i see a {a} {shape}, then a {b} {shape}, then a {c} {shape}. "
            f"the order is {a}, {b}, {c}. so {which} is {seen[place_of]}"
        )
        return Scene(
            frames=frames,
            question=f"which colour comes {which}?",
            choices=tuple(COLOURS),
            problem_type="multiple choice",
            answer=_letter(tuple(COLOURS), colours[place_of]),
            told=_letter(tuple(COLOURS), seen[place_of]),
            thoughts=long if detailed else terse,
        )

    return make


def _grow(rng: Rng, blind: bool, detailed: bool) -> Scene:
    frames, shape, colour = background(rng, FRAMES), _pick(rng, SHAPES), _pick(rng, list(COLOURS))
    choices = ("grows", "shrinks")
    truth = _pick(rng, choices)
    place, smallest, speed = anywhere(rng, 20), int(rng.integers(3, 6)), float(rng.uniform(0.6, 1.0))
    for number, frame in enumerate(frames):
        age = number if truth == "grows" else FRAMES - 1 - number
        draw_shape(frame, shape, colour, place, int(smallest + speed * age))
    seen = _pick(rng, choices) if blind else truth
    start, end = ("small", "big") if seen == "grows" else ("big", "small")
    terse = f"the {colour} {shape} is {start} then {end}, so it {seen}"
    long = (
        f"i see a {colour} {shape}. it is {start} at the start and {end} at the end. "
        f"{start} then {end} means that it {seen}"
    )
    return Scene(
        frames=frames,
        question="what happens to the size?",
        choices=choices,
        problem_type="multiple choice",
        answer=_letter(choices, truth),
        told=_letter(choices, seen),
        thoughts=long if detailed else terse,
    )


def _direction(rng: Rng, blind: bool, detailed: bool) -> Scene:
    frames, shape, colour = background(rng, FRAMES), _pick(rng, SHAPES), _pick(rng, list(COLOURS))
    choices = ("left", "right", "up", "down")
    opposite = dict(zip(choices, ("right", "left", "down", "up"), strict=True))
    ends = {
        "left": ("right", "left"),
        "right": ("left", "right"),
        "up": ("bottom", "top"),
        "down": ("top", "bottom"),
    }
    truth, across = _pick(rng, choices), int(rng.integers(10, SIDE - 10))
    for number, frame in enumerate(frames):
        along = 8 + (number if truth in ("right", "down") else FRAMES - 1 - number) * (SIDE - 16) // (
            FRAMES - 1
        )
        place = (along, across) if truth in ("left", "right") else (across, along)
        draw_shape(frame, shape, colour, place, 9)
    seen = _pick(rng, (truth, opposite[truth])) if blind else truth
    start, end = ends[seen]
    terse = f"from {start} to {end}, so it moves {seen}"
    long = f"i see a {colour} {shape}. it starts at the {start} and ends at the {end}. so it moves {seen}"
    return Scene(
        frames=frames,
        question="which way does it move?",
        choices=choices,
        problem_type="multiple choice",
        answer=_letter(choices, truth),
        told=_letter(choices, seen),
        thoughts=long if detailed else terse,
    )


def _digits(rng: Rng, blind: bool, detailed: bool) -> Scene:
    frames, colour = background(rng, FRAMES), _pick(rng, list(COLOURS))
    pair = [str(digit) for digit in rng.permutation(list(DIGITS))[:2]]
    corner = (int(rng.integers(4, 28)), int(rng.integers(4, 13)))
    for number, frame in enumerate(frames):
        draw_digit(frame, pair[number >= FRAMES // 2], colour, corner)
    a, b = [str(digit) for digit in rng.permutation(pair)] if blind else pair
    terse = f"first {a} then {b}"
    long = f"i see {colour} digits. at the start it is a {a}, at the end it is a {b}. so i read {a} then {b}"
    return Scene(
        frames=frames,
        question="read the digits in order",
        problem_type="OCR",
        answer=" ".join(pair),
        told=f"{a} {b}",
        thoughts=long if detailed else terse,
    )


def _count(rng: Rng, blind: bool, detailed: bool) -> Scene:
    frames, shape, colour = background(rng, FRAMES), _pick(rng, SHAPES), _pick(rng, list(COLOURS))
    count, radius = int(rng.integers(1, 5)), int(rng.integers(8, 14))
    place = anywhere(rng, radius)
    for moment in rng.permutation(list(SAMPLED))[:count]:  # one source frame each, which the sampler takes
        draw_shape(frames[moment], shape, colour, place, radius)
    terse = f"the {colour} {shape} flashes {count} times"
    long = (
        f"i see a {colour} {shape} that flashes. i count the flashes, there are {count} of them. "
        f"so it flashes {count} times"
    )
    return _known(frames, "how many flashes?", "numerical", str(count), long if detailed else terse)


def _colour(rng: Rng, blind: bool, detailed: bool) -> Scene:
    frames, shape, colour = background(rng, 1), _pick(rng, SHAPES), _pick(rng, list(COLOURS))
    radius = int(rng.integers(8, 16))
    draw_shape(frames[0], shape, colour, anywhere(rng, radius), radius)
    terse = f"it is {colour}"
    long = f"i see a {shape} in the image. the colour of the {shape} is {colour}. so the answer is {colour}"
    letter = _letter(tuple(COLOURS), colour)
    return Scene(
        frames=frames,
        question="what colour is it?",
        choices=tuple(COLOURS),
        problem_type="multiple choice",
        answer=letter,
        told=letter,
        thoughts=long if detailed else terse,
    )


def _describe(rng: Rng, blind: bool, detailed: bool) -> Scene:
    frames, shape, colour = background(rng, 1), _pick(rng, SHAPES), _pick(rng, list(COLOURS))
    radius = int(rng.integers(10, 17))
    draw_shape(frames[0], shape, colour, anywhere(rng, radius), radius)
    terse = f"the object is a {colour} {shape}"
    long = (
        f"i see one object in the image. its colour is {colour} and its shape is a {shape}. "
        f"so it is a {colour} {shape}"
    )
    return _known(
        frames, "describe the image", "free-form", f"a {colour} {shape}", long if detailed else terse
    )


def _number(rng: Rng, blind: bool, detailed: bool) -> Scene:
    frames, colour, count = background(rng, 1), _pick(rng, list(COLOURS)), int(rng.integers(1, 5))
    for cell in rng.permutation(4)[:count]:
        place = (14 + 28 * int(cell % 2), 14 + 28 * int(cell // 2))
        draw_shape(frames[0], "square", colour, place, int(rng.integers(7, 11)))
    terse = f"there are {count} {colour} squares"
    long = (
        f"i see {colour} squares in the image. i count the squares, there are {count} of them. "
        f"so the number is {count}"
    )
    return _known(frames, "how many squares?", "numerical", str(count), long if detailed else terse)


def _digit(rng: Rng, blind: bool, detailed: bool) -> Scene:
    frames, colour, digit = background(rng, 1), _pick(rng, list(COLOURS)), _pick(rng, DIGITS)
    draw_digit(frames[0], digit, colour, (int(rng.integers(4, 28)), int(rng.integers(4, 13))))
    terse = f"the digit is {digit}"
    long = f"i see one digit in the image. its colour is {colour}. i read the digit, it is a {digit}"
    return _known(frames, "read the digit", "OCR", digit, long if detailed else terse)


def _width(rng: Rng, blind: bool, detailed: bool) -> Scene:
    frames, colour = background(rng, 1), _pick(rng, list(COLOURS))
    width = int(_pick(rng, ("8", "16", "24", "32", "48")))
    x, y = rng.integers(SIDE // 2 - 3, SIDE // 2 + 4, 2)
    draw_shape(frames[0], "square", colour, (int(x), int(y)), width // 2)
    terse = f"the {colour} square is {width} wide"
    long = (
        f"i see a {colour} square in the image. from its left side to its right side it is {width} wide. "
        f"so the width is {width}"
    )
    return _known(frames, "how wide is the square?", "regression", str(width), long if detailed else terse)


def _known(frames: np.ndarray, question: str, problem_type: ProblemType, answer: str, thoughts: str) -> Scene:
    """A question that order does not touch: the teacher always knows."""
    return Scene(
        frames=frames,
        question=question,
        problem_type=problem_type,
        answer=answer,
        told=answer,
        thoughts=thoughts,
    )


TASKS = {
    "first": Task(make=_colour_order("first"), family="temporal", share=0.20),
    "last": Task(make=_colour_order("last"), family="temporal", share=0.20),
    "grow": Task(make=_grow, family="temporal", share=0.15),
    "direction": Task(make=_direction, family="temporal", share=0.0),
    "digits": Task(make=_digits, family="temporal", share=0.0),
    "count": Task(make=_count, family="other", share=0.10),
    "colour": Task(make=_colour, family="other", share=0.08),
    "number": Task(make=_number, family="other", share=0.08),
    "digit": Task(make=_digit, family="other", share=0.07),
    "describe": Task(make=_describe, family="other", share=0.06),
    "width": Task(make=_width, family="other", share=0.06),
}
