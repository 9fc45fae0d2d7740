"""Drawing on frames: a background on which place is visible, and objects that a vision token can hold.

What a tiny model learns from depends on these sizes: a uniform background leaves it blind to place, and
objects under about 20 pixels go unseen.
"""

from __future__ import annotations

import numpy as np

SIDE = 56  # pixels; 2 x 2 vision tokens a frame
FRAMES = 16
FRAMES_PER_SECOND = 4
SAMPLED = (0, 2, 4, 6, 9, 11, 13, 15)  # what the recipe's sampler takes of them, at 2 frames a second

COLOURS = {"red": (220, 40, 40), "green": (40, 190, 60), "blue": (50, 80, 230), "yellow": (230, 210, 40)}
SHAPES = ("square", "circle")
_DIGITS = {  # 5 rows of 3 cells
    "1": "010110010010111",
    "2": "111001111100111",
    "3": "111001111001111",
    "4": "101101111001001",
}
DIGITS = tuple(_DIGITS)
_CELL = 8  # pixels
_CENTRES = np.arange(SIDE) + 0.5  # (56,) of the pixels, along either axis


def background(rng: np.random.Generator, frames: int) -> np.ndarray:
    """(frames, 56, 56, 3) uint8: a grey that reddens to the right and turns blue downwards.

    Each frame has its own brightness, and the clip a grain of its own, faint but enough that no two clips
    are ever equal. Both are drawn independently of what is shown, so neither gives away the frames' order.
    """
    canvas = np.full((frames, SIDE, SIDE, 3), (123, 117, 104), dtype=np.int16)
    canvas += rng.integers(-6, 7, (frames, 1, 1, 1), dtype=np.int16)
    canvas += rng.integers(-3, 4, (1, SIDE, SIDE, 1), dtype=np.int16)
    slope = np.linspace(-50, 50, SIDE).astype(np.int16)
    canvas[..., 0] += slope[None, None, :]
    canvas[..., 2] += slope[None, :, None]
    return canvas.clip(0, 255).astype(np.uint8)


def draw_shape(frame: np.ndarray, shape: str, colour: str, place: tuple[int, int], radius: int) -> None:
    """Paints a square or circle, 2 x radius pixels wide, around (x, y) onto one (56, 56, 3) frame."""
    x, y = place  # a point between pixels; a pixel is inside when its centre is
    across, down = abs(_CENTRES - x)[None, :], abs(_CENTRES - y)[:, None]
    inside = np.maximum(across, down) < radius if shape == "square" else across**2 + down**2 < radius**2
    frame[inside] = COLOURS[colour]


def draw_digit(frame: np.ndarray, digit: str, colour: str, corner: tuple[int, int]) -> None:
    """Paints a digit, 24 pixels wide and 40 high, whose top left corner is at (x, y)."""
    cells = np.array([bit == "1" for bit in _DIGITS[digit]]).reshape(5, 3)
    glyph = cells.repeat(_CELL, axis=0).repeat(_CELL, axis=1)
    height, width = glyph.shape
    x, y = corner
    frame[y : y + height, x : x + width][glyph] = COLOURS[colour]


def anywhere(rng: np.random.Generator, radius: int) -> tuple[int, int]:
    """A place (x, y) at which a shape of that radius lies wholly on the frame."""
    x, y = rng.integers(radius, SIDE - radius + 1, 2)
    return int(x), int(y)


def digit_corner(rng: np.random.Generator) -> tuple[int, int]:
    """A top left corner (x, y) at which a digit is in the middle of the frame, give or take 2 pixels.

    Farther off, its strokes would fall into other vision tokens, which is too much to learn in minutes.
    """
    x, y = rng.integers(-2, 3, 2) + ((SIDE - 3 * _CELL) // 2, (SIDE - 5 * _CELL) // 2)
    return int(x), int(y)
