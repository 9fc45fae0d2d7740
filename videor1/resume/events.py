"""TensorBoard's event files in a run's folder: how long they are, and back to that length.

A killed run has logged steps after its last checkpoint, and maybe half a record. A resumed run logs those
steps again, so they have to go. Cutting by step (TensorBoard's purge_step) is not exact: callbacks log the
same step under different numbers.
"""

from __future__ import annotations

import os
from collections.abc import Container, Iterable, Mapping
from pathlib import Path
from time import time as now

_PATTERN = "events.out.tfevents.*"


def event_files(folder: Path) -> dict[str, int]:
    """Bytes of each event file, by name; subfolders are other runs'."""
    return {path.name: path.stat().st_size for path in folder.glob(_PATTERN)}


def is_after_now(names: Iterable[str]) -> bool:
    """Whether an event file was begun at a later time than now, so that the clock has been set back.

    Files are read in the order of their names, which begin with that time.
    """
    begun = (name.removeprefix(_PATTERN[:-1]).partition(".")[0] for name in names)
    return any(int(time) > now() for time in begun if time.isdecimal())


def cut_back(folder: Path, sizes: Mapping[str, int], *, spare: Container[str] = ()) -> None:
    """Cuts event files to these sizes and removes those that have none, but for the names in `spare`."""
    for name, size in event_files(folder).items():
        if name in sizes:
            os.truncate(folder / name, min(size, sizes[name]))
        elif name not in spare:
            (folder / name).unlink()
