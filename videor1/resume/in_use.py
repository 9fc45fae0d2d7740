"""One training at a time in a run's folder."""

from __future__ import annotations

import fcntl
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from videor1.errors import ConfigError
from videor1.files import lock

_LOCK = "run.lock"


@contextmanager
def in_use(folder: Path) -> Iterator[None]:
    """Within it no other process may train into the folder; a killed process no longer holds it.

    Raises:
        ConfigError: another one does.
    """
    with (folder / _LOCK).open("a+", encoding="utf-8") as file:
        # POSIX locks: workers, which outlive a killed trainer by a moment, do not inherit them
        try:
            locked = lock(file, fcntl.lockf, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError) as error:
            file.seek(0)
            raise ConfigError(
                f"trainer.default_root_dir: process {file.read().strip() or 'of another'} is training into"
                f" '{folder}'; wait for it, or name another folder"
            ) from error
        if not locked:
            warnings.warn(
                f"'{folder}' is on a file system without locks: nothing keeps a second run out of it",
                stacklevel=2,
            )
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield
