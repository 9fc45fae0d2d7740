"""What the machine does to a run, in one line: a worker that it kills, a disk that is full."""

from __future__ import annotations

import errno
import os
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from videor1.errors import DiskError, LostError

# In the words of gloo and NCCL, and of torch's loader.
_RANK = re.compile(r"Connection (?:closed|reset) by peer|remote process exited|Broken pipe")
_WORKER = re.compile(r"DataLoader worker \(pid[^)]*\) (?:is )?(.*?)\.(?: |$)", re.DOTALL)
_ADVICE = {
    "Killed": "; the system kills processes when memory runs out (dmesg tells), so lower data.workers",
    "Bus error": "; /dev/shm may be full, so enlarge it or lower data.workers",
}
_OF_A_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)
_PROBE = 1 << 20  # bytes


@contextmanager
def told(run: Path) -> Iterator[None]:
    """Within it, what the machine does to the run in the folder `run` ends with an error of one line.

    Raises:
        LostError: a loader's worker or another rank has died.
        DiskError: a file could not be written, an event file of TensorBoard for one.
    """
    try:
        yield
    except RuntimeError as error:
        if (match := _RANK.search(str(error))) is not None:
            raise LostError(f"another rank has ended ({match[0]}); what it said tells why") from error
        if (match := _WORKER.search(str(error))) is None:
            raise
        advice = next((advice for word, advice in _ADVICE.items() if word in match[1]), "")
        raise LostError(f"data.workers: a worker of the loader was {match[1]}{advice}") from error
    except OSError as error:
        if error.filename is not None or error.errno not in _OF_A_DISK:
            raise
        raise DiskError(f"{run}: cannot be written into: {error.strerror}") from error


def disk_fault(folder: Path) -> str | None:
    """Why nothing can be written into a folder; None where it can be.

    Writers of checkpoints tell of a full disk in many ways, so it is asked itself.
    """
    probe = folder / f"probe.{uuid.uuid4().hex}"
    try:
        with probe.open("wb") as file:
            file.write(bytes(_PROBE))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return error.strerror
    finally:
        with suppress(OSError):
            probe.unlink()
    return None
