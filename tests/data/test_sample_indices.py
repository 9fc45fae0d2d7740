"""Which frames are taken and at what size: exact values, and the rules for any video."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videor1.data.frames import ClipSettings, fit_size, sample_indices
from videor1.errors import ConfigError


@pytest.mark.parametrize(
    ("total", "fps", "max_frames", "expected"),
    [
        (16, 4.0, 8, [0, 2, 4, 6, 9, 11, 13, 15]),  # 4 s x 2 fps = 8; steps of 15/7
        (300, 30.0, 16, [0, 20, 40, 60, 80, 100, 120, 140, 159, 179, 199, 219, 239, 259, 279, 299]),
        (90, 30.0, 16, [0, 18, 36, 53, 71, 89]),  # 3 s x 2 fps = 6; steps of 17.8
        (10, 30.0, 16, [0, 3, 6, 9]),  # 0.67 frames wanted, at least 4
        (3, 30.0, 16, [0, 2]),  # 4 wanted, 3 there, rounded down to even
        (1, 30.0, 16, [0, 0]),  # a one-frame clip is shown twice
        (100, 25.0, 7, [0, 20, 40, 59, 79, 99]),  # 8 wanted, 7 allowed, even: 6
    ],
)
def test_indices_by_hand(total, fps, max_frames, expected):
    assert sample_indices(total, fps, max_frames=max_frames) == expected


@given(
    total=st.integers(1, 10_000_000),
    fps=st.floats(0.1, 240.0),
    max_frames=st.integers(2, 64),
)
def test_rules_for_any_video(total, fps, max_frames):
    got = sample_indices(total, fps, max_frames=max_frames)
    count = len(got)
    assert count % 2 == 0
    assert 2 <= count <= max(2, max_frames)
    assert got == [round(Fraction(i * (total - 1), count - 1)) for i in range(count)]
    wanted = min(max(total / fps * 2.0, 4), max_frames, total)
    assert count == max(2, int(wanted) // 2 * 2)


@pytest.mark.parametrize(("total", "fps"), [(0, 30.0), (10, 0.0), (10, float("nan")), (10, float("inf"))])
def test_videos_without_frames_or_rate_are_refused(total, fps):
    with pytest.raises(ValueError, match=r"total_frames|video_fps"):
        sample_indices(total, fps, max_frames=8)


@pytest.mark.parametrize(
    ("height", "width", "least", "most", "expected"),
    [
        (360, 640, 4 * 784, 128 * 784, (224, 420)),  # 364x644 is too many; /1.515: 237.6x422.4, down
        (56, 56, 4 * 784, 128 * 784, (56, 56)),
        (70, 42, 784, 128 * 784, (56, 56)),  # 2.5 and 1.5 multiples, halves to even: 2 and 2
        (20, 20, 4 * 784, 128 * 784, (56, 56)),  # 28x28 is too few; x2.8, up to a multiple
        (1080, 1920, 4 * 784, 256 * 784, (336, 588)),
    ],
)
def test_sizes_by_hand(height, width, least, most, expected):
    assert fit_size(height, width, min_pixels=least, max_pixels=most) == expected


@given(height=st.integers(1, 5000), width=st.integers(1, 5000))
def test_sizes_are_multiples_within_the_budget(height, width):
    if max(height, width) > 200 * min(height, width):
        with pytest.raises(ValueError, match="aspect ratio"):
            fit_size(height, width, min_pixels=4 * 784, max_pixels=128 * 784)
        return
    h, w = fit_size(height, width, min_pixels=4 * 784, max_pixels=128 * 784)
    assert h % 28 == w % 28 == 0
    assert h * w >= 4 * 784
    assert h * w <= 128 * 784 or min(h, w) == 28  # a very long strip keeps its least side


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"max_frames": 7}, "data.clip.max_frames"),
        ({"max_frames": 0}, "data.clip.max_frames"),
        ({"min_frames": 20}, "data.clip.min_frames"),
        ({"fps": 0.0}, "data.clip.fps"),
        ({"min_pixels": 784 * 200}, "data.clip.min_pixels"),
    ],
)
def test_impossible_settings_name_their_key(settings, key):
    with pytest.raises(ConfigError, match=key):
        ClipSettings(**settings)
