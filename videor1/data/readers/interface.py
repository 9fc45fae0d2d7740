"""What every video reader offers, and what all readers share: the limit of size and the words of blame."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import numpy as np

from videor1.errors import MediaError

MAX_PIXELS = 178_956_970  # of an image or a frame, 512 MB in RGB: Pillow's limit against decompression bombs


class VideoReader(Protocol):
    """An open video, whose frames are numbered from 0 in the order in which they are shown."""

    total_frames: int  # at least 1
    fps: float  # frames a second, averaged; positive and finite

    def frames(self, indices: Sequence[int]) -> Iterator[np.ndarray]:
        """Frames as (H, W, 3) uint8 RGB, upright, one for each of the ascending `indices`.

        They come one by one, so that a caller who shrinks each needs memory for one large frame only.

        Raises:
            MediaError: a frame cannot be decoded.
        """

    def close(self) -> None:
        """Let go of the file."""


@contextmanager
def blaming(path: Path, *errors: type[Exception]) -> Iterator[None]:
    """Turn a library's `errors` about a file into one `MediaError` of one line: "path: cause"."""
    try:
        yield
    except errors as error:
        # An OSError's own text repeats the number and the path; its `strerror` is the cause alone.
        cause = getattr(error, "strerror", None) or str(error).strip() or type(error).__name__
        raise MediaError(f"{path}: {cause.splitlines()[0]}") from error


def check_pixels(width: int, height: int) -> None:
    """Refuse what would fill the memory before it is decoded.

    Raises:
        ValueError: more than `MAX_PIXELS` pixels.
    """
    if width * height > MAX_PIXELS:
        raise ValueError(f"{width} x {height} pixels are more than {MAX_PIXELS} in all")
