"""The frame cache gives back what was put in, whole or not at all, within its size."""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from videor1.data.cache import CacheSettings, FrameCache
from videor1.errors import ConfigError
from videor1.types import Clip


def clip(seed, *, frames=4, side=112):
    pixels = np.random.default_rng(seed).integers(0, 256, (frames, side, side, 3), dtype=np.uint8)
    return Clip(
        frames=pixels,
        indices=tuple(range(seed, seed + frames)),
        fps=1.0 / 3.0,
        source_fps=29.97,
        total_frames=1000,
        path="somewhere",
    )


def same(one, other):
    return np.array_equal(one.frames, other.frames) and (
        one.indices,
        one.fps,
        one.source_fps,
        one.total_frames,
    ) == (other.indices, other.fps, other.source_fps, other.total_frames)


@pytest.mark.parametrize("side", [28, 112, 448])  # below and above what the store keeps in its tables
def test_a_clip_comes_back_as_it_was(tmp_path, side):
    cache = FrameCache(tmp_path, 1.0)
    assert cache.get("key", Path("there")) is None
    cache.put("key", clip(3, side=side))
    kept = FrameCache(tmp_path, 1.0).get("key", Path("there"))
    assert same(kept, clip(3, side=side))
    assert kept.path == "there"
    assert kept.frames.flags.writeable


def stored_files(folder):
    return [path for path in folder.rglob("*.val")]


@pytest.mark.parametrize("damage", ["cut", "cut in header", "flipped", "empty", "gone"])
def test_an_entry_that_is_no_longer_whole_is_no_entry(tmp_path, damage):
    cache = FrameCache(tmp_path, 1.0)
    cache.put("key", clip(3))
    (file,) = stored_files(tmp_path)
    data = bytearray(file.read_bytes())
    if damage == "gone":
        file.unlink()
    elif damage == "flipped":
        data[-100] ^= 1
        file.write_bytes(data)
    else:
        file.write_bytes(data[: {"cut": len(data) - 7, "cut in header": 20, "empty": 0}[damage]])
    assert cache.get("key", Path("there")) is None
    cache.put("key", clip(3))
    assert same(cache.get("key", Path("there")), clip(3))


def test_the_size_is_kept_and_the_least_recently_used_go_first(tmp_path):
    cache = FrameCache(tmp_path, 0.02)  # 20 MB in 8 shards, clips of 0.15 MB
    cache.put("favourite", clip(0))
    for number in range(1, 400):
        cache.put(f"other {number}", clip(number))
        assert cache.get("favourite", Path("x")) is not None
    assert sum(file.stat().st_size for file in stored_files(tmp_path)) < 25e6
    assert cache.get("other 399", Path("x")) is not None
    assert cache.get("other 1", Path("x")) is None


def hammer(folder, worker):
    cache = FrameCache(folder, 0.01)
    random = np.random.default_rng(worker)
    for number in random.integers(0, 60, 150).tolist():
        kept = cache.get(f"key {number}", Path("x"))
        if kept is None:
            cache.put(f"key {number}", clip(number))
        elif not same(kept, clip(number)):
            os._exit(1)
    os._exit(0)


def test_many_workers_share_it_while_it_overflows(tmp_path):
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=hammer, args=(tmp_path, worker)) for worker in range(6)]
    for process in workers:
        process.start()
    for process in workers:
        process.join()
    assert [process.exitcode for process in workers] == [0] * 6


def test_a_killed_writer_leaves_no_half_entry(tmp_path):
    context = multiprocessing.get_context("fork")
    for worker in range(12):
        process = context.Process(target=hammer, args=(tmp_path, worker))
        process.start()
        time.sleep(0.02 * worker)
        os.kill(process.pid, signal.SIGKILL)
        process.join()
    cache = FrameCache(tmp_path, 0.01)
    for number in range(60):
        kept = cache.get(f"key {number}", Path("x"))
        assert kept is None or same(kept, clip(number))
        cache.put(f"key {number}", clip(number))
        assert same(cache.get(f"key {number}", Path("x")), clip(number))


def test_a_full_disk_is_a_warning_and_no_entry(tmp_path):
    cache = FrameCache(tmp_path, 1.0)
    cache.put("a", clip(1))
    most = resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, most[1]))  # writes fail as on a full disk, with OSError
    try:
        with pytest.warns(UserWarning, match="frames are not kept"):
            cache.put("b", clip(2))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, most)
    assert cache.get("b", Path("x")) is None
    assert same(cache.get("a", Path("x")), clip(1))


def test_a_folder_that_cannot_be_one_is_named(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigError, match=r"data\.cache\.folder: .*file/frames"):
        CacheSettings(folder=str(tmp_path / "file"), gigabytes=1.0).frames()


def test_settings(tmp_path):
    assert CacheSettings(folder=str(tmp_path)).frames() is None
    assert list(tmp_path.iterdir()) == []
    assert CacheSettings().path.name == "videor1"
    with pytest.raises(ConfigError, match=r"data\.cache\.gigabytes"):
        CacheSettings(gigabytes=-1)


def test_large_clips_beside_small_ones_keep_the_cap(tmp_path):
    """What is removed for a new entry has to make room for it, not just be as many."""
    cache = CacheSettings(folder=str(tmp_path), gigabytes=0.5).frames()
    most = 0.0
    for number in range(600):
        small = bool(number % 4)
        cache.put(str(number), clip(number, frames=2 if small else 16, side=56 if small else 308))
        if number % 50 == 49:
            most = max(most, sum(path.stat().st_size for path in tmp_path.rglob("*.val")) / 1e9)
    assert 0.4 < most <= 0.5
