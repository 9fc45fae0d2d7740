"""Drawing on frames: a background on which place is visible, and objects a vision token can hold."""

from __future__ import annotations

import numpy as np

SIDE = 56  # pixels; 2 x 2 vision tokens a frame
FRAMES = 16  # at 4 frames a second: 4 s, of which the recipe's sampler takes 8 frames
FRAMES_PER_SECOND = 4
SAMPLED = (0, 2, 4, 6, 9, 11, 13, 15)  # what `sample_indices(16, 4.0, max_frames=8)` takes

COLOURS = {"red": (220, 40, 40), "green": (40, 190, 60), "blue": (50, 80, 230), "yellow": (230, 210, 40)}
SHAPES = ("square", "circle")
_DIGITS = {  # 5 rows of 3 cells
    "1": "010110010010111",
    "2": "111001111100111",
    "3": "111001111001111",
    "4": "101101111001001",
}
DIGITS = tuple(_DIGITS)


def background(rng: np.random.Generator, frames: int) -> np.ndarray:
    """(frames, 56, 56, 3) uint8: grey that reddens to the right and turns blue downwards, with flicker.

    A uniform background would leave the model blind to place.
    """
    canvas = np.full((frames, SIDE, SIDE, 3), (123, 117, 104), dtype=np.int16)
    canvas += rng.integers(-6, 7, (frames, 1, 1, 1), dtype=np.int16)
    slope = np.linspace(-50, 50, SIDE).astype(np.int16)
    canvas[..., 0] += slope[None, None, :]
    canvas[..., 2] += slope[None, :, None]
    return canvas.clip(0, 255).astype(np.uint8)


def draw_shape(frame: np.ndarray, shape: str, colour: str, place: tuple[int, int], radius: int) -> None:
    """Paints a square or circle of a radius in pixels around (x, y) onto one (56, 56, 3) frame."""
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    dx, dy = x - place[0], y - place[1]
    inside = np.maximum(abs(dx), abs(dy)) < radius if shape == "square" else dx**2 + dy**2 <= radius**2
    frame[inside] = COLOURS[colour]


def draw_digit(frame: np.ndarray, digit: str, colour: str, corner: tuple[int, int], cell: int = 8) -> None:
    """Paints a digit of 3 x 5 cells, `cell` pixels each, whose top left corner is at (x, y)."""
    cells = np.array([int(bit) for bit in _DIGITS[digit]], dtype=bool).reshape(5, 3)
    glyph = cells.repeat(cell, axis=0).repeat(cell, axis=1)
    x, y = corner
    frame[y : y + 5 * cell, x : x + 3 * cell][glyph] = COLOURS[colour]


def anywhere(rng: np.random.Generator, margin: int) -> tuple[int, int]:
    """A place (x, y) at least `margin` pixels from every edge."""
    x, y = rng.integers(margin, SIDE - margin, 2)
    return int(x), int(y)
