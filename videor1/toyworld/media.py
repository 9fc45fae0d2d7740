"""Frames → mp4 and png files that are either whole or not there."""

from __future__ import annotations

import os
from pathlib import Path

import av
import numpy as np
from PIL import Image

from videor1.toyworld.canvas import FRAMES_PER_SECOND


def write_media(path: Path, frames: np.ndarray) -> None:
    """Writes (T, H, W, 3) uint8 frames as an mp4, or the one frame of an image as a png.

    A file that is there already is kept: it got its name only when it was whole.
    """
    if path.is_file():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.part")
    if path.suffix == ".mp4":
        _encode_video(unfinished, frames)
    else:
        Image.fromarray(frames[0]).save(unfinished, format="png")
    os.replace(unfinished, path)


def _encode_video(path: Path, frames: np.ndarray) -> None:
    height, width = frames.shape[1:3]
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=FRAMES_PER_SECOND)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"crf": "12", "preset": "veryfast", "bf": "0"}
        stream.codec_context.thread_count = 1  # the same bytes everywhere; files are written side by side
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
