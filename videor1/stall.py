"""Notices that nothing happens any more, says where every thread of the process stands, and ends it."""

from __future__ import annotations

import os
import sys
import threading
import time
from types import FrameType, FunctionType

from videor1 import last_resort

STATUS = os.EX_TEMPFAIL  # 75: what was wrong may not be the next time
_LEAST_GRACE = 5.0  # seconds


class StallTimer:
    """Ends this process when `beat` has not been called for so many seconds.

    A thread beside the others looks at the clock, which works while they wait in C: for another rank, say. It
    writes the stacks of all threads to stderr and ends the process `grace` seconds later with status 75; by
    then the other ranks, which notice at about the same time, have written theirs. Where a thread holds the
    interpreter's lock the stacks come from C, `grace` seconds late and with status 1.

    Time that the process is suspended counts.

    Args:
        seconds: without a beat.
        place: rank and host, which stand above the stacks.
        label: stands before each line, so that the blocks of several ranks can be told apart.
    """

    def __init__(self, seconds: float, *, place: str, label: str) -> None:
        self.seconds = seconds
        self.grace = max(_LEAST_GRACE, seconds / 60)
        self.place = place
        self.label = label
        self.step = 0
        self.beaten = time.monotonic()
        self.stopped = threading.Event()
        # Stacks that come from C have no heading, so the frame of this thread, which is among them, tells the
        # place.
        watch = FunctionType(_watch.__code__.replace(co_filename=place), globals())
        self._thread = threading.Thread(target=watch, args=(self,), name="stall timer", daemon=True)

    def start(self) -> None:
        self.beaten = time.monotonic()
        self._thread.start()

    def beat(self, step: int) -> None:
        """Something happened, in this step of the optimizer."""
        self.step = step
        self.beaten = time.monotonic()

    def stop(self) -> None:
        self.stopped.set()
        self._thread.join()  # or it could arm the last resort once more
        last_resort.disarm(self)

    def end(self, quiet: float) -> None:
        """Says that nothing happened for `quiet` seconds, and ends the process."""
        heading = f"{self.place}: nothing happened for {quiet:.0f} s, last in step {self.step}"
        lines = [heading, *stacks(), f"the process ends in {self.grace:g} s with status {STATUS}"]
        try:
            # in one piece, and past sys.stderr, whose lock another thread may hold
            os.write(2, "".join(f"{self.label} {line}\n" for line in lines).encode(errors="replace"))
        finally:
            time.sleep(self.grace)
            os._exit(STATUS)


def _watch(timer: StallTimer) -> None:
    pause = 0.0
    while not timer.stopped.wait(pause):
        quiet = time.monotonic() - timer.beaten
        if quiet >= timer.seconds:
            timer.end(quiet)
        last_resort.arm(timer, timer.seconds + timer.grace)
        # Not longer than the grace: the last resort must count from about the time the lock was taken.
        pause = min(timer.grace, timer.seconds - quiet)


def stacks() -> list[str]:
    """Where every other thread stands, innermost call first; reads no source, whose disk may hang too."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    lines = []
    for ident, innermost in sys._current_frames().items():
        if ident == threading.get_ident():
            continue
        lines.append(f"{names.get(ident, 'a thread')} (innermost call first):")
        frame: FrameType | None = innermost
        while frame is not None:
            code = frame.f_code
            lines.append(f'  File "{code.co_filename}", line {frame.f_lineno}, in {code.co_qualname}')
            frame = frame.f_back
    return lines
