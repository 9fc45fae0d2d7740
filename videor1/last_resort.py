"""Ends a process whose interpreter is held: faulthandler's timer, shared by all who have a use for it.

Where a call into C hangs and keeps the interpreter's lock, no thread of Python's gets to run. This timer is a
thread of C's; but there is one a process, and setting it anew forgets what it was set to before.
"""

from __future__ import annotations

import faulthandler
import sys
import threading
import time

_lock = threading.Lock()
_due: dict[object, float] = {}  # by who set it; on the clock of time.monotonic


def arm(owner: object, seconds: float) -> None:
    """Ends the process with status 1, all stacks on stderr, unless `owner` arms it again or disarms it."""
    with _lock:
        _due[owner] = time.monotonic() + seconds
        _set()


def disarm(owner: object) -> None:
    """Takes back what `owner` armed, if it did; what others have armed stays."""
    with _lock:
        _due.pop(owner, None)
        _set()


def _set() -> None:
    if not _due:
        faulthandler.cancel_dump_traceback_later()
        return
    left = min(_due.values()) - time.monotonic()
    stderr = sys.__stderr__  # what sys.stderr has been replaced with may be no file
    assert stderr is not None
    faulthandler.dump_traceback_later(max(left, 1e-3), exit=True, file=stderr)
