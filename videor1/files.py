"""Files of a run on disk: whatever becomes of the process or the disk, nobody sees a half-written one."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO

from videor1.errors import DiskError, RecordError

if TYPE_CHECKING:  # takes a second to import
    from matplotlib.figure import Figure

_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)
UNFINISHED = ".unfinished"  # ends the name of what is being written


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Within it an OSError becomes a DiskError, which names what was to be written."""
    try:
        yield
    except OSError as error:
        raise DiskError(f"{path}: cannot be written: {error.strerror or error}") from error


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write in place of the one at `path`, which it takes when all of it is on disk.

    Of several processes that write the same one at once, one wins.

    Raises:
        DiskError: it cannot be written. What was there before stays, and nothing is left of the new one.
    """
    unfinished = path.with_name(f"{path.name}.{uuid.uuid4().hex}{UNFINISHED}")
    with naming(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with unfinished.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(path)
        finally:
            with contextlib.suppress(OSError):
                unfinished.unlink()


def write_whole(path: Path, content: str | bytes) -> None:
    """Puts `content` in place of a file, see `whole_file`."""
    with whole_file(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)


def save_figure(path: Path, figure: Figure) -> None:
    """A figure as PNG, see `whole_file`."""
    with whole_file(path) as file:
        figure.savefig(file, format="png", dpi=120)


def append_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Adds rows to a file of JSON lines, in one write, so that ranks do not tear each other's.

    What a kill or a full disk has left of a line goes first.

    Raises:
        DiskError: they cannot be written.
    """
    lines = b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)
    with naming(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab+", buffering=0) as file:
            # another rank's line may be under way, which is not torn: so only who has the lock may judge
            if lock(file, fcntl.flock, fcntl.LOCK_EX) and (end := _whole_lines(file)) < _size(file):
                file.truncate(end)
            while lines:
                lines = lines[file.write(lines) :]


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The rows of a file of JSON lines, none where there is no file; a last one that a kill has torn is none.

    Raises:
        RecordError: a line is damaged.
    """
    if not path.is_file():
        return []
    content, rows = path.read_bytes(), []
    for number, line in enumerate(content[: content.rfind(b"\n") + 1].split(b"\n")[:-1], start=1):
        try:
            rows.append(json.loads(line))
        except ValueError as error:
            raise RecordError(f"{path}, line {number}: no JSON ({error}); delete the line") from error
    return rows


def lock(file: IO[Any], by: Callable[[IO[Any], int], None], how: int) -> bool:
    """Locks a file by `fcntl.flock` or `fcntl.lockf`; False where its file system has no locks.

    Raises:
        OSError: another process holds it, or something is wrong.
    """
    try:
        by(file, how)
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        return False
    return True


def _size(file: BinaryIO) -> int:
    return file.seek(0, os.SEEK_END)


def _whole_lines(file: BinaryIO) -> int:
    """Bytes of the lines that have an end."""
    end = _size(file)
    tail = b""
    while end and b"\n" not in tail:
        step = min(end, 1 << 16)
        end = file.seek(end - step)
        tail = file.read(step)
    return end + tail.rfind(b"\n") + 1 if tail else 0
