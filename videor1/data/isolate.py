"""Decoding in a process of its own, so that a crash, a hang or a memory bomb costs one file and not the run.

Video libraries are native code fed with files from anywhere; a crafted mp4 can abort the process that opens
it. The process is a fresh interpreter and no fork: a fork would share the trainer's memory, locks and GPU
handles with the code that is expected to crash. The kernel's timer ends it when a file takes too long, so
nobody has to watch it; it outlives a killed trainer by that time at most.
"""

from __future__ import annotations

import functools
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import tempfile
import weakref
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import torch

from videor1.data.frames import ClipSettings, read_media
from videor1.errors import ConfigError, MediaError
from videor1.types import Clip, DataType


@dataclass(frozen=True, kw_only=True)
class DecodeSettings:
    """What a media file may cost.

    Args:
        isolate: decode in a process of its own. False decodes in the loader's worker: there a crash of a
            video library ends the run and a hang lasts for ever.
        timeout: seconds a file may take.
        memory_gb: gigabytes of memory that decoding a file may need.
    """

    isolate: bool = True
    timeout: float = 60.0
    memory_gb: float = 8.0

    def __post_init__(self) -> None:
        # The libraries alone take most of half a gigabyte; a million is within what the kernel takes.
        for key, least in (("timeout", 1e-6), ("memory_gb", 0.5)):
            if not least <= getattr(self, key) <= 1e6:
                raise ConfigError(f"data.decode.{key} must lie in {least:g} … 1e6, got {getattr(self, key)}")


_MOST_FILES = 10_000  # of one process; what its native libraries leak, 1.6 KB a video, goes with it


class Decoder:
    """Reads media in a process that is started when first needed, after each death and after many files."""

    def __init__(self, settings: DecodeSettings) -> None:
        self.settings = settings
        self._child: _Child | None = None

    def read(self, path: Path, data_type: DataType, clip: ClipSettings) -> Clip:
        """The clip of a file, see `read_media`.

        Raises:
            MediaError: the file cannot be read, takes too long or too much memory, or crashes the reader
                twice (once may be the fault of a file before it).
        """
        if not self.settings.isolate:
            return read_media(path, data_type, clip)
        for last_try in (False, True):
            try:
                reply = self._running().ask((path, data_type, clip))
            except EOFError:
                assert self._child is not None
                (status, told), self._child = self._child.obituary(), None
                if status == -signal.SIGALRM:
                    raise MediaError(f"{path}: not decoded within {self.settings.timeout:g} s") from None
                if last_try:  # an exception that the readers do not know counts too
                    died = signal.Signals(-status).name if status < 0 else f"exit status {status}"
                    raise MediaError(f"{path}: crashed the decoder ({died}{told})") from None
            else:
                if isinstance(reply, MediaError):
                    raise reply
                return reply
        raise AssertionError("the second try returns or raises")

    def _running(self) -> _Child:
        if self._child is None or not self._child.is_usable():
            self._child = _Child(self.settings)
        return self._child


@functools.cache
def shared_decoder(settings: DecodeSettings) -> Decoder:
    """This process's decoder: its start takes a second or two, so all that read here share it."""
    return Decoder(settings)


class _Child:
    def __init__(self, settings: DecodeSettings) -> None:
        self.asked = 0
        self.owner = os.getpid()  # a forked loader worker must not talk through its parent's pipe
        self.connection, theirs = multiprocessing.Pipe()
        # Libraries comment on bad files; only the last words of a process that died are of interest.
        self.said = tempfile.TemporaryFile()  # noqa: SIM115  # as long as the process
        with theirs:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", __name__),
                    *(str(theirs.fileno()), str(settings.timeout), str(settings.memory_gb)),
                ],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stderr=self.said,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )
        weakref.finalize(self, _dismiss, self.owner, self.connection, self.process)

    def is_usable(self) -> bool:
        return self.owner == os.getpid() and self.asked < _MOST_FILES and self.process.poll() is None

    def ask(self, request: tuple[Path, DataType, ClipSettings]) -> Clip | MediaError:
        """Raises EOFError when the process dies instead of answering."""
        self.asked += 1
        try:
            self.connection.send(request)
            return self.connection.recv()
        except (BrokenPipeError, ConnectionResetError) as error:
            raise EOFError from error

    def obituary(self) -> tuple[int, str]:
        """Exit status, and the last line it wrote, as ": line"."""
        status = self.process.wait()
        self.said.seek(0)
        lines = self.said.read().decode(errors="replace").split("\n")
        return status, next((f": {line.strip()}" for line in reversed(lines) if line.strip()), "")


def _dismiss(owner: int, connection: Connection, process: subprocess.Popen[bytes]) -> None:
    connection.close()
    if owner == os.getpid():
        process.kill()
        process.wait()


def _serve(connection: Connection, timeout: float, memory_gb: float) -> None:
    """Answers requests until the other end closes. SIGALRM keeps its default action: the kernel ends us."""
    for sent in (signal.SIGINT, signal.SIGTERM):  # the trainer's to handle; it closes the pipe
        signal.signal(sent, signal.SIG_IGN)
    torch.set_num_threads(1)  # loader workers are the parallelism
    most = int(memory_gb * 2**30)
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    while True:
        try:
            path, data_type, clip = connection.recv()
        except EOFError:
            return
        os.ftruncate(sys.stderr.fileno(), 0)
        os.lseek(sys.stderr.fileno(), 0, os.SEEK_SET)
        signal.setitimer(signal.ITIMER_REAL, timeout)
        reply: Clip | MediaError
        try:
            reply = read_media(path, data_type, clip)
        except MediaError as error:
            reply = error
        except MemoryError:
            reply = MediaError(f"{path}: decoding needs more than {memory_gb:g} GB of memory")
        signal.setitimer(signal.ITIMER_REAL, 0)
        connection.send(reply)


if __name__ == "__main__":
    _serve(Connection(int(sys.argv[1])), float(sys.argv[2]), float(sys.argv[3]))
