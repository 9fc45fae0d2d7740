"""Questions that need no time: what shuffled frames, or one image, tell as well.

`count` is a video whose answer no shuffling changes: each flash is one frame, it is one that the recipe's
sampler takes, and between any two of these lie dark ones. So the number of flashes is the number of lit
frames, and any of the sampled frames may be lit.
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
