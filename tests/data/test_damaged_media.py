"""Damaged and mistaken files: each is a clip or a MediaError of one line that names it, and nothing else.

They are read in a child process, so that a crash in native code fails tests, not pytest.
"""

from __future__ import annotations

import faulthandler
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numpy as np
import pytest

from tests.data.damage import ANIMATIONS, CUT, FLIPPED, IMAGES, REPLACED, VIDEOS, Damaged, damaged_files
from tests.data.kinds import Library
from tests.data.videos import ONE_GROUP, numbers, write_numbered
from videor1.data.frames import Backend, ClipSettings, read_media
from videor1.errors import MediaError
from videor1.types import Clip, DataType


class Reader:
    """A process that reads media; its errors come back as they are, its death as BrokenProcessPool."""

    def __init__(self) -> None:
        self.pool: ProcessPoolExecutor | None = None

    def read(self, path: Path, data_type: DataType, backend: Backend) -> Clip:
        if self.pool is None:
            fork = multiprocessing.get_context("fork")
            self.pool = ProcessPoolExecutor(1, mp_context=fork, initializer=faulthandler.disable)
        pool, self.pool = self.pool, None  # a broken one is not used again
        clip = pool.submit(read_media, path, data_type, ClipSettings(max_frames=8, backend=backend))
        error = clip.exception(timeout=30)
        if error is None or isinstance(error, MediaError):
            self.pool = pool
        return clip.result()


@pytest.fixture(scope="module")
def reader():
    reader = Reader()
    yield reader
    if reader.pool is not None:
        reader.pool.shutdown()


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("damaged")


@pytest.fixture(scope="module")
def damaged(folder) -> list[Damaged]:
    return damaged_files(folder)


def outcome(reader: Reader, file: Damaged, backend: Backend) -> Clip | str:
    """A sound clip, or the cause that a sound MediaError gives.

    decord may abort its process: on some of these files it does, and not on the same ones everywhere.
    """
    try:
        clip = reader.read(file.path, file.data_type, backend)
    except BrokenProcessPool:
        assert (backend, file.data_type) == ("decord", "video")
        return "crashed"
    except MediaError as error:
        message = str(error)
        assert message.startswith(f"{file.path}: ")
        assert len(message.splitlines()) == 1
        cause = message.removeprefix(f"{file.path}: ")
        assert cause.strip()
        return cause
    count, height, width, channels = clip.frames.shape
    assert clip.frames.dtype == np.uint8
    assert (count, channels) == (len(clip.indices), 3)
    assert height % 28 == width % 28 == 0
    assert all(0 <= index < clip.total_frames for index in clip.indices)
    if file.data_type == "video":
        assert count % 2 == 0
        assert 0 < clip.fps < float("inf")
        assert 0 < clip.source_fps < float("inf")
    return clip


@pytest.mark.parametrize("backend", ["decord", "pyav"])
@pytest.mark.parametrize("origin", [*VIDEOS, *ANIMATIONS])
def test_damaged_videos_are_clips_or_refused(reader, damaged, origin, backend):
    outcomes = [outcome(reader, file, backend) for file in damaged if file.origin == origin]
    assert len(outcomes) == FLIPPED + CUT + REPLACED
    assert any(isinstance(found, str) for found in outcomes)  # the damage did something
    assert outcomes.count("crashed") <= 2


@pytest.mark.parametrize("origin", IMAGES)
def test_damaged_images_are_clips_or_refused(reader, damaged, origin):
    outcomes = [outcome(reader, file, "decord") for file in damaged if file.origin == origin]
    assert len(outcomes) == FLIPPED + CUT + REPLACED
    assert any(isinstance(found, str) for found in outcomes)


@pytest.mark.parametrize("backend", ["decord", "pyav"])
@pytest.mark.parametrize("data_type", ["video", "image"])
def test_what_is_no_media_is_refused(reader, damaged, data_type, backend):
    files = [file for file in damaged if not file.origin and file.data_type == data_type]
    assert len(files) == 22
    outcomes = {file.wrong: outcome(reader, file, backend) for file in files}
    for file in files:
        assert not file.hopeless or isinstance(outcomes[file.wrong], str), file
    assert outcomes["missing"] == "no such file"
    assert outcomes["folder"] == "is a folder"
    assert outcomes["pipe"] == "is no regular file"


def test_the_damage_is_the_same_each_time(damaged, folder, tmp_path):
    again = damaged_files(tmp_path, sound=folder / "sound")
    assert [(one.path.name, one.wrong) for one in again] == [(one.path.name, one.wrong) for one in damaged]
    for one, other in zip(damaged, again, strict=True):
        if one.wrong in ("flipped", "cut", "replaced") or one.wrong.startswith("random"):
            assert one.path.read_bytes() == other.path.read_bytes(), one.path.name


@pytest.mark.parametrize("backend", ["decord", "pyav"])
@pytest.mark.parametrize("share", [0.01, 0.5, 0.9])
def test_an_mp4_without_its_end_has_lost_its_index(reader, tmp_path, backend, share):
    data = Library(tmp_path)["h264.mp4"].read_bytes()
    path = tmp_path / "cut.mp4"
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(MediaError):
        reader.read(path, "video", backend)


@pytest.mark.parametrize("backend", ["decord", "pyav"])
def test_what_is_left_of_a_cut_stream_is_shown(reader, tmp_path, backend):
    """A download that broke off: the frames up to there are numbered as before."""
    path = write_numbered(tmp_path / "cut.mkv", codec="ffv1", options=ONE_GROUP)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    clip = reader.read(path, "video", backend)
    assert 5 < clip.total_frames < 25
    assert numbers(clip.frames) == clip.indices


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_file_of_another_user_is_refused(tmp_path):
    path = Library(tmp_path)["h264.mp4"]
    path.chmod(0)
    with ProcessPoolExecutor(1, initializer=os.seteuid, initargs=(65534,)) as pool:
        reading = pool.submit(read_media, path, "video", ClipSettings())
        assert str(reading.exception(timeout=30)) == f"{path}: Permission denied"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permissions_is_refused(tmp_path):
    path = Library(tmp_path)["h264.mp4"]
    path.chmod(0)
    with pytest.raises(MediaError, match=r"h264\.mp4: Permission denied$"):
        read_media(path, "video", ClipSettings())
