"""The rule by which long prompts see less of their media."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from videor1.data.budget import fit_room, lower, vision_tokens
from videor1.data.frames import SIDE, ClipSettings, fit_size, sample_indices
from videor1.types import Clip


@given(
    rows=st.integers(1, 64),
    tokens=st.integers(1, 1024),
    room=st.integers(-10, 70_000),
    min_rows=st.integers(1, 4),
    min_tokens=st.integers(1, 8),
)
def test_what_fits_fits_and_nothing_grows(rows, tokens, room, min_rows, min_tokens):
    min_rows, min_tokens = min(rows, min_rows), min(tokens, min_tokens)
    fitted = fit_room(rows, tokens, room, min_rows=min_rows, min_tokens=min_tokens)
    if fitted is None:
        assert room < min_rows * min_tokens
        return
    assert fitted[0] * fitted[1] <= max(room, 0)
    assert min_rows <= fitted[0] <= rows
    assert min_tokens <= fitted[1] <= tokens
    if rows * tokens <= room:
        assert fitted == (rows, tokens)
    if fitted[0] < rows:  # frames go only when a quarter of the pixels is not enough
        assert rows * max(min_tokens, tokens // 4) > room
    if fitted[1] < max(min_tokens, tokens // 4):  # and less than a quarter only when no frame is left to drop
        assert fitted[0] == min_rows


@pytest.mark.parametrize(
    ("room", "expected"),
    [
        (1024, (8, 128)),  # all of it
        (800, (8, 100)),  # fewer pixels
        (256, (8, 32)),  # a quarter of them
        (255, (7, 36)),  # then fewer frames
        (64, (2, 32)),
        (20, (2, 10)),  # then fewer pixels again
        (8, (2, 4)),
        (7, None),
        (-5, None),
    ],
)
def test_pixels_then_frames_then_pixels(room, expected):
    assert fit_room(8, 128, room, min_rows=2, min_tokens=4) == expected


def clip_of(height, width, settings, *, total=600, fps=25.0, video=True):
    """What the readers make of a file of this size and length."""
    if not video:
        size = fit_size(height, width, min_pixels=settings.min_pixels, max_pixels=settings.image_max_pixels)
        frames, indices, total = 1, (0,), 1
    else:
        bounds = {"max_frames": settings.max_frames, "min_frames": settings.min_frames}
        indices = tuple(sample_indices(total, fps, fps=settings.fps, **bounds))
        size = fit_size(height, width, min_pixels=settings.min_pixels, max_pixels=settings.video_max_pixels)
        frames = len(indices)
    return Clip(
        frames=np.empty((frames, *size, 3), np.uint8),
        indices=indices,
        fps=frames / total * fps if video else 0.0,
        source_fps=fps if video else 0.0,
        total_frames=total,
        path="x",
    )


@given(
    height=st.integers(20, 2000),
    width=st.integers(20, 2000),
    max_frames=st.sampled_from([2, 4, 16, 64]),
    share=st.floats(0.0, 1.2),
    video=st.booleans(),
)
def test_a_file_read_again_under_lower_settings_fits(height, width, max_frames, share, video):
    settings = ClipSettings(max_frames=max_frames, min_frames=min(4, max_frames))
    clip = clip_of(height, width, settings, video=video)
    room = int(share * vision_tokens(clip))
    lowered = lower(settings, clip, room)
    if lowered is None:
        grown = (clip.frames.shape[1] - SIDE) * (clip.frames.shape[2] - SIDE) <= settings.min_pixels
        tokens = clip.frames.shape[1] * clip.frames.shape[2] if grown else settings.min_pixels
        assert room < max(1, min(4, max_frames) // 2) * tokens // SIDE**2
    elif max(height, width) / min(height, width) < 4:  # a strip cannot shrink below one patch
        assert vision_tokens(clip_of(height, width, lowered, video=video)) <= room
