"""Questions that need no time: what shuffled frames, or one image, tell as well.

`count` and `absent` are videos whose answers no shuffling changes. In `count` each flash is one frame, it is
one that the recipe's sampler takes, and between any two of these lie dark ones. So the number of flashes is
the number of lit frames, and any of the sampled frames may be lit. In `absent` any order of the sampled
frames is as likely as any other.
"""

from __future__ import annotations

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
from videor1.toyworld.scene import Scene, Thoughts, counted, letter, pick

_WIDTHS = ("10", "20", "30", "40", "50")  # pixels


def count(rng: np.random.Generator) -> Scene:
    """A video of 1 to 4 flashes: how many?"""
    frames, shape, colour = background(rng, FRAMES), pick(rng, SHAPES), pick(rng, list(COLOURS))
    flashes, radius = int(rng.integers(1, 5)), int(rng.integers(10, 15))
    place = anywhere(rng, radius)
    for moment in rng.choice(SAMPLED, flashes, replace=False):
        draw_shape(frames[moment], shape, colour, place, radius)
    return Scene(
        frames=frames,
        question="how many flashes?",
        problem_type="numerical",
        seen=Thoughts(
            answer=str(flashes),
            terse=f"the {colour} {shape} flashes {counted(flashes, 'time')}",
            detailed=(
                f"i look for flashes in the video. i see a {colour} {shape} and count how often it is there."
                f" so it flashes {counted(flashes, 'time')}"
            ),
        ),
    )


def absent(rng: np.random.Generator) -> Scene:
    """A video of three colours, each in sampled frames anywhere: which one is missing?"""
    frames, shape, choices = background(rng, FRAMES), pick(rng, SHAPES), tuple(COLOURS)
    missing = pick(rng, choices)
    shown = [colour for colour in choices if colour != missing]
    radii = {colour: int(rng.integers(10, 16)) for colour in shown}
    places = {colour: anywhere(rng, radius) for colour, radius in radii.items()}
    sampled = rng.permutation([*shown, *shown, *shown][: len(SAMPLED)])
    for moment, frame in enumerate(frames):  # moment // 2 is the sampled frame at it or next to it
        colour = str(sampled[moment // 2])
        draw_shape(frame, shape, colour, places[colour], radii[colour])
    return Scene(
        frames=frames,
        question="which colour never appears?",
        choices=choices,
        problem_type="multiple choice",
        seen=Thoughts(
            answer=letter(choices, missing),
            terse=f"{' and '.join(shown)} appear, so {missing} never appears",
            detailed=(
                f"i look for all colours in the video. i see the colours {', '.join(shown)} as a {shape}."
                f" {' and '.join(shown)} appear. so {missing} never appears"
            ),
        ),
    )


def colour(rng: np.random.Generator) -> Scene:
    """An image of one shape: what colour is it?"""
    frames, shape, colour = _one_shape(rng)
    return Scene(
        frames=frames,
        question="what colour is it?",
        choices=tuple(COLOURS),
        problem_type="multiple choice",
        seen=Thoughts(
            answer=letter(tuple(COLOURS), colour),
            terse=f"it is {colour}",
            detailed=(
                f"i see a {shape} in the image. the colour of the {shape} is {colour}."
                f" so the answer is {colour}"
            ),
        ),
    )


def number(rng: np.random.Generator) -> Scene:
    """An image of 1 to 4 squares: how many?"""
    frames, colour, squares = background(rng, 1), pick(rng, list(COLOURS)), int(rng.integers(1, 5))
    quarter = SIDE // 2
    for cell in rng.permutation(4)[:squares]:
        place = (quarter * int(cell % 2) + quarter // 2, quarter * int(cell // 2) + quarter // 2)
        draw_shape(frames[0], "square", colour, place, int(rng.integers(8, 12)))
    return Scene(
        frames=frames,
        question="how many squares?",
        problem_type="numerical",
        seen=Thoughts(
            answer=str(squares),
            terse=f"i see {counted(squares, f'{colour} square')}",
            detailed=(
                f"i look for squares in the image. their colour is {colour} and i count them one by one."
                f" so i see {counted(squares, f'{colour} square')}"
            ),
        ),
    )


def digit(rng: np.random.Generator) -> Scene:
    """An image of one digit, 1 to 4: read it."""
    frames, colour, digit = background(rng, 1), pick(rng, list(COLOURS)), pick(rng, DIGITS)
    draw_digit(frames[0], digit, colour, digit_corner(rng))
    return Scene(
        frames=frames,
        question="read the digit",
        problem_type="OCR",
        seen=Thoughts(
            answer=digit,
            terse=f"the digit is {digit}",
            detailed=f"i see one digit in the image. its colour is {colour}. i read the digit, it is {digit}",
        ),
    )


def describe(rng: np.random.Generator) -> Scene:
    """An image of one shape, described in words: "a red circle"."""
    frames, shape, colour = _one_shape(rng)
    return Scene(
        frames=frames,
        question="describe the image",
        problem_type="free-form",
        seen=Thoughts(
            answer=f"a {colour} {shape}",
            terse=f"the object is a {colour} {shape}",
            detailed=(
                f"i see one object in the image. its colour is {colour} and its shape is a {shape}."
                f" so it is a {colour} {shape}"
            ),
        ),
    )


def width(rng: np.random.Generator) -> Scene:
    """An image of a square: how many pixels wide is it?"""
    frames, colour, width = background(rng, 1), pick(rng, list(COLOURS)), pick(rng, _WIDTHS)
    x, y = rng.integers(SIDE // 2 - 3, SIDE // 2 + 4, 2)
    draw_shape(frames[0], "square", colour, (int(x), int(y)), int(width) // 2)
    return Scene(
        frames=frames,
        question="how wide is the square in pixels?",
        problem_type="regression",
        seen=Thoughts(
            answer=width,
            terse=f"the {colour} square is {width} wide",
            detailed=(
                f"i see a {colour} square in the image. from its left side to its right side it is"
                f" {width} wide. so the width is {width}"
            ),
        ),
    )


def _one_shape(rng: np.random.Generator) -> tuple[np.ndarray, str, str]:
    """(1, 56, 56, 3) frames, the shape and its colour."""
    frames, shape, colour = background(rng, 1), pick(rng, SHAPES), pick(rng, list(COLOURS))
    radius = int(rng.integers(10, 16))
    draw_shape(frames[0], shape, colour, anywhere(rng, radius), radius)
    return frames, shape, colour
