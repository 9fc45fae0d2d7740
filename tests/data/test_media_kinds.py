"""Videos of every container, codec and oddity: both backends find the same, right frames.

Each frame shows its number, so a wrong one, a turned one and a mirrored one are all noticed. decord is asked
for nothing that it may get wrong; PyAV then reads the file in its place.
"""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from tests.data.kinds import INTRICATE, PLAIN, Library
from tests.data.videos import GROUPS, ONE_GROUP, UNEVEN, numbers, real_video, write_numbered
from videor1.data.frames import read_clip
from videor1.data.readers.decord_reader import DecordReader, Distrust
from videor1.data.readers.pyav_reader import PyavReader
from videor1.errors import MediaError
from videor1.types import Clip

BACKENDS = ("decord", "pyav")


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return Library(tmp_path_factory.mktemp("kinds"))


def read(path: Path, backend: str, **settings) -> Clip:
    return read_clip(path, backend=backend, **{"max_frames": 16, "fps": 5.0, **settings})


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", [*PLAIN, *INTRICATE])
def test_the_right_frames(library, name, backend):
    clip = read(library[name], backend)
    assert numbers(clip.frames) == clip.indices
    assert clip.total_frames == 30
    assert clip.indices[-1] == 29
    assert clip.fps == pytest.approx(len(clip.indices) / 30 * clip.source_fps)
    kind = (PLAIN | INTRICATE)[name]
    if "times" not in kind:
        assert clip.source_fps == pytest.approx(kind.get("rate", 10))
    if "height" not in kind:
        assert clip.frames.shape[1:] == (84, 112, 3)  # upright, also where 84 is the stored width


@pytest.mark.parametrize("name", [*PLAIN, *INTRICATE])
def test_the_backends_agree_to_the_bit(library, name):
    """Bit for bit, since both let FFmpeg convert the colours in the same way."""
    decord, pyav = (read(library[name], backend) for backend in BACKENDS)
    assert (decord.indices, decord.total_frames) == (pyav.indices, pyav.total_frames)
    assert decord.source_fps == pyav.source_fps
    np.testing.assert_array_equal(decord.frames, pyav.frames)


@pytest.mark.parametrize("name", ["bikes.mp4", "bigbuckbunny.mp4", "carphone_pristine.mp4"])
def test_the_backends_agree_about_real_videos(name):
    decord, pyav = (read_clip(real_video(name), max_frames=8, backend=backend) for backend in BACKENDS)
    assert (decord.indices, decord.source_fps) == (pyav.indices, pyav.source_fps)
    np.testing.assert_array_equal(decord.frames, pyav.frames)


@pytest.mark.parametrize("name", PLAIN)
def test_decord_reads_plain_videos_itself(library, name):
    reader = DecordReader(library[name])
    assert numbers(list(reader.frames(range(reader.total_frames)))) == tuple(range(30))


@pytest.mark.parametrize(
    "name", ["groups.mp4", "open groups.mp4", "open groups of hevc.mp4", "groups of vp9.webm"]
)
def test_decord_is_not_trusted_where_it_would_have_to_seek(library, name):
    with pytest.raises(Distrust):
        DecordReader(library[name])


@pytest.mark.parametrize("name", ["groups.mkv", "open groups.mp4", "mpeg4.avi", "stream.ts", "stream.mpg"])
def test_every_frame_can_be_had_alone(library, name):
    for index in (1, 7, 8, 9, 17, 29):
        reader = PyavReader(library[name])
        assert numbers(list(reader.frames([index]))) == (index,)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("options", [ONE_GROUP, GROUPS])
def test_what_an_edit_list_cuts_off_is_no_frame(tmp_path, backend, options):
    times = [100 * (number - 5) for number in range(30)]  # players start at 0
    clip = read(write_numbered(tmp_path / "cut.mp4", times=times, options=options), backend)
    assert clip.total_frames == 25
    assert numbers(clip.frames) == tuple(index + 5 for index in clip.indices)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("suffix", ["mp4", "mkv", "webm", "avi"])
def test_one_frame_is_shown_twice(tmp_path, backend, suffix):
    codec = {"webm": "libvpx-vp9", "avi": "mpeg4"}.get(suffix, "libx264")
    clip = read(write_numbered(tmp_path / f"one.{suffix}", frames=1, codec=codec), backend)
    assert (clip.total_frames, clip.indices, clip.source_fps) == (1, (0, 0), 10.0)
    assert numbers(clip.frames) == (0, 0)


def without_rate(path: Path) -> Path:
    """The same Matroska file with an element that nobody knows in place of the duration of a frame."""
    data = path.read_bytes()
    assert data.count(b"\x23\xe3\x83") == 1
    path.write_bytes(data.replace(b"\x23\xe3\x83", b"\x23\xe3\x85"))
    return path


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_rate_that_is_not_declared_is_counted(tmp_path, backend):
    path = without_rate(write_numbered(tmp_path / "uneven.mkv", times=UNEVEN, options=ONE_GROUP))
    clip = read(path, backend)
    assert numbers(clip.frames) == clip.indices
    assert clip.source_fps == pytest.approx(29 / 3.7, rel=0.05)  # 29 steps in 3.7 s


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_rate_that_cannot_be_known_is_refused(tmp_path, backend):
    path = without_rate(write_numbered(tmp_path / "one.mkv", frames=1))
    with pytest.raises(MediaError, match=r"one\.mkv: declares no frame rate$"):
        read(path, backend)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_a_stream_without_times_is_refused(tmp_path, backend, codec):
    path = tmp_path / f"raw.{codec}"
    write_numbered(path, codec={"h264": "libx264", "hevc": "libx265"}[codec], container={"format": codec})
    with pytest.raises(MediaError, match="holds no video frames with time stamps"):
        read(path, backend)


@pytest.mark.parametrize("backend", BACKENDS)
def test_sound_alone_is_no_video(tmp_path, backend):
    with av.open(str(tmp_path / "sound.mp4"), "w") as file:
        stream = file.add_stream("aac", rate=48000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 48000, 0
        file.mux([*stream.encode(frame), *stream.encode(None)])
    with pytest.raises(MediaError, match=r"sound\.mp4: holds no video$"):
        read(tmp_path / "sound.mp4", backend)
