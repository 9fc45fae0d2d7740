"""Tells media that cannot be read from a file system that has gone: unmounted, or its server is away."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from videor1.errors import LostError


class Storage:
    """The folders that media have been read from, one of each file system, as they were then.

    Args:
        folders: that media will be read from. One that is not there now cannot go.
    """

    def __init__(self, folders: Iterable[Path]) -> None:
        self._seen: dict[int, tuple[Path, os.stat_result]] = {}  # by device
        for folder in folders:
            if folder.exists():
                self._remember(folder)

    def was_there(self, path: Path) -> None:
        """Remembers where a file lies that was read just now."""
        self._remember(path.parent)

    def check(self) -> None:
        """To be asked when a file could not be read.

        Raises:
            LostError: a folder has gone, or another one is in its place, so that nothing is said of the file.
        """
        for folder, status in self._seen.values():
            try:
                same = os.path.samestat(status, os.stat(folder))
            except OSError:
                same = False
            if not same:
                raise LostError(f"{folder} was there and is gone: is its file system still mounted?")

    def _remember(self, folder: Path) -> None:
        status = os.stat(folder)
        self._seen[status.st_dev] = (folder, status)
