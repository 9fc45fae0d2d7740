"""Decoded frames on disk, addressed by content: one decoding for all epochs, orders, stages and ranks.

The store is diskcache's: SQLite in shards with the frames in files beside it, written before their row, so a
reader never sees half an entry and a killed writer leaves none.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import sqlite3
import stat
import warnings
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import diskcache
import numpy as np
import platformdirs

from videor1.data.frames import ClipSettings
from videor1.errors import ConfigError
from videor1.types import Clip, DataType

FORMAT = 1  # raised when the readers return other pixels for the same file and settings
_SHARDS = 8  # each holds its part of the gigabytes
_LEAST = 0.5  # less would hold only a dozen of the recipe's clips in each
_PATIENCE = 30.0  # seconds to wait for a shard that another worker writes


@dataclass(frozen=True, kw_only=True)
class CacheSettings:
    """What is kept between epochs and runs.

    Args:
        folder: on a local disk, for any number of runs at once. Null: the user's cache folder.
        gigabytes: most that decoded frames may take there; the least recently used go first. 0 keeps none.
            A 16-frame clip at the recipe's 128·28·28 pixels takes 4.8 MB.
    """

    folder: str | None = None
    gigabytes: float = 0.0

    def __post_init__(self) -> None:
        if self.gigabytes and not _LEAST <= self.gigabytes < math.inf:
            raise ConfigError(f"data.cache.gigabytes must be 0 or at least {_LEAST}, got {self.gigabytes}")

    @property
    def path(self) -> Path:
        """The folder."""
        return Path(self.folder or platformdirs.user_cache_dir("videor1"))

    def frames(self) -> FrameCache | None:
        """The cache of frames, when one is kept.

        Raises:
            ConfigError: the folder cannot be used.
        """
        return FrameCache(self.path / "frames", self.gigabytes) if self.gigabytes else None


class FrameCache:
    """Clips by the content of their file and the settings that shaped them. Safe with many processes."""

    def __init__(self, folder: Path, gigabytes: float) -> None:
        self.folder = folder
        try:
            self._store = diskcache.FanoutCache(
                str(folder),
                shards=_SHARDS,
                timeout=_PATIENCE,
                size_limit=int(gigabytes * 1e9),
                eviction_policy="least-recently-used",
            )
        except (OSError, sqlite3.Error) as error:
            raise ConfigError(
                f"data.cache.folder: {folder} cannot be used: {error}; delete it or name another"
            ) from error

    def key(self, path: Path, data_type: DataType, settings: ClipSettings) -> str:
        """Names a clip. Reads the file once, then only its size and time stamp.

        Raises:
            OSError: the file cannot be read.
        """
        return f"{self.digest(path)} {json.dumps([FORMAT, data_type, settings.of(data_type)])}"

    def digest(self, path: Path) -> str:
        """SHA-256 of a file, remembered as long as its size and time stamp stay."""
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # reading a pipe would wait for its writer
            raise OSError("is a folder" if stat.S_ISDIR(status.st_mode) else "is no regular file")
        name = f"{path} {status.st_size} {status.st_mtime_ns} {status.st_ino}"
        known = self._try(self._store.get, name)
        if known is None:
            with path.open("rb") as file:
                known = hashlib.file_digest(file, "sha256").hexdigest()
            self._try(self._store.set, name, known)
        return known

    def get(self, key: str, path: Path) -> Clip | None:
        """The clip of a key, under the path it is asked for; None when it is not kept or no longer whole."""
        entry = self._try(self._store.get, key, read=True)
        if entry is None:
            return None
        with entry:
            clip = _unpack(entry, path)
        if clip is None:
            self._try(self._store.delete, key)
        return clip

    def put(self, key: str, clip: Clip) -> None:
        """Keeps a clip, and as many of the others as there is room for."""
        self._try(self._store.set, key, _pack(clip), read=True)
        # what `set` itself removes is ten entries, however small they are beside the new one
        self._try(self._store.cull)

    def _try(self, operation: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """A store that fails, on a full disk say, costs time and not the run: it is a warning, and a None."""
        try:
            return operation(*arguments, **options)
        except (OSError, sqlite3.Error) as error:
            warnings.warn(f"{self.folder}: frames are not kept: {error}", stacklevel=3)
            return None


def _pack(clip: Clip) -> io.BytesIO:
    """One line of JSON, then the frames as they are."""
    pixels = clip.frames.tobytes()
    header = {
        "shape": clip.frames.shape,
        "crc32": zlib.crc32(pixels),
        "indices": clip.indices,
        "fps": clip.fps,
        "source_fps": clip.source_fps,
        "total_frames": clip.total_frames,
    }
    return io.BytesIO(json.dumps(header).encode() + b"\n" + pixels)


def _unpack(entry: BinaryIO, path: Path) -> Clip | None:
    """None when a power cut or a bad disk has left something else than was written."""
    try:
        header = json.loads(entry.readline())
        pixels = bytearray(entry.read())
        if zlib.crc32(pixels) != header["crc32"]:
            return None
        return Clip(
            frames=np.frombuffer(pixels, np.uint8).reshape(header["shape"]),
            indices=tuple(header["indices"]),
            fps=header["fps"],
            source_fps=header["source_fps"],
            total_frames=header["total_frames"],
            path=str(path),
        )
    except (ValueError, KeyError, TypeError):
        return None
