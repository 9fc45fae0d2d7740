"""Questions that need time: the frames without their order do not tell the answer.

In each, every order of the sampled frames that makes another answer true is as likely as the one shown. So
a viewer of shuffled frames answers no better than by a guess, and `guessed` is such a viewer: it picks an
order at random, argues from it consistently and answers accordingly.
"""

from __future__ import annotations

import itertools

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
    digit_corner,
    draw_digit,
    draw_shape,
)
from videor1.toyworld.scene import Scene, Thoughts, letter, pick, shuffled

_SIZES = ("grows", "shrinks")
_ENDS = {  # direction: where the way starts, where it ends
    "left": ("right", "left"),
    "right": ("left", "right"),
    "up": ("bottom", "top"),
    "down": ("top", "bottom"),
}


def first(rng: np.random.Generator) -> Scene:
    """Three colours one after another: which comes first?"""
    return _colour_order(rng, "first", 0)


def last(rng: np.random.Generator) -> Scene:
    """Three colours one after another: which comes last?"""
    return _colour_order(rng, "last", 2)


def _colour_order(rng: np.random.Generator, which: str, asked: int) -> Scene:
    frames, shape = background(rng, FRAMES), pick(rng, SHAPES)
    order, choices = shuffled(rng, list(COLOURS))[:3], tuple(COLOURS)
    for colour, moments in zip(order, _thirds(rng), strict=True):
        radius = int(rng.integers(10, 16))
        place = anywhere(rng, radius)
        for frame in frames[moments]:
            draw_shape(frame, shape, colour, place, radius)

    def think(order: list[str]) -> Thoughts:
        one, two, three = order
        return Thoughts(
            answer=letter(choices, order[asked]),
            terse=f"{one} then {two} then {three}, so {which} is {order[asked]}",
            detailed=(
                f"i see a {one} {shape}, then a {two} {shape}, then a {three} {shape}."
                f" the order is {one}, {two}, {three}. so {which} is {order[asked]}"
            ),
        )

    return Scene(
        frames=frames,
        question=f"which colour comes {which}?",
        choices=choices,
        problem_type="multiple choice",
        seen=think(order),
        guessed=think(shuffled(rng, order)),
    )


def _thirds(rng: np.random.Generator) -> list[slice]:
    """Three spells that fill the clip, of 2, 3 and 3 sampled frames, in any order.

    Were the middle one longer on average, its colour would stand out in shuffled frames too.
    """
    cuts = [0]
    for sampled in np.cumsum(rng.permutation([2, 3, 3]))[:2]:
        cuts.append(int(rng.integers(SAMPLED[sampled - 1] + 1, SAMPLED[sampled] + 1)))
    return [slice(start, stop) for start, stop in itertools.pairwise([*cuts, FRAMES])]


def grow(rng: np.random.Generator) -> Scene:
    """A shape that grows or shrinks: which of the two?"""
    frames, shape, colour = background(rng, FRAMES), pick(rng, SHAPES), pick(rng, list(COLOURS))
    truth = pick(rng, _SIZES)
    place, smallest, speed = anywhere(rng, 23), int(rng.integers(3, 6)), float(rng.uniform(0.9, 1.2))
    for age, frame in enumerate(frames if truth == "grows" else frames[::-1]):
        draw_shape(frame, shape, colour, place, int(smallest + speed * age))

    def think(change: str) -> Thoughts:
        start, end = ("small", "big") if change == "grows" else ("big", "small")
        return Thoughts(
            answer=letter(_SIZES, change),
            terse=f"the {colour} {shape} is {start} then {end}, so it {change}",
            detailed=(
                f"i see a {colour} {shape}. it is {start} at the start and {end} at the end."
                f" {start} then {end} means that it {change}"
            ),
        )

    return Scene(
        frames=frames,
        question="what happens to the size?",
        choices=_SIZES,
        problem_type="multiple choice",
        seen=think(truth),
        guessed=think(pick(rng, _SIZES)),
    )


def direction(rng: np.random.Generator) -> Scene:
    """A shape that moves along an axis: which way?"""
    frames, shape, colour = background(rng, FRAMES), pick(rng, SHAPES), pick(rng, list(COLOURS))
    axis = ("left", "right") if rng.random() < 0.5 else ("up", "down")  # shuffled frames show this much
    truth, radius, way = pick(rng, axis), 10, int(rng.integers(20, 31))
    start, across = int(rng.integers(radius, SIDE - radius - way + 1)), anywhere(rng, radius)[1]
    for age, frame in enumerate(frames if truth in ("right", "down") else frames[::-1]):
        along = start + way * age // (FRAMES - 1)
        place = (along, across) if "left" in axis else (across, along)
        draw_shape(frame, shape, colour, place, radius)

    def think(way: str) -> Thoughts:
        start, end = _ENDS[way]
        return Thoughts(
            answer=letter(tuple(_ENDS), way),
            terse=f"from {start} to {end}, so it moves {way}",
            detailed=(
                f"i see a {colour} {shape}. it starts at the {start} and ends at the {end}."
                f" from {start} to {end} means that it moves {way}"
            ),
        )

    return Scene(
        frames=frames,
        question="which way does it move?",
        choices=tuple(_ENDS),
        problem_type="multiple choice",
        seen=think(truth),
        guessed=think(pick(rng, axis)),
    )


def digits(rng: np.random.Generator) -> Scene:
    """Two digits one after the other, read in order: "3 1"."""
    frames, colour = background(rng, FRAMES), pick(rng, list(COLOURS))
    pair, corner = shuffled(rng, DIGITS)[:2], digit_corner(rng)
    for moment, frame in enumerate(frames):
        draw_digit(frame, pair[2 * moment // FRAMES], colour, corner)

    def think(pair: list[str]) -> Thoughts:
        one, two = pair
        return Thoughts(
            answer=f"{one} {two}",
            terse=f"{one} then {two}, so i read {one} {two}",
            detailed=(
                f"i see {colour} digits. it is {one} at the start and {two} at the end. so i read {one} {two}"
            ),
        )

    return Scene(
        frames=frames,
        question="read the digits in order",
        problem_type="OCR",
        seen=think(pair),
        guessed=think(shuffled(rng, pair)),
    )
