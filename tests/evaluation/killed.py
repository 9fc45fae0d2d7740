"""python -m tests.evaluation.killed KILLS FOLDER COMMAND…: a command of cli.py, killed again and again.

Each kill comes at a random moment; the last start is left alone. It forks, so libraries are imported once.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path

import cli


def judged(folder: Path) -> int:
    """Bytes of judgements that are on disk."""
    return sum(file.stat().st_size for file in (folder / "predictions").glob("*.jsonl"))


def start(arguments: list[str]) -> int:
    pid = os.fork()
    if pid == 0:
        os.setpgid(0, 0)  # with the processes that decode for it
        os._exit(cli.run(arguments))
    return pid


def kill_after(pid: int, folder: Path, more: int, seconds: float) -> None:
    """Kills it some time after it has added so many bytes."""
    before = judged(folder)
    while judged(folder) < before + more:
        done, status = os.waitpid(pid, os.WNOHANG)
        assert not done, f"ended with status {status} before it was killed"
        time.sleep(0.001)
    time.sleep(seconds)
    os.killpg(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def main(kills: int, folder: Path, arguments: list[str]) -> None:
    chance = random.Random(0)
    for number in range(kills):
        kill_after(start(arguments), folder, chance.randint(1, 1500), chance.uniform(0, 0.03))
        print(f"kill {number + 1} at {judged(folder)} bytes", flush=True)
    _, status = os.waitpid(start(arguments), 0)
    sys.exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
