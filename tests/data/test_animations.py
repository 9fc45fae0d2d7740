"""Animated images: clips when a record calls them videos, their first frame when it calls them images."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tests.data.kinds import Library
from tests.data.videos import numbered, numbers
from videor1.data.frames import ClipSettings, read_clip, read_image, read_media
from videor1.errors import MediaError

LOSSLESS = {"gif": {}, "png": {}, "webp": {"lossless": True}, "avif": {"quality": 100}}
RED, GREEN = (200, 30, 30, 255), (30, 200, 30, 255)
WHITE, CLEAR = (255, 255, 255, 255), (90, 90, 90, 0)


def animate(path, frames, **options):
    first, *others = map(Image.fromarray, frames)
    first.save(path, save_all=True, append_images=others, **LOSSLESS[path.suffix[1:]], **options)
    return path


def halves(left, right):
    """56 x 56 of two colours, (56, 56, 4) uint8."""
    return np.array([[left] * 28 + [right] * 28] * 56, dtype=np.uint8)


@pytest.mark.parametrize("suffix", LOSSLESS)
@pytest.mark.parametrize("backend", ["decord", "pyav"])
def test_an_animation_is_a_clip(tmp_path, suffix, backend):
    frames = [numbered(number) for number in range(20)]
    path = animate(tmp_path / f"moving.{suffix}", frames, duration=[40, 160] * 10)
    clip = read_clip(path, max_frames=16, backend=backend)
    assert (clip.total_frames, clip.source_fps) == (20, 10.0)  # 20 in 2 s
    assert clip.indices == (0, 6, 13, 19)  # 2 s x 2 fps
    assert clip.fps == 2.0
    assert numbers(clip.frames) == clip.indices
    assert clip.frames.shape == (4, 84, 112, 3)


@pytest.mark.parametrize("suffix", LOSSLESS)
def test_as_an_image_it_is_its_first_frame(tmp_path, suffix):
    path = animate(tmp_path / f"moving.{suffix}", [numbered(number) for number in (5, 6, 7)], duration=100)
    clip = read_image(path)
    assert (clip.total_frames, clip.is_video, numbers(clip.frames)) == (1, False, (5,))


@pytest.mark.parametrize("duration", [0, 10])
def test_without_durations_a_frame_is_shown_as_long_as_by_browsers(tmp_path, duration):
    path = animate(tmp_path / "fast.gif", [numbered(number) for number in range(4)], duration=duration)
    assert read_clip(path, max_frames=4).source_fps == 10.0
    path = animate(tmp_path / "mixed.gif", [numbered(0), numbered(1)], duration=[duration, 400])
    assert read_clip(path, max_frames=4).source_fps == pytest.approx(4.0)  # 2 in 100 + 400 ms


def test_a_gif_of_one_frame_is_a_video_of_one_frame(tmp_path):
    Image.fromarray(numbered(3)).save(tmp_path / "one.gif")
    clip = read_clip(tmp_path / "one.gif", max_frames=16)
    assert (clip.total_frames, clip.indices, clip.source_fps) == (1, (0, 0), 10.0)
    assert numbers(clip.frames) == (3, 3)


@pytest.mark.parametrize(
    ("suffix", "options", "second", "third"),
    [
        ("gif", {"disposal": 1}, (RED, GREEN), (RED, GREEN)),  # a frame stays under the next one,
        ("gif", {"disposal": 3}, (RED, GREEN), (RED, RED)),  # or gives way to what was before,
        ("png", {"disposal": 0, "blend": 1}, (RED, GREEN), (RED, GREEN)),
        ("png", {"disposal": 1, "blend": 1}, (WHITE, GREEN), (RED, WHITE)),  # or to nothing,
        ("webp", {}, (WHITE, GREEN), (RED, WHITE)),  # and where nothing is, there is white
    ],
)
def test_frames_are_laid_over_each_other_as_they_ask(tmp_path, suffix, options, second, third):
    frames = [halves(RED, RED), halves(CLEAR, GREEN), halves(RED, CLEAR), halves(RED, RED)]
    path = animate(tmp_path / f"layers.{suffix}", frames, duration=100, **options)
    shown = read_clip(path, max_frames=4, fps=40.0).frames[:, 28, [14, 42]]
    assert shown[:3].tolist() == [[list(one[:3]) for one in pair] for pair in ((RED, RED), second, third)]


def test_the_still_picture_of_an_animated_png_is_no_frame_of_it(tmp_path):
    frames = [numbered(number) for number in (7, 8, 9)]
    path = animate(tmp_path / "with a still.png", frames, duration=100, default_image=True)
    clip = read_clip(path, max_frames=4, fps=20.0)
    assert (clip.total_frames, numbers(clip.frames)) == (2, (8, 9))
    assert numbers(read_image(path).frames) == (7,)


@pytest.mark.parametrize("format", ["jpeg", "png", "webp", "bmp", "tiff", "jpeg2000", "avif", "ico", "ppm"])
def test_a_still_image_is_no_video(tmp_path, format):
    path = tmp_path / "clip.mp4"
    Image.fromarray(numbered(1)).save(path, format=format)
    for backend in ("decord", "pyav"):
        with pytest.raises(MediaError, match=r"clip\.mp4: is a still image, not a video$"):
            read_media(path, "video", ClipSettings(backend=backend))
    read_media(path, "image", ClipSettings())


@pytest.mark.parametrize("name", ["h264.mp4", "h264.mkv", "vp9.webm", "mpeg4.avi", "h264.flv", "wmv2.wmv"])
def test_a_video_is_no_image(tmp_path, name):
    path = Library(tmp_path)[name].rename(tmp_path / "photo.jpg")
    with pytest.raises(MediaError, match=r"photo\.jpg: is a video, not an image$"):
        read_media(path, "image", ClipSettings())
    read_media(path, "video", ClipSettings())
