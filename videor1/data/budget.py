"""Prompts that are too long see less of their media; their tokens are never cut.

Cutting a prompt's ids leaves vision features without tokens, or a question without its end. Instead, where a
prompt and its response pass the budget:

1. the pixels of each frame are lowered, to a quarter of what they were at most;
2. if that is not enough, frames are left out, down to `min_frames`;
3. if that is not enough either, pixels are lowered further, down to `min_pixels`.

An image has no frames to leave out. A question that still does not fit is no question for this model.
"""

from __future__ import annotations

from dataclasses import replace

from videor1.data.frames import SIDE, ClipSettings
from videor1.types import Clip

_LEAST_SHARE = 4  # step 1 ends at half the width and half the height


def vision_tokens(clip: Clip) -> int:
    """Tokens that the language model sees of a clip."""
    rows, tokens = _grid(clip)
    return rows * tokens


def fit_room(rows: int, tokens: int, room: int, *, min_rows: int, min_tokens: int) -> tuple[int, int] | None:
    """The rule above, on a temporal grid of `rows` with `tokens` each that may take `room` tokens in all.

    Returns:
        Rows and tokens a row; None when even the least does not fit.
    """
    quarter = max(min_tokens, tokens // _LEAST_SHARE)
    fewer = min(rows, max(min_rows, room // quarter))
    smaller = min(tokens, room // fewer)
    return None if smaller < min_tokens else (fewer, smaller)


def lower(settings: ClipSettings, clip: Clip, room: int) -> ClipSettings | None:
    """Settings under which the file of `clip` takes at most `room` tokens; None when it cannot."""
    rows, tokens = _grid(clip)
    least = tokens if _may_be_grown(settings, clip) else -(-settings.min_pixels // SIDE**2)
    fewest = -(-settings.min_frames // 2) if clip.is_video else 1
    fitted = fit_room(rows, tokens, room, min_rows=min(rows, fewest), min_tokens=least)
    if fitted is None:
        return None
    rows, pixels = fitted[0], fitted[1] * SIDE**2
    if not clip.is_video:
        return replace(settings, image_max_pixels=pixels)
    return replace(
        settings, max_frames=2 * rows, min_frames=min(settings.min_frames, 2 * rows), video_max_pixels=pixels
    )


def _may_be_grown(settings: ClipSettings, clip: Clip) -> bool:
    """Whether its frames can have been enlarged to min_pixels: lower bounds would not make them smaller.

    Enlarged sides are rounded up, so what they were rounded from has just min_pixels.
    """
    _, height, width, _ = clip.frames.shape
    return (height - SIDE) * (width - SIDE) <= settings.min_pixels


def _grid(clip: Clip) -> tuple[int, int]:
    frames, height, width, _ = clip.frames.shape
    return -(-frames // 2), height * width // SIDE**2
