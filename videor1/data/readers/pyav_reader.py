"""Videos by PyAV: any container and codec that FFmpeg knows, each frame found by its time stamp."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.packet import Packet
from av.stream import Discard
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from av.video.stream import VideoStream

from videor1.data.readers.interface import blaming, check_pixels

# FFmpegError is FFmpeg's verdict on a file; the reader's own and PyAV's ("unsupported format") is ValueError.
ERRORS = (av.FFmpegError, ValueError)
# A picture also stands for packets beside it that hold none: "nothing has changed", or leading pictures
# without the group that they lean on. More of them in a row than this are damage.
MAX_HELD = 8


class PyavReader:
    """A `VideoReader`. Frame n is what a player shows at the n-th of the sorted presentation times.

    Opening reads every packet but decodes none. The packets' times then tell from which key frame to decode,
    also where a demuxer seeks too far, or leading pictures need an earlier key frame (open groups).

    Raises:
        MediaError: no video, no frames with time stamps, no frame rate, or frames too large.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._reformatter = VideoReformatter()
        self._seekable = True  # until the opposite is found
        with blaming(path, *ERRORS):
            self._open()
            self._times, self._keys = self._index()
            self.total_frames = len(self._times)
            self.fps = self._average_rate()

    def frames(self, indices: Sequence[int]) -> Iterator[np.ndarray]:
        """See `VideoReader.frames`."""
        with blaming(self._path, *ERRORS):
            pictures: Iterator[tuple[int, VideoFrame]] = iter(())
            position = -1  # the key frame that `pictures` were decoded from
            shown = ahead = None  # the last picture up to the wanted time, and the one after it if read
            for index in indices:
                time = self._times[index]
                key = max(bisect_right(self._keys, time) - 1, 0)
                if key > position and (self._seekable or position < 0):
                    pictures, position, shown, ahead = self._pictures_from(key), key, None, None
                while shown is None or shown[0] != time:
                    ahead = ahead or next(pictures, None)
                    if ahead is None or ahead[0] > time:
                        break
                    shown, ahead = ahead, None
                yield self._rgb(index, shown or ahead)

    def close(self) -> None:
        """See `VideoReader.close`."""
        self._file.close()

    def _open(self) -> None:
        # "file:" keeps a colon in a path from being read as a protocol, the whitelist keeps playlists from
        # fetching. Metadata in a wrong encoding does not matter here.
        self._file = av.open(
            f"file:{self._path}", container_options={"protocol_whitelist": "file"}, metadata_errors="replace"
        )
        stream = self._file.streams.best("video")  # not a cover picture, unless there is nothing else
        if not isinstance(stream, VideoStream):
            raise ValueError("holds no video")
        if stream.codec_context is None:
            raise ValueError("holds video of an unknown codec")
        if self._file.format.name.endswith("_pipe"):
            raise ValueError("is a still image, not a video")
        check_pixels(stream.width, stream.height)
        stream.thread_count = 1  # loader workers are the parallelism
        for other in self._file.streams:
            if other is not stream:
                other.discard = Discard.all
        self._stream = stream

    def _index(self) -> tuple[list[int], list[int]]:
        """The presentation times of the frames and, also those that are not shown, of the key frames."""
        times, keys = [], []
        for packet in self._file.demux(self._stream):
            if packet.pts is not None:
                if packet.is_keyframe:
                    keys.append(packet.pts)
                if not packet.is_discard:  # else an edit list cuts it off
                    times.append(packet.pts)
        if not times:
            raise ValueError("holds no video frames with time stamps")
        return sorted(times), sorted(keys) or [min(times)]

    def _average_rate(self) -> float:
        """The declared frames a second, or else the average by the time stamps."""
        rate = float(self._stream.average_rate or 0)
        span = float((self._times[-1] - self._times[0]) * (self._stream.time_base or 0))
        if rate <= 0 and span > 0:
            rate = (self.total_frames - 1) / span
        if not (rate > 0 and math.isfinite(rate)):
            raise ValueError("declares no frame rate")
        return rate

    def _pictures_from(self, key: int) -> Iterator[tuple[int, VideoFrame]]:
        """Pictures with their presentation times, in the order in which they are shown."""
        for packet in self._packets_from(key):
            for picture in packet.decode():
                if picture.pts is not None:
                    yield picture.pts, picture

    def _packets_from(self, key: int) -> Iterator[Packet[VideoStream]]:
        """Packets from key frame number `key` or an earlier one on, wherever the demuxer seeks to."""
        latest, step = self._keys[key], 1
        while key >= 0 and self._seekable:
            with suppress(av.FFmpegError):  # where the file is then, the next key frame tells
                self._file.seek(self._keys[key], stream=self._stream)
            packets = self._file.demux(self._stream)
            for packet in packets:
                if packet.is_keyframe and packet.pts is not None:
                    # MPEG program streams count times from where one seeks to, and not as they did before.
                    self._seekable = packet.pts in self._keys
                    if self._seekable and packet.pts <= latest:
                        return chain([packet], packets)
                    break
            key, step = key - step, step * 2
        self._seekable = False
        self._file.close()
        self._open()
        return self._file.demux(self._stream)

    def _rgb(self, index: int, found: tuple[int, VideoFrame] | None) -> np.ndarray:
        """What was found for a frame number, (H, W, 3) uint8, upright."""
        if found is None:
            raise ValueError(f"frame {index} cannot be decoded")
        time, picture = found
        if picture.is_corrupt or abs(bisect_left(self._times, time) - index) > MAX_HELD:
            raise ValueError(f"frame {index} is damaged")
        rgb = self._reformatter.reformat(  # bicubic, for chroma: what decord has, to the bit
            picture, format="rgb24", interpolation=Interpolation.BICUBIC, threads=1
        ).to_ndarray()
        side_data: Any = picture.side_data  # PyAV declares but one of the kinds
        if "DISPLAYMATRIX" not in side_data:
            return rgb
        return _upright(rgb, np.frombuffer(side_data["DISPLAYMATRIX"], np.int32))


def _upright(frame: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """A frame turned and mirrored by a display matrix, (9,) int32, to the nearest right angle.

    The matrix takes a pixel at (x, y) to (a x + c y, b x + d y).
    """
    a, b, c, d = (int(matrix[place]) for place in (0, 1, 3, 4))
    if abs(b) > abs(a):
        frame, a, d = frame.transpose(1, 0, 2), c, b
    return np.ascontiguousarray(frame[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1])
