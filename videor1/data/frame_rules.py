"""Which frames of a video are shown, and at what size.

The two rules are Qwen2.5-VL's, which the released weights were trained with: `n = total / fps * 2`, clamped
to [4, max_frames] and to `total`, rounded down to even; sides are multiples of 28 (patch 14, spatial merge
2) within a budget of pixels. `videor1.data.frames` hands them on; import them from there.
"""

from __future__ import annotations

import math

SIDE = 28  # pixels a vision token covers: patch 14 x spatial merge 2
MAX_ASPECT = 200


def sample_indices(
    total_frames: int, video_fps: float, *, max_frames: int, fps: float = 2.0, min_frames: int = 4
) -> list[int]:
    """Frame numbers spread evenly over a video; their count is even and at least 2.

    A one-frame video is shown twice: [0, 0].

    Raises:
        ValueError: no frames, or a frame rate that is not a positive finite number.
    """
    if total_frames < 1:
        raise ValueError(f"total_frames must be at least 1, got {total_frames}")
    if not (math.isfinite(video_fps) and video_fps > 0):
        raise ValueError(f"video_fps must be positive and finite, got {video_fps}")
    wanted = total_frames / video_fps * fps
    count = min(max(wanted, min_frames), max_frames, total_frames)
    count = max(2, math.floor(count / 2) * 2)
    # round(i * (total - 1) / (count - 1)) in integers; count - 1 is odd, so a half never occurs
    return [(2 * i * (total_frames - 1) + count - 1) // (2 * (count - 1)) for i in range(count)]


def fit_size(
    height: int, width: int, *, min_pixels: int, max_pixels: int, factor: int = SIDE
) -> tuple[int, int]:
    """The size (height, width) in pixels, multiples of `factor`, at which media of a given size are shown.

    Raises:
        ValueError: a side below 1 pixel or an aspect ratio above 200.
    """
    if min(height, width) < 1:
        raise ValueError(f"sides must be at least 1 pixel, got {height}x{width}")
    if max(height, width) / min(height, width) > MAX_ASPECT:
        raise ValueError(f"aspect ratio must be at most {MAX_ASPECT}, got {height}x{width}")
    fitted = [max(factor, round(side / factor) * factor) for side in (height, width)]
    if fitted[0] * fitted[1] > max_pixels:
        shrink = math.sqrt(height * width / max_pixels)
        fitted = [max(factor, math.floor(side / shrink / factor) * factor) for side in (height, width)]
    elif fitted[0] * fitted[1] < min_pixels:
        grow = math.sqrt(min_pixels / (height * width))
        fitted = [math.ceil(side * grow / factor) * factor for side in (height, width)]
    return fitted[0], fitted[1]
