"""A server process of this run: it has a key of its own, and ends when its trainer does."""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
import sys
import time
import weakref
from pathlib import Path

import torch

from videor1.errors import EngineError
from videor1.rollout.server.client import Client
from videor1.rollout.server.service import FAREWELL, KEY

_PATIENCE = 10.0  # seconds that a server gets to end; vLLM takes about five
# What tells a process which rank it is. A server is none, and torch would wait for the trainer's store.
_OF_A_RANK = re.compile(
    r"RANK|WORLD_SIZE|(LOCAL|NODE|GROUP|ROLE)_RANK|(LOCAL|GROUP|ROLE)_WORLD_SIZE|MASTER_\w+|TORCHELASTIC_\w+"
)


class Child:
    """A server process of this run.

    Args:
        arguments: of its command line, by the names of the flags.
        folder: gets its log.
        rank: of the trainer process that starts it.
    """

    def __init__(self, arguments: dict[str, str], folder: Path, rank: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.log = folder / f"server-{rank}.log"
        self._ready = folder / f"server-{rank}.json"
        self._ready.unlink(missing_ok=True)
        self._key = secrets.token_hex(16)
        flags = {**arguments, "ready": str(self._ready), "parent": str(os.getpid())}
        with self.log.open("ab") as log:
            self._log_start = log.tell()  # before it stands what earlier servers said
            self._process = subprocess.Popen(
                [sys.executable, "-m", "videor1.rollout.server"]
                + [part for name, value in flags.items() for part in (f"--{name}", value)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment(self._key),
            )
        self._end = weakref.finalize(self, _end, os.getpid(), self._process)

    def answering(self, timeout: float) -> Client:
        """Asks it, from when it answers on.

        Raises:
            EngineError: it ends before, or takes longer than this many seconds.
        """
        end = time.monotonic() + timeout
        while not self._ready.exists():
            if self._process.poll() is not None:
                raise EngineError(
                    f"rollout.vllm: the server {self._fate()} while starting; its log: {self.log}"
                )
            if time.monotonic() > end:
                self.kill()
                raise EngineError(f"rollout.vllm: no server within {timeout:g} s; its log: {self.log}")
            time.sleep(0.05)
        return Client(f"127.0.0.1:{json.loads(self._ready.read_text())['port']}", self._key)

    def kill(self) -> str:
        """How it died, if it had done so itself."""
        try:
            self._process.wait(1)  # a lost connection may be noticed before the death
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            return ""
        return self._fate()

    def end(self) -> None:
        """Ends it in good order, or by force; it is no more when this returns."""
        self._end()

    def _fate(self) -> str:
        status = self._process.wait()
        if status < 0:
            return f"died: signal {-status}"
        with self.log.open("rb") as log:
            log.seek(self._log_start)
            lines = log.read().decode(errors="replace").splitlines()
        said = next((line.strip() for line in reversed(lines) if line.strip()), "")
        return f"ended with exit status {status}: {said}"


def environment(key: str) -> dict[str, str]:
    """This process's, for a child that is no rank, has this key, and sees the rank's GPU alone."""
    own = {name: value for name, value in os.environ.items() if not _OF_A_RANK.fullmatch(name)}
    own |= {KEY: key, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    if torch.cuda.is_available():
        visible, current = os.environ.get("CUDA_VISIBLE_DEVICES"), torch.cuda.current_device()
        own["CUDA_VISIBLE_DEVICES"] = visible.split(",")[current] if visible else str(current)
    return own


def _end(owner: int, process: subprocess.Popen[bytes]) -> None:
    if owner != os.getpid():  # a forked loader worker is not to end its trainer's server
        return
    process.send_signal(FAREWELL)
    try:
        process.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
