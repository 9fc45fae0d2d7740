"""Records lead to files below the data root, and to kept frames where there are any."""

from __future__ import annotations

import dataclasses
import os

import numpy as np
import pytest

from tests.data.videos import write_video
from videor1.data.cache import FrameCache
from videor1.data.frames import ClipSettings
from videor1.data.isolate import DecodeSettings
from videor1.data.media import MediaReader
from videor1.errors import MediaError
from videor1.types import Record

HERE = DecodeSettings(isolate=False)


def record(path, data_type="video"):
    return Record(
        problem_id=1,
        problem="?",
        data_type=data_type,
        problem_type="free-form",
        options=(),
        solution="<answer>x</answer>",
        path=path,
        data_source="s",
    )


@pytest.fixture
def root(tmp_path):
    (tmp_path / "root" / "clips").mkdir(parents=True)
    write_video(tmp_path / "root" / "clips" / "a.mp4")
    write_video(tmp_path / "elsewhere.mp4")
    return tmp_path / "root"


@pytest.mark.parametrize("path", ["clips/a.mp4", "./clips/a.mp4", "clips//a.mp4"])
def test_paths_are_relative_to_the_root(root, path):
    assert MediaReader(root, decode=HERE).locate(record(path)) == root / "clips" / "a.mp4"
    assert MediaReader(root, decode=HERE).read(record(path), ClipSettings()).total_frames == 16


@pytest.mark.parametrize(
    "path",
    [
        "../elsewhere.mp4",
        "clips/../../elsewhere.mp4",
        "clips/../clips/a.mp4",
        "/etc/passwd",
        "file:///etc/passwd",
        "https://example.org/a.mp4",
        "concat://a",
        "clips/a.mp4\0.png",
    ],
)
def test_paths_that_lead_out_are_refused(root, path):
    with pytest.raises(MediaError) as caught:
        MediaReader(root, decode=HERE).locate(record(path))
    assert len(str(caught.value).splitlines()) == 1


def test_links_stay_inside_or_are_allowed_by_name(root, tmp_path):
    (root / "inside.mp4").symlink_to(root / "clips" / "a.mp4")
    (root / "out.mp4").symlink_to(tmp_path / "elsewhere.mp4")
    (root / "folder").symlink_to(tmp_path)
    (root / "loop.mp4").symlink_to(root / "loop.mp4")
    reader = MediaReader(root, decode=HERE)
    assert reader.locate(record("inside.mp4")) == root / "clips" / "a.mp4"
    for path in ("out.mp4", "folder/elsewhere.mp4"):
        with pytest.raises(MediaError, match=r"a link out of data\.root"):
            reader.locate(record(path))
    with pytest.raises(MediaError):
        reader.read(record("loop.mp4"), ClipSettings())
    allowed = MediaReader(root, decode=HERE, linked_roots=[tmp_path])
    assert allowed.locate(record("folder/elsewhere.mp4")) == tmp_path / "elsewhere.mp4"


def test_a_root_may_itself_be_a_link(root, tmp_path):
    (tmp_path / "link").symlink_to(root)
    assert MediaReader(tmp_path / "link", decode=HERE).read(record("clips/a.mp4"), ClipSettings())


def test_kept_frames_are_not_decoded_again(root, tmp_path):
    cache = FrameCache(tmp_path / "cache", 1.0)
    reader = MediaReader(root, decode=HERE, cache=cache)
    first = reader.read(record("clips/a.mp4"), ClipSettings())
    path = root / "clips" / "a.mp4"
    before = path.stat()
    path.write_bytes(b"x" * before.st_size)  # same name, size and time: a decoder would refuse it
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    again = reader.read(record("clips/a.mp4"), ClipSettings())
    np.testing.assert_array_equal(first.frames, again.frames)
    assert dataclasses.replace(first, frames=again.frames) == again
    with pytest.raises(MediaError):
        reader.read(record("clips/a.mp4"), ClipSettings(max_frames=4))  # other settings are other frames


def test_content_names_an_entry_not_its_path(root, tmp_path):
    cache = FrameCache(tmp_path / "cache", 1.0)
    settings = ClipSettings()
    one, copy = root / "clips" / "a.mp4", root / "copy.mp4"
    copy.write_bytes(one.read_bytes())
    assert cache.key(one, "video", settings) == cache.key(copy, "video", settings)
    assert cache.key(one, "video", settings) != cache.key(one, "image", settings)
    assert cache.key(one, "video", settings) != cache.key(one, "video", ClipSettings(max_frames=4))
    MediaReader(root, decode=HERE, cache=cache).read(record("clips/a.mp4"), settings)
    kept = cache.get(cache.key(copy, "video", settings), copy)
    assert kept is not None
    assert kept.path == str(copy)
    changed = cache.key(copy, "video", settings)
    copy.write_bytes(one.read_bytes() + b"x")
    assert cache.key(copy, "video", settings) != changed


@pytest.mark.parametrize("name", ["none.mp4", "clips", "pipe.mp4"])
def test_missing_files_are_media_errors_with_a_cache_too(root, tmp_path, name):
    os.mkfifo(root / "pipe.mp4")  # opening it would wait for ever
    for cache in (None, FrameCache(tmp_path / "cache", 1.0)):
        with pytest.raises(MediaError, match=f"{name}: "):
            MediaReader(root, decode=HERE, cache=cache).read(record(name), ClipSettings())
