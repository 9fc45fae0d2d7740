"""Media file → `Clip`: which frames, at what size, and when they were shown.

The two rules below are Qwen2.5-VL's, which the released weights were trained with:
`n = total / fps * 2`, clamped to [4, max_frames] and to `total`, rounded down to even; sides are multiples
of 28 (patch 14, spatial merge 2) within a budget of pixels. decord is imported here and nowhere else.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import decord
import numpy as np
import torch
import torch.nn.functional as F
from decord._ffi.base import DECORDError  # raised for damaged payloads; no RuntimeError, unlike the rest
from PIL import Image, ImageOps

from videor1.errors import ConfigError, MediaError
from videor1.types import Clip, Record

SIDE = 28  # pixels a vision token covers: patch 14 x spatial merge 2
MAX_ASPECT = 200

decord.logging.set_level(decord.logging.QUIET)


@dataclass(frozen=True, kw_only=True)
class ClipSettings:
    """How much of a file the model sees.

    Args:
        max_frames: most frames taken from a video; even, since two frames make one temporal patch.
        min_frames: fewest frames taken when the video has them.
        fps: frames sampled from a second of video, while max_frames allows.
        video_max_pixels: pixel budget of one video frame. The recipe: 128*28*28 in training, 256*28*28 after.
        image_max_pixels: pixel budget of an image.
        min_pixels: smaller media are enlarged to this many pixels (the released code: 128*28*28).
    """

    max_frames: int = 16
    min_frames: int = 4
    fps: float = 2.0
    video_max_pixels: int = 128 * SIDE * SIDE
    image_max_pixels: int = 256 * SIDE * SIDE
    min_pixels: int = 4 * SIDE * SIDE

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


def sample_indices(
    total_frames: int, video_fps: float, *, max_frames: int, fps: float = 2.0, min_frames: int = 4
) -> list[int]:
    """Frame numbers spread evenly over a video; their count is even and at least 2.

    A one-frame video is shown twice: [0, 0].

    Raises:
        ValueError: no frames, or a frame rate that is not a positive finite number.
    """
    if total_frames < 1:
        raise ValueError(f"total_frames must be at least 1, got {total_frames}")
    if not (math.isfinite(video_fps) and video_fps > 0):
        raise ValueError(f"video_fps must be positive and finite, got {video_fps}")
    wanted = total_frames / video_fps * fps
    count = min(max(wanted, min_frames), max_frames, total_frames)
    count = max(2, math.floor(count / 2) * 2)
    # round(i * (total - 1) / (count - 1)) in integers; count - 1 is odd, so a half never occurs
    return [(2 * i * (total_frames - 1) + count - 1) // (2 * (count - 1)) for i in range(count)]


def fit_size(
    height: int, width: int, *, min_pixels: int, max_pixels: int, factor: int = SIDE
) -> tuple[int, int]:
    """The size (height, width) in pixels, multiples of `factor`, at which media of a given size are shown.

    Raises:
        ValueError: a side below 1 pixel or an aspect ratio above 200.
    """
    if min(height, width) < 1:
        raise ValueError(f"sides must be at least 1 pixel, got {height}x{width}")
    if max(height, width) / min(height, width) > MAX_ASPECT:
        raise ValueError(f"aspect ratio must be at most {MAX_ASPECT}, got {height}x{width}")
    fitted = [max(factor, round(side / factor) * factor) for side in (height, width)]
    if fitted[0] * fitted[1] > max_pixels:
        shrink = math.sqrt(height * width / max_pixels)
        fitted = [max(factor, math.floor(side / shrink / factor) * factor) for side in (height, width)]
    elif fitted[0] * fitted[1] < min_pixels:
        grow = math.sqrt(min_pixels / (height * width))
        fitted = [math.ceil(side * grow / factor) * factor for side in (height, width)]
    return fitted[0], fitted[1]


def read_clip(
    path: str | Path,
    *,
    max_frames: int,
    fps: float = 2.0,
    min_frames: int = 4,
    min_pixels: int = 4 * SIDE * SIDE,
    max_pixels: int = 128 * SIDE * SIDE,
) -> Clip:
    """A video's sampled frames, resized, with their timing.

    Raises:
        MediaError: the file is missing, is no video, is damaged, or has a size or rate that cannot be used.
    """
    path = Path(path)
    try:
        if not path.is_file():
            raise FileNotFoundError("no such file")
        reader = decord.VideoReader(str(path), num_threads=1)  # loader workers are the parallelism
        total, source_fps = len(reader), float(reader.get_avg_fps())
        indices = sample_indices(total, source_fps, max_frames=max_frames, fps=fps, min_frames=min_frames)
        frames = reader.get_batch(indices).asnumpy()
        size = fit_size(*frames.shape[1:3], min_pixels=min_pixels, max_pixels=max_pixels)
    except (OSError, RuntimeError, DECORDError, ValueError) as error:
        raise MediaError(f"{path}: {_first_line(error)}") from error
    return Clip(
        frames=_resize(frames, size),
        indices=tuple(indices),
        fps=len(indices) / total * source_fps,
        source_fps=source_fps,
        total_frames=total,
        path=str(path),
    )


def read_image(
    path: str | Path, *, min_pixels: int = 4 * SIDE * SIDE, max_pixels: int = 256 * SIDE * SIDE
) -> Clip:
    """An image as a clip of one frame, upright (EXIF) and in RGB.

    Raises:
        MediaError: the file is missing, is no image, is damaged, or has a size that cannot be used.
    """
    path = Path(path)
    try:
        with Image.open(path) as image:
            frame = _rgb(ImageOps.exif_transpose(image))
        size = fit_size(*frame.shape[:2], min_pixels=min_pixels, max_pixels=max_pixels)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise MediaError(f"{path}: {_first_line(error)}") from error
    return Clip(
        frames=_resize(frame[None], size),
        indices=(0,),
        fps=0.0,
        source_fps=0.0,
        total_frames=1,
        path=str(path),
    )


def read_media(record: Record, root: str | Path, settings: ClipSettings) -> Clip:
    """The clip of a record, whose path is relative to `root`."""
    path = Path(root) / record.path
    if record.data_type == "image":
        return read_image(path, min_pixels=settings.min_pixels, max_pixels=settings.image_max_pixels)
    return read_clip(
        path,
        max_frames=settings.max_frames,
        fps=settings.fps,
        min_frames=settings.min_frames,
        min_pixels=settings.min_pixels,
        max_pixels=settings.video_max_pixels,
    )


def _rgb(image: Image.Image) -> np.ndarray:
    """(H, W, 3) uint8. 16-bit greys are scaled here: Pillow's own conversion clips them at 255."""
    if image.mode.startswith("I;16"):
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    return np.array(image.convert("RGB"))


def _resize(frames: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(T, H, W, 3) uint8 → (T, h, w, 3) uint8, bicubic with antialiasing as in Qwen's own pipeline."""
    if frames.shape[1:3] == size:
        return frames
    pixels = torch.from_numpy(frames.copy()).permute(0, 3, 1, 2)
    resized = F.interpolate(pixels, size=size, mode="bicubic", antialias=True)
    return resized.permute(0, 2, 3, 1).contiguous().numpy()


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
