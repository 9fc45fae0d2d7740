"""Videos by decord, where it can be trusted with them.

decord counts the frames it decodes instead of looking at their times. After a seek the count is wrong in
many sound files (open groups of pictures, which x265 makes by default; MPEG streams; AVI with B-frames). It
is right where no seek is needed, in a file whose only key frame is the first, as long as none is damaged.
It turns pictures upright, but takes one that is to be mirrored for one to be turned, or leaves it as it is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

import decord
import numpy as np
from decord._ffi.base import DECORDError, DECORDLimitReachedError

from videor1.data.readers.interface import blaming, check_pixels

# RuntimeError: cannot be opened, or the first seek fails; DECORDError: any check in its native code;
# DECORDLimitReachedError: a frame was to be replaced by a neighbour; AssertionError: no frames;
# StopIteration: fewer frames than counted; UnicodeError: a name that is no UTF-8.
ERRORS = (RuntimeError, DECORDError, DECORDLimitReachedError, AssertionError, StopIteration, UnicodeError)

decord.logging.set_level(decord.logging.QUIET)


class Distrust(Exception):
    """decord fails at a file, or may number its frames wrongly. Another reader can say what is the case."""


class DecordReader:
    """A `VideoReader` for the files that decord is right about.

    Raises:
        Distrust: when opening, or later instead of the next frame.
        MediaError: frames too large.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            # num_threads: loader workers are the parallelism. fault_tol: a share of the frames so small that
            # not one may be replaced by its neighbour; 0 would allow any number.
            self._reader = decord.VideoReader(f"file:{path}", num_threads=1, fault_tol=1e-9)
            keys = self._reader.get_key_indices()
            self.fps = float(self._reader.get_avg_fps())
        except ERRORS as error:
            raise Distrust from error
        self.total_frames = len(self._reader)
        if keys != [0] or not (self.fps > 0 and math.isfinite(self.fps)):
            raise Distrust

    def frames(self, indices: Sequence[int]) -> Iterator[np.ndarray]:
        """See `VideoReader.frames`."""
        for index, again in groupby(indices):  # the same frame again would be a seek
            frame = self._frame(index)
            yield from (frame for _ in again)

    def _frame(self, index: int) -> np.ndarray:
        try:
            rows = self._reader[index].asnumpy()
        except ERRORS as error:
            raise Distrust from error
        height, width = rows.shape[:2]
        with blaming(self._path, ValueError):
            check_pixels(width, height)
        # Rows padded to a multiple of the width come with their padding taken for channels.
        return np.ascontiguousarray(rows.reshape(height, -1)[:, : 3 * width].reshape(height, width, 3))

    def close(self) -> None:
        """See `VideoReader.close`."""
        del self._reader
