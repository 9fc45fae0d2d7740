"""A file that crashes, hangs or swells costs itself and nothing else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from PIL import Image

from tests.data.damage import claim_too_many_frames
from tests.data.videos import write_video
from videor1.data.frames import ClipSettings, read_media
from videor1.data.isolate import Decoder, DecodeSettings
from videor1.errors import ConfigError, MediaError

CLIP = ClipSettings(max_frames=8)


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return write_video(tmp_path_factory.mktemp("isolate") / "good.mp4")


@pytest.fixture(scope="module")
def crasher(video):
    path = video.with_name("crasher.mp4")
    path.write_bytes(claim_too_many_frames(video.read_bytes()))
    return path


@pytest.fixture(scope="module")
def decoder():
    return Decoder(DecodeSettings(timeout=30.0))


def pid(decoder):
    return decoder._child.process.pid


def test_a_clip_is_the_same_on_both_sides(decoder, video, tmp_path):
    near, far = read_media(video, "video", CLIP), decoder.read(video, "video", CLIP)
    np.testing.assert_array_equal(near.frames, far.frames)
    assert (near.indices, near.fps, near.total_frames) == (far.indices, far.fps, far.total_frames)
    Image.new("RGB", (56, 56), (9, 8, 7)).save(tmp_path / "a.png")
    assert (decoder.read(tmp_path / "a.png", "image", CLIP).frames == (9, 8, 7)).all()


def test_an_ordinary_error_keeps_the_process(decoder, video, tmp_path):
    decoder.read(video, "video", CLIP)
    before = pid(decoder)
    with pytest.raises(MediaError, match=r"none\.mp4: no such file"):
        decoder.read(tmp_path / "none.mp4", "video", CLIP)
    decoder.read(video, "video", CLIP)
    assert pid(decoder) == before


def test_a_crash_in_native_code_costs_one_file(decoder, video, crasher):
    with pytest.raises(MediaError, match=r"crasher\.mp4: crashed the decoder \(SIGABRT.*bad_alloc"):
        decoder.read(crasher, "video", CLIP)
    assert decoder.read(video, "video", CLIP).total_frames == 16


def test_a_file_that_takes_too_long_costs_its_time(video):
    hasty = Decoder(DecodeSettings(timeout=1e-4))
    started = time.monotonic()
    with pytest.raises(MediaError, match=r"good\.mp4: not decoded within 0\.0001 s"):
        hasty.read(video, "video", CLIP)
    assert time.monotonic() - started < 20  # mostly the start of the process, once: nothing is tried again


def test_a_file_that_needs_too_much_memory(tmp_path, video):
    path = tmp_path / "large.png"
    Image.new("RGB", (12_000, 12_000)).save(path, compress_level=1)
    small = Decoder(DecodeSettings(memory_gb=0.5))
    with pytest.raises(MediaError, match=r"large\.png: .*memory"):
        small.read(path, "image", CLIP)
    assert small.read(video, "video", CLIP).total_frames == 16


def test_what_libraries_say_about_files_stays_off_the_screen(decoder, tmp_path, video, capfd):
    path = tmp_path / "a.mp4"
    path.write_bytes(video.read_bytes()[:40] + bytes(4000))
    with pytest.raises(MediaError):
        decoder.read(path, "video", CLIP)
    assert capfd.readouterr() == ("", "")


def test_a_process_that_was_killed_meanwhile_is_replaced(decoder, video):
    decoder.read(video, "video", CLIP)
    os.kill(pid(decoder), signal.SIGKILL)
    assert decoder.read(video, "video", CLIP).total_frames == 16


def test_a_process_that_has_read_many_files_is_replaced(video, monkeypatch):
    monkeypatch.setattr("videor1.data.isolate._MOST_FILES", 2)
    decoder = Decoder(DecodeSettings())
    read = [(decoder.read(video, "video", CLIP), decoder._child.process.pid) for _ in range(4)]
    pids = [pid for _, pid in read]
    assert pids[0] == pids[1] != pids[2] == pids[3]
    assert all(np.array_equal(clip.frames, read[0][0].frames) for clip, _ in read)


def test_one_death_is_not_held_against_a_file(decoder, video):
    """It may be the late effect of another file, or the machine ran out of memory."""
    decoder.read(video, "video", CLIP)
    victim = pid(decoder)
    os.kill(victim, signal.SIGSTOP)  # takes the request and does not answer
    threading.Timer(0.2, os.kill, (victim, signal.SIGKILL)).start()
    assert decoder.read(video, "video", CLIP).total_frames == 16
    assert pid(decoder) != victim


def test_a_forked_worker_has_a_process_of_its_own(decoder, video):
    decoder.read(video, "video", CLIP)
    child = os.fork()
    if child == 0:
        mine = decoder.read(video, "video", CLIP).total_frames == 16
        os._exit(0 if mine and decoder._child.owner == os.getpid() else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert decoder.read(video, "video", CLIP).total_frames == 16


def test_no_process_is_left_when_the_trainer_is_killed(video):
    program = (
        "import os, signal, sys; from pathlib import Path\n"
        "from videor1.data.isolate import Decoder, DecodeSettings\n"
        "from videor1.data.frames import ClipSettings\n"
        "decoder = Decoder(DecodeSettings()); decoder.read(Path(sys.argv[1]), 'video', ClipSettings())\n"
        "print(decoder._child.process.pid, flush=True); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    command = [sys.executable, "-c", program, str(video)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == -signal.SIGKILL
    deadline = time.monotonic() + 20
    while alive(int(done.stdout)):
        assert time.monotonic() < deadline, "the decoding process lives on"
        time.sleep(0.05)


def alive(process):
    try:
        with open(f"/proc/{process}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_without_isolation_it_reads_here(video):
    here = Decoder(DecodeSettings(isolate=False))
    assert here.read(video, "video", CLIP).total_frames == 16
    assert here._child is None


@pytest.mark.parametrize("value", [0, -1.0, 1e9, float("inf"), float("nan")])
@pytest.mark.parametrize("key", ["timeout", "memory_gb"])
def test_settings_are_checked(key, value):
    with pytest.raises(ConfigError, match=f"data.decode.{key}"):
        DecodeSettings(**{key: value})
