"""A callback that lets the machine do something to its own run, at a chosen step."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import psutil
from lightning.pytorch import Callback

from tests.resume.harm import from_outside


class Trouble(Callback):
    """Does each deed of the plan once, before the backward pass of its step or at the end of training.

    Args:
        plan: "step:deed" each, where a deed is a method of this class.
        place: a mounted folder that deeds are about.
        leave: bytes that `fill` leaves free.
        clock: seconds that the clock is ahead from the start.
    """

    def __init__(self, plan: Sequence[str], place: str = "", leave: int = 0, clock: float = 0) -> None:
        self._shift(clock)
        self.plan = [(int(step), deed) for step, deed in (one.split(":") for one in plan)]
        self.place, self.leave = Path(place), leave

    def on_before_backward(self, trainer, pl_module, loss):
        self._do(trainer)

    def on_train_end(self, trainer, pl_module):
        self._do(trainer)

    def _do(self, trainer):
        for step, deed in self.plan:
            done = Path(f"{trainer.default_root_dir}-{step}-{deed}.done")
            if step == trainer.global_step and trainer.is_global_zero and not done.exists():
                done.touch()
                getattr(self, deed)()

    def tell_group(self):
        """Which processes are the run's: `group` at `place`."""
        (self.place / "group").write_text(str(os.getpgrp()))

    def fill(self):
        """The disk at `place`, but for what is left."""
        os.sync()
        free = os.statvfs(self.place).f_bavail * os.statvfs(self.place).f_frsize
        (self.place / "filler").write_bytes(bytes(max(0, free - self.leave)))

    def read_only(self):
        read_only(self.place)

    def unmount(self):
        subprocess.run(["umount", "-l", self.place], check=True)

    def kill_worker(self):
        """The loader's, as the kernel does when memory runs out."""
        workers = [one for one in psutil.Process().children() if one.cmdline() == psutil.Process().cmdline()]
        workers[0].kill()

    def interrupt(self):
        """Ctrl-C reaches all processes of a terminal."""
        from_outside(signal.SIGINT)

    def interrupt_twice(self):
        self.interrupt()
        self.interrupt()

    def terminate_twice(self):
        from_outside(signal.SIGTERM)
        from_outside(signal.SIGTERM)

    def a_day_later(self):
        self._shift(86400)

    def a_day_earlier(self):
        self._shift(-86400)

    def _shift(self, seconds):
        real = time.time
        time.time = lambda: real() + seconds


def read_only(folder: Path) -> None:
    """As a file system is after an error of its disk."""
    subprocess.run(["mount", "--bind", folder, folder], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", folder], check=True)
