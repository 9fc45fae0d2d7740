"""Media file → `Clip`: which frames, at what size, and when they were shown.

The rules are in `frame_rules.py`, the libraries in `readers/`. Whatever is wrong with a file comes out as one
`MediaError` of one line, "path: cause". Crashes of native code, hangs and `MemoryError` are another layer's.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
import torch.nn.functional as F

from videor1.data.frame_rules import SIDE, fit_size, sample_indices
from videor1.data.readers.decord_reader import DecordReader, Distrust
from videor1.data.readers.interface import VideoReader, blaming
from videor1.data.readers.kinds import Kind, kind_of
from videor1.data.readers.pillow_reader import AnimationReader, read_frame
from videor1.data.readers.pyav_reader import PyavReader
from videor1.errors import ConfigError
from videor1.types import Clip, DataType

__all__ = ["SIDE", "ClipSettings", "fit_size", "read_clip", "read_image", "read_media", "sample_indices"]

Backend = Literal["decord", "pyav"]


@dataclass(frozen=True, kw_only=True)
class ClipSettings:
    """How much of a file the model sees, and which library decodes it.

    Args:
        max_frames: most frames taken from a video; even, since two frames make one temporal patch.
        min_frames: fewest frames taken when the video has them.
        fps: frames sampled from a second of video, while max_frames allows.
        video_max_pixels: pixel budget of one video frame. The recipe: 128*28*28 in training, 256*28*28 after.
        image_max_pixels: pixel budget of an image.
        min_pixels: smaller media are enlarged to this many pixels (the released code: 128*28*28).
        backend: what decodes videos; both deliver the same frames and pixels. With decord, PyAV still reads
            the files that decord would get wrong: those with more than one key frame, and the damaged ones.
    """

    max_frames: int = 16
    min_frames: int = 4
    fps: float = 2.0
    video_max_pixels: int = 128 * SIDE * SIDE
    image_max_pixels: int = 256 * SIDE * SIDE
    min_pixels: int = 4 * SIDE * SIDE
    backend: Backend = "decord"

    def __post_init__(self) -> None:
        if self.max_frames < 2 or self.max_frames % 2:
            raise ConfigError(f"data.clip.max_frames must be even and at least 2, got {self.max_frames}")
        if not 2 <= self.min_frames <= self.max_frames:
            raise ConfigError(
                f"data.clip.min_frames must lie in 2 … max_frames = {self.max_frames}, got {self.min_frames}"
            )
        if self.fps <= 0:
            raise ConfigError(f"data.clip.fps must be positive, got {self.fps}")
        for key in ("video_max_pixels", "image_max_pixels"):
            if not SIDE * SIDE <= self.min_pixels <= getattr(self, key):
                raise ConfigError(
                    f"data.clip.min_pixels must lie in {SIDE * SIDE} … {key} = {getattr(self, key)},"
                    f" got {self.min_pixels}"
                )
        if self.backend not in get_args(Backend):
            raise ConfigError(f"data.clip.backend must be decord or pyav, got {self.backend}")

    def of(self, data_type: DataType) -> dict[str, Any]:
        """What shapes media of a type: the arguments of `read_image` or `read_clip`."""
        if data_type == "image":
            return {"min_pixels": self.min_pixels, "max_pixels": self.image_max_pixels}
        return {
            "max_frames": self.max_frames,
            "fps": self.fps,
            "min_frames": self.min_frames,
            "min_pixels": self.min_pixels,
            "max_pixels": self.video_max_pixels,
            "backend": self.backend,
        }


def read_clip(
    path: str | Path,
    *,
    max_frames: int,
    fps: float = 2.0,
    min_frames: int = 4,
    min_pixels: int = 4 * SIDE * SIDE,
    max_pixels: int = 128 * SIDE * SIDE,
    backend: Backend = "decord",
) -> Clip:
    """A video's sampled frames, resized, with their timing; animated images are videos too.

    Raises:
        MediaError: the file is missing, is no video, is damaged, or has a size or rate that cannot be used.
    """
    path = Path(path)
    with blaming(path, OSError, ValueError):
        kind = kind_of(path)
        if kind is Kind.IMAGE:
            raise ValueError("is a still image, not a video")

    def sampled(reader: VideoReader) -> Clip:
        with closing(reader), blaming(path, ValueError):
            total, source_fps = reader.total_frames, reader.fps
            indices = sample_indices(total, source_fps, max_frames=max_frames, fps=fps, min_frames=min_frames)
            frames = _resized(reader.frames(indices), min_pixels, max_pixels)
        return Clip(
            frames=frames,
            indices=tuple(indices),
            fps=len(indices) / total * source_fps,
            source_fps=source_fps,
            total_frames=total,
            path=str(path),
        )

    if kind is Kind.IMAGE_OR_ANIMATION:
        return sampled(AnimationReader(path))
    if backend == "decord" and kind is Kind.INDEXED_VIDEO:
        try:
            return sampled(DecordReader(path))
        except Distrust:
            pass  # PyAV reads the file, or says what is wrong with it
    return sampled(PyavReader(path))


def read_image(
    path: str | Path, *, min_pixels: int = 4 * SIDE * SIDE, max_pixels: int = 256 * SIDE * SIDE
) -> Clip:
    """An image, or an animation's first frame, as a clip of one: upright, in RGB, transparency on white.

    Raises:
        MediaError: the file is missing, is no image, is damaged, or has a size that cannot be used.
    """
    path = Path(path)
    with blaming(path, OSError, ValueError):
        if kind_of(path) in (Kind.INDEXED_VIDEO, Kind.VIDEO):
            raise ValueError("is a video, not an image")
        frames = _resized([read_frame(path)], min_pixels, max_pixels)
    return Clip(frames=frames, indices=(0,), fps=0.0, source_fps=0.0, total_frames=1, path=str(path))


def read_media(path: Path, data_type: DataType, settings: ClipSettings) -> Clip:
    """A file as the kind of media that its record declares.

    Raises:
        MediaError: it cannot be read, or is of the other kind.
    """
    read = read_image if data_type == "image" else read_clip
    return read(path, **settings.of(data_type))


def _resized(frames: Iterable[np.ndarray], min_pixels: int, max_pixels: int) -> np.ndarray:
    """(H, W, 3) uint8 each → (T, h, w, 3) uint8, bicubic with antialiasing as in Qwen's own pipeline.

    Each is resized before the next is decoded, all to the size that the first one fits.

    Raises:
        ValueError: the first one has a size that cannot be used.
    """
    size, resized = None, []
    for frame in frames:
        size = size or fit_size(*frame.shape[:2], min_pixels=min_pixels, max_pixels=max_pixels)
        if frame.shape[:2] != size:
            pixels = torch.from_numpy(frame).permute(2, 0, 1)[None]
            pixels = F.interpolate(pixels, size=size, mode="bicubic", antialias=True)
            frame = pixels[0].permute(1, 2, 0).numpy()
        resized.append(frame)
    return np.stack(resized)
