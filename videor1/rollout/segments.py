"""Shared memory that vLLM's ranks on a CPU talk through, and that a killed run leaves behind.

Its name is the same in every run, and vLLM does not start where it is taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_FOLDER = Path("/dev/shm")
_NAMES = "*-cpushm_*"


def remove_stale(folder: Path = _FOLDER) -> None:
    """Removes the segments that no process has any more."""
    left = {str(path) for path in folder.glob(_NAMES)}
    if left:
        left -= set(_mapped())
    for path in map(Path, left):
        with suppress(FileNotFoundError, PermissionError):  # another rank's work, another user's
            path.unlink()


def _mapped() -> Iterator[str]:
    """Files that processes have in memory, of those that may be looked at."""
    for maps in Path("/proc").glob("[0-9]*/maps"):
        with suppress(FileNotFoundError, ProcessLookupError, PermissionError):
            for line in maps.read_text(errors="replace").splitlines():
                yield line.split(maxsplit=5)[-1]
