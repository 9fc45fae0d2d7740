"""Record → Clip: a path that stays inside the data root, then kept frames or decoding."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from videor1.data.cache import FrameCache
from videor1.data.frames import ClipSettings
from videor1.data.isolate import DecodeSettings, shared_decoder
from videor1.data.storage import Storage
from videor1.errors import MediaError
from videor1.types import Clip, Record


class MediaReader:
    """Reads the media of records.

    Args:
        root: folder that the records' paths are relative to.
        decode: what a file may cost.
        cache: of decoded frames, or None.
        linked_roots: folders outside of root that links below root may lead to.
    """

    def __init__(
        self,
        root: str | Path,
        *,
        decode: DecodeSettings = DecodeSettings(),
        cache: FrameCache | None = None,
        linked_roots: Sequence[str | Path] = (),
    ) -> None:
        self.root = Path(root)
        self.decode = decode
        self.cache = cache
        self._inside = tuple(Path(os.path.realpath(folder)) for folder in (root, *linked_roots))
        self._storage = Storage(self._inside)

    def locate(self, record: Record) -> Path:
        """Where a record's media file lies, links followed.

        Raises:
            MediaError: the path leads out of the data root, or there is no such file.
        """
        path = record.path
        if "://" in path:
            raise MediaError(f"{path}: an address, not a file below data.root")
        if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts or "\0" in path:
            raise MediaError(f"{path!r}: not a path below data.root = {self.root}")
        try:
            found = Path(os.path.realpath(self.root / path))
        except UnicodeEncodeError as error:
            raise MediaError(f"{path!r}: no name that a file can have") from error
        if not any(found.is_relative_to(folder) for folder in self._inside):
            raise MediaError(
                f"{self.root / path}: a link out of data.root, to {found}; data.linked_roots can allow it"
            )
        return found

    def read(self, record: Record, clip: ClipSettings) -> Clip:
        """The clip of a record.

        Raises:
            MediaError: see `locate` and `read_media`.
            LostError: the file system that media lie on has gone.
        """
        path = self.locate(record)
        try:
            found = self._read(path, record, clip)
            self._storage.was_there(path)
        except (MediaError, OSError):
            self._storage.check()
            raise
        return found

    def _read(self, path: Path, record: Record, clip: ClipSettings) -> Clip:
        if self.cache is None:
            return self._decode(path, record, clip)
        try:
            key = self.cache.key(path, record.data_type, clip)
        except OSError as error:
            raise MediaError(f"{path}: {error.strerror or error}") from error
        kept = self.cache.get(key, path)
        if kept is not None:
            return kept
        decoded = self._decode(path, record, clip)
        self.cache.put(key, decoded)
        return decoded

    def _decode(self, path: Path, record: Record, clip: ClipSettings) -> Clip:
        return shared_decoder(self.decode).read(path, record.data_type, clip)
