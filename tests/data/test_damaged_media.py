"""Damaged and mistaken files: each is a clip or a MediaError of one line that names it, and nothing else.

decord reads damaged files in a child process, so that a crash in its native code fails tests, not pytest.
"""

from __future__ import annotations

import faulthandler
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import numpy as np
import pytest
from PIL import Image

from tests.data.videos import COLOURS, write_video
from videor1.data.frames import read_clip
from videor1.errors import MediaError


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("damaged")


@pytest.fixture(scope="module")
def originals(folder):
    """Bytes of the same 16 frames by container; an mp4's index stands at its end."""
    files = {
        "mp4": write_video(folder / "good.mp4"),
        "webm": write_video(folder / "good.webm", codec="libvpx-vp9"),
        "mkv": write_video(folder / "good.mkv"),
    }
    return {suffix: path.read_bytes() for suffix, path in files.items()}


def child():
    fork = multiprocessing.get_context("fork")
    return ProcessPoolExecutor(1, mp_context=fork, initializer=faulthandler.disable)


@pytest.fixture(scope="module")
def reader():
    """A process that reads clips; its errors come back as they are, its death as BrokenProcessPool."""
    with child() as pool:
        yield pool


def read(reader, path):
    return reader.submit(read_clip, path, max_frames=8).result(timeout=20)


def refusal(reader, path):
    with pytest.raises(MediaError) as caught:
        read(reader, path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert len(message) > len(f"{path}: ")
    assert len(message.splitlines()) == 1
    return message


def assert_clip_or_refusal(reader, path):
    try:
        clip = read(reader, path)
    except MediaError:
        refusal(reader, path)
        return
    count, height, width, channels = clip.frames.shape
    assert count == len(clip.indices)
    assert count % 2 == height % 28 == width % 28 == 0
    assert channels == 3
    assert all(0 <= index < clip.total_frames for index in clip.indices)
    assert 0 < clip.fps < float("inf")


def test_missing_files_and_folders(reader, tmp_path):
    assert refusal(reader, tmp_path / "none.mp4").endswith("no such file")
    assert refusal(reader, tmp_path).endswith("no such file")
    refusal(reader, tmp_path / ("x" * 300 + ".mp4"))  # longer than a file system allows


@pytest.mark.parametrize("content", [b"", b"This is no video.\n" * 100, bytes(5000)])
def test_files_that_are_no_video(reader, tmp_path, content):
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    refusal(reader, path)


def test_an_image_in_place_of_a_video_is_one_frame_or_refused(reader, tmp_path):
    path = tmp_path / "clip.mp4"
    Image.fromarray(np.broadcast_to(COLOURS[0], (56, 56, 3))).save(path, format="png")
    assert_clip_or_refusal(reader, path)


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.9])
def test_an_mp4_without_its_end_is_refused(reader, tmp_path, originals, share):
    path = tmp_path / "cut.mp4"
    path.write_bytes(originals["mp4"][: int(share * len(originals["mp4"]))])
    refusal(reader, path)


@pytest.mark.parametrize("suffix", ["webm", "mkv"])
@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.9, 0.99])
def test_cut_streams(reader, tmp_path, originals, suffix, share):
    path = tmp_path / f"cut.{suffix}"
    path.write_bytes(originals[suffix][: int(share * len(originals[suffix]))])
    assert_clip_or_refusal(reader, path)


@pytest.mark.parametrize("seed", range(40))
def test_flipped_bytes(reader, tmp_path, originals, seed):
    suffix = ("mp4", "webm", "mkv")[seed % 3]
    random = np.random.default_rng(seed)
    data = np.frombuffer(originals[suffix], np.uint8).copy()
    places = random.integers(0, len(data), size=random.integers(1, 33))
    data[places] ^= random.integers(1, 256, size=len(places), dtype=np.uint8)
    path = tmp_path / f"flipped.{suffix}"
    path.write_bytes(data.tobytes())
    assert_clip_or_refusal(reader, path)


@pytest.mark.xfail(raises=BrokenProcessPool, strict=True, reason="decord aborts: std::bad_alloc")
def test_an_index_of_more_frames_than_an_int_counts(tmp_path, originals):
    data = bytearray(originals["mp4"])
    count = data.index(b"stts") + 12  # type, flags, number of entries, then the first entry's frames
    assert int.from_bytes(data[count : count + 4]) == 16
    data[count : count + 4] = bytes.fromhex("ffffffff")
    path = tmp_path / "index.mp4"
    path.write_bytes(data)
    with child() as reader:
        refusal(reader, path)


@pytest.mark.parametrize("width", [32, 48, 96])
def test_widths_that_decord_cannot_copy_are_refused_not_raised(reader, tmp_path, width):
    """Sound files: decord pads their rows and then trips over its own check. They are skipped like others."""
    path = write_video(tmp_path / "narrow.mp4", width=width)
    assert "from_size == to_size" in refusal(reader, path)
