"""Videos at the limits: very long, very large, very narrow, with gaps; and what reading them costs."""

from __future__ import annotations

import time
import weakref

import numpy as np
import pytest
from PIL import Image

from tests.data.videos import ONE_GROUP, numbers, write_numbered
from videor1.data.frames import fit_size, read_clip
from videor1.data.readers import interface
from videor1.data.readers.interface import MAX_PIXELS
from videor1.data.readers.pyav_reader import PyavReader
from videor1.errors import MediaError

both_backends = pytest.mark.parametrize("backend", ["decord", "pyav"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("limits")


@pytest.fixture(scope="module")
def short(folder):
    """30 frames of 84 x 112 in one group of pictures."""
    return write_numbered(folder / "short.webm", codec="libvpx-vp9", options=ONE_GROUP)


@pytest.fixture(scope="module", params=["mp4", "mkv"])
def long(folder, request):
    """3 hours at 1 frame a second, a key frame every 250."""
    options = {"g": "250", "preset": "ultrafast"}
    path = folder / f"long.{request.param}"
    return write_numbered(path, frames=10800, rate=1, height=28, width=56, options=options)


@both_backends
def test_three_hours_take_no_longer_than_a_second(long, backend):
    start = time.perf_counter()
    clip = read_clip(long, max_frames=16, backend=backend)
    assert time.perf_counter() - start < 1  # 0.06 s on a free core
    assert (clip.total_frames, clip.source_fps, len(clip.indices)) == (10800, 1.0, 16)
    assert numbers(clip.frames) == tuple(index % 4096 for index in clip.indices)


@both_backends
@pytest.mark.parametrize("width", [1, 2, 8, 16, 24, 32, 48, 96])
def test_narrow_videos(folder, backend, width):
    """decord delivers their rows with padding, in more than three channels."""
    path = folder / f"narrow {width}.mp4"
    if not path.exists():
        write_numbered(path, width=width, pixels="yuv444p", options=ONE_GROUP)
    clip = read_clip(path, max_frames=16, max_pixels=10**6, backend=backend)
    assert clip.frames.shape[1:3] == fit_size(84, width, min_pixels=4 * 784, max_pixels=10**6)
    if width >= 8:  # 4 cells beside each other
        assert numbers(clip.frames) == clip.indices


@both_backends
def test_frames_too_large_for_the_memory_are_refused(short, backend, monkeypatch):
    assert MAX_PIXELS == 2 * Image.MAX_IMAGE_PIXELS  # where Pillow refuses an image
    monkeypatch.setattr(interface, "MAX_PIXELS", 84 * 112 - 1)
    with pytest.raises(MediaError, match=r"short\.webm: 112 x 84 pixels are more than 9407 in all$"):
        read_clip(short, max_frames=16, backend=backend)


@both_backends
def test_a_header_that_claims_billions_of_pixels_is_refused(short, tmp_path, backend):
    data = bytearray(short.read_bytes())
    sides = data.index(b"\x49\x83\x42") + 3  # VP9's sync code; 4 bits of colours, then the sides
    claimed = int.from_bytes(data[sides : sides + 5], "big") | 0xF_FFFF_FFF0
    data[sides : sides + 5] = claimed.to_bytes(5, "big")
    (tmp_path / "bomb.webm").write_bytes(data)
    with pytest.raises(MediaError, match=r"bomb\.webm: "):
        read_clip(tmp_path / "bomb.webm", max_frames=16, backend=backend)


def test_large_frames_are_shrunk_one_by_one(short, monkeypatch):
    alive = []

    def frames(reader, indices):
        made = []
        for number in indices:
            frame = np.full((300, 400, 3), number, np.uint8)
            made.append(weakref.ref(frame))
            yield frame
            del frame
            alive.append(sum(one() is not None for one in made))

    monkeypatch.setattr(PyavReader, "frames", frames)
    clip = read_clip(short, max_frames=16, backend="pyav", max_pixels=4 * 784)
    assert clip.frames.shape == (6, 28, 56, 3)
    assert clip.frames[:, 0, 0, 0].tolist() == list(clip.indices)
    assert alive == [0] * 6


def test_a_few_packets_without_a_picture_show_the_one_before_and_many_are_damage(short, monkeypatch):
    decoded = PyavReader._pictures_from

    def without(*missing):
        def pictures(reader, key):
            for when, picture in decoded(reader, key):
                if numbers([picture.to_ndarray(format="rgb24")])[0] not in missing:
                    yield when, picture

        monkeypatch.setattr(PyavReader, "_pictures_from", pictures)

    without(0, 6)
    assert numbers(list(PyavReader(short).frames([0, 5, 6, 7, 29]))) == (1, 5, 5, 7, 29)
    without(*range(20, 30))
    with pytest.raises(MediaError, match=r"short\.webm: frame 29 is damaged$"):
        list(PyavReader(short).frames([0, 29]))
    without(*range(30))
    with pytest.raises(MediaError, match=r"short\.webm: frame 0 cannot be decoded$"):
        list(PyavReader(short).frames([0, 29]))
