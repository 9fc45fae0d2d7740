"""Videos as clips: which frames come out, when they were shown, at what size and in which colours."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from tests.data.videos import COLOURS, decode_all, real_video, write_numbered, write_video
from videor1.data.frames import ClipSettings, read_clip, read_media
from videor1.errors import ConfigError

TOLERANCE = 6  # of a colour value after lossy coding; the closest two colours differ by 90 somewhere


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("videos")


@pytest.fixture(scope="module")
def square(folder):
    """16 frames of 56 x 56 at 8 frames a second: 2 seconds."""
    return write_video(folder / "square.mp4")


def assert_colours(clip):
    expected = COLOURS[np.array(clip.indices) % 8][:, None, None]
    assert np.abs(clip.frames.astype(int) - expected).max() <= TOLERANCE


@pytest.mark.parametrize(
    ("settings", "indices", "fps"),
    [
        ({"max_frames": 16}, (0, 5, 10, 15), 2.0),  # 2 s x 2 fps = 4; 4 / 16 x 8
        ({"max_frames": 16, "fps": 4.0}, (0, 2, 4, 6, 9, 11, 13, 15), 4.0),  # 8; steps of 15/7
        ({"max_frames": 6, "fps": 4.0}, (0, 3, 6, 9, 12, 15), 3.0),  # 8 wanted, 6 allowed; 6 / 16 x 8
        ({"max_frames": 2, "min_frames": 2}, (0, 15), 1.0),
        ({"max_frames": 16, "fps": 100.0}, tuple(range(16)), 8.0),  # all of them
    ],
)
def test_chosen_frames_and_their_timing(square, settings, indices, fps):
    clip = read_clip(square, **settings)
    assert clip.indices == indices
    assert clip.fps == pytest.approx(fps)
    assert clip.seconds_per_grid == pytest.approx(2 / fps)
    assert (clip.total_frames, clip.source_fps, clip.is_video) == (16, 8.0, True)
    assert clip.path == str(square)
    assert clip.frames.dtype == np.uint8
    assert clip.frames.shape == (len(indices), 56, 56, 3)
    assert_colours(clip)
    np.testing.assert_array_equal(clip.frames, decode_all(square)[list(indices)])


def test_one_frame_is_shown_twice(folder):
    clip = read_clip(write_video(folder / "one.mp4", frames=1), max_frames=16)
    assert clip.indices == (0, 0)
    assert clip.total_frames == 1
    assert clip.fps == pytest.approx(16.0)  # 2 / 1 x 8
    assert_colours(clip)


@pytest.mark.parametrize(
    ("height", "width", "expected"),
    [
        (77, 123, (84, 112)),  # 2.75 and 4.39 multiples of 28
        (28, 28, (56, 56)),  # under 4 x 28 x 28 pixels
        (200, 40, (196, 28)),  # 7.14 and 1.43 multiples
        (360, 640, (224, 420)),  # 364 x 644 is over 128 x 28 x 28; / 1.515: 237.6 x 422.4, down
    ],
)
def test_sides_become_multiples_of_28(folder, height, width, expected):
    path = folder / f"{height}x{width}.mp4"
    clip = read_clip(write_video(path, height=height, width=width, pixels="yuv444p"), max_frames=4)
    assert clip.frames.shape == (4, *expected, 3)
    assert_colours(clip)


@pytest.mark.parametrize(
    ("name", "codec", "height", "width"),
    [
        ("vp9.webm", "libvpx-vp9", 56, 56),
        ("vp9.webm", "libvpx-vp9", 77, 123),
        ("h264.mkv", "libx264", 56, 56),
        ("mpeg4.avi", "mpeg4", 56, 56),
        ("av1.mp4", "libsvtav1", 64, 64),  # the encoder's least size
    ],
)
def test_containers_and_codecs(folder, name, codec, height, width):
    path = write_video(folder / name, codec=codec, height=height, width=width)
    clip = read_clip(path, max_frames=8, fps=4.0)
    assert clip.indices == (0, 2, 4, 6, 9, 11, 13, 15)
    assert (clip.total_frames, clip.source_fps, clip.fps) == (16, 8.0, 4.0)
    assert_colours(clip)


@pytest.mark.parametrize(
    ("name", "total", "source_fps", "size", "indices"),
    [
        (  # 10 s x 2 = 20 frames, 16 allowed; steps of 249/15; 280x644 is too many, / 1.317: 206.5x485.9
            "bikes.mp4",
            250,
            25.0,
            (196, 476),
            (0, 17, 33, 50, 66, 83, 100, 116, 133, 149, 166, 183, 199, 216, 232, 249),
        ),
        (  # 5.28 s x 2 = 10.56 frames; steps of 131/9; 720x1280 / 3.030: 237.6x422.4
            "bigbuckbunny.mp4",
            132,
            25.0,
            (224, 420),
            (0, 15, 29, 44, 58, 73, 87, 102, 116, 131),
        ),
        (  # 4.004 s x 2 = 8.008 frames; steps of 119/7; 144x176 is 5.14 and 6.29 multiples
            "carphone_pristine.mp4",
            120,
            30000 / 1001,
            (140, 168),
            (0, 17, 34, 51, 68, 85, 102, 119),
        ),
    ],
)
def test_real_videos(name, total, source_fps, size, indices):
    path = real_video(name)
    clip = read_clip(path, max_frames=16)
    assert clip.indices == indices
    assert clip.total_frames == total
    assert clip.source_fps == pytest.approx(source_fps)
    assert clip.fps == pytest.approx(len(indices) / total * source_fps)
    assert clip.frames.shape == (len(indices), *size, 3)
    decoded = decode_all(path)
    for frame, index in zip(clip.frames, indices, strict=True):
        resized = Image.fromarray(decoded[index]).resize(size[::-1], Image.Resampling.BICUBIC)
        assert np.abs(frame.astype(int) - np.asarray(resized)).max() <= 2  # two ways to round


def test_media_are_read_with_the_settings_of_their_kind(folder, square):
    Image.new("RGB", (280, 280)).save(folder / "image.png")
    settings = ClipSettings(
        max_frames=8,
        min_frames=2,
        fps=1.0,
        video_max_pixels=16 * 784,
        image_max_pixels=4 * 784,
        min_pixels=4 * 784,
    )
    large = write_video(folder / "large.mp4", height=140, width=140)
    assert read_media(large, "video", settings).frames.shape == (2, 112, 112, 3)  # 2 s x 1 fps; 4 x 4 tokens
    assert read_media(folder / "image.png", "image", settings).frames.shape == (1, 56, 56, 3)  # 2 x 2 tokens
    assert read_media(square, "video", settings).indices == (0, 15)


def test_the_backend_is_one_of_two(folder, monkeypatch):
    short = write_video(folder / "short.mp4", frames=8)  # one group of pictures
    with pytest.raises(ConfigError, match=r"data\.clip\.backend must be decord or pyav, got opencv"):
        ClipSettings(backend="opencv")
    monkeypatch.setattr("videor1.data.frames.PyavReader", None)
    assert read_media(short, "video", ClipSettings()).total_frames == 8  # decord alone
    monkeypatch.undo()
    monkeypatch.setattr("videor1.data.frames.DecordReader", None)
    assert read_media(short, "video", ClipSettings(backend="pyav")).total_frames == 8


@pytest.mark.parametrize("backend", ["decord", "pyav"])
@pytest.mark.parametrize(
    "name", ["concat:a|b", "http:", "-i", "a b%20c#d?e:f.mp4", "ünï 漢.mp4", "\udcff.mp4"]
)
def test_a_path_is_no_address_and_no_pattern(folder, monkeypatch, name, backend):
    monkeypatch.chdir(folder)
    write_video(folder / "short.mp4", frames=8).rename(name)
    assert read_clip(name, max_frames=4, backend=backend).total_frames == 8


def test_pixels_are_resized_as_before_frames_came_one_by_one(folder):
    """All frames of a video in one call, as it was: the same to the bit."""
    path = write_numbered(folder / "to shrink.mp4", frames=16, height=100, width=150)
    frames = torch.from_numpy(decode_all(path)).permute(0, 3, 1, 2)
    expected = F.interpolate(frames, size=(112, 140), mode="bicubic", antialias=True).permute(0, 2, 3, 1)
    np.testing.assert_array_equal(read_clip(path, max_frames=16, fps=100.0).frames, expected.numpy())
