"""Runs jobs side by side, each in a fork of this process, which has everything imported already.

A fork shares nothing with the runs before it, and a run that dies takes no other with it. torch's threads do
not survive a fork, so this process must never compute with torch.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from multiprocessing.context import ForkProcess
from pathlib import Path

import cli
from benchmarks.support.ablation.jobs import RESULT, Job
from benchmarks.support.ablation.result import collect, write

LOG = "log.txt"
DROPPED = ("hf", "validation", "quarantine.jsonl")  # of an arm, once its result is known
_FORK = multiprocessing.get_context("fork")


@dataclass(kw_only=True)
class Outcome:
    """Names of runs by how they ended."""

    finished: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)  # not begun, or stopped
    interrupted: bool = False


def work_alone(job: Job) -> None:
    """In the fork: the run, and what it says into its folder's log. An error ends the process."""
    os.setpgid(0, 0)  # Ctrl-C is for the process that started this one
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    shutil.rmtree(job.folder, ignore_errors=True)
    job.folder.mkdir(parents=True)
    with (job.folder / LOG).open("w", buffering=1, encoding="utf-8") as said:
        for stream in (1, 2):  # of libraries and of the loader's workers
            os.dup2(said.fileno(), stream)
        with redirect_stdout(said), redirect_stderr(said):
            status = perform(job)
    if status:
        sys.exit(status)


def perform(job: Job) -> int:
    """Trains and examines, keeps the result and, of SFT alone, the model; the exit status of what failed."""
    began = time.perf_counter()
    for stage, due in (("fit", job.trains), ("validate", job.examined)):
        if due and (status := cli.run(job.words(stage))):
            return status
    result = collect(job, seconds=time.perf_counter() - began)
    if job.arm is not None:
        for name in DROPPED:
            _remove(job.folder / name)
    write(job, result)
    return 0


def work(jobs: Sequence[Job], *, workers: int, deadline: float | None = None) -> Outcome:
    """Runs all jobs, in their order as soon as what they need is there.

    Args:
        workers: runs at a time.
        deadline: in seconds of `time.monotonic`; no run begins after it, those begun go on.
    """
    outcome, waiting = Outcome(), list(jobs)
    running: dict[int, tuple[ForkProcess, Job]] = {}  # by sentinel
    try:
        while True:
            due = deadline is None or time.monotonic() < deadline
            while due and len(running) < workers and (job := _first_ready(waiting)) is not None:
                waiting.remove(job)
                process = _FORK.Process(target=work_alone, args=(job,), name=job.name)
                process.start()
                running[process.sentinel] = process, job
            if not running:
                break
            for sentinel in wait(list(running)):
                assert isinstance(sentinel, int)
                process, job = running.pop(sentinel)
                process.join()
                _tell(process, job, outcome, left=len(waiting) + len(running))
    except KeyboardInterrupt:
        outcome.interrupted = True
        for process, job in running.values():
            _end(process)
            waiting.append(job)
    outcome.left = [job.name for job in waiting]
    return outcome


def _first_ready(waiting: Sequence[Job]) -> Job | None:
    return next((job for job in waiting if job.ready), None)


def _tell(process: ForkProcess, job: Job, outcome: Outcome, *, left: int) -> None:
    if process.exitcode == 0 and (job.folder / RESULT).is_file():
        outcome.finished.append(job.name)
        print(f"{job.name}: done, {left} left", flush=True)
    else:
        outcome.failed.append(job.name)
        print(f"{job.name}: failed with {process.exitcode}, see {job.folder / LOG}", flush=True)


def _end(process: ForkProcess) -> None:
    """Kills a run with its loader's workers: it is begun anew another time."""
    assert process.pid is not None
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:  # it is over, or has no group of its own yet
        process.kill()
    process.join()


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
