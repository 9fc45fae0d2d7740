"""SIGTERM, which clusters send before they take a machine away, or Ctrl-C: the run ends when it is saved."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType
from typing import Any, NoReturn, Protocol, runtime_checkable

from lightning.pytorch import Callback, LightningModule, Trainer

_TOLD = {
    signal.SIGTERM: b"SIGTERM: the run ends when this step is done and saved\n",
    signal.SIGINT: b"Ctrl-C: the run ends when this step is done and saved; once more ends it at once\n",
}


class Stopped(SystemExit):
    """The run was asked to end, and has saved; the exit status is the shell's for that signal."""


class StopSignal(Callback):
    """Remembers SIGTERM and SIGINT until all ranks can stop at the same place; whoever saves asks it there.

    The same signal once more ends the run at once, and nothing is saved.

    Lightning's own handler broadcasts from within the signal, which meets the other ranks in whatever
    collective they are in, so it is replaced as soon as it is there. The handlers that were there before come
    back when training ends.
    """

    def __init__(self) -> None:
        self.asked: set[signal.Signals] = set()  # this process
        self._before: dict[signal.Signals, Any] = {}

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.received_sigterm:
            self.asked.add(signal.SIGTERM)
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._remember) for number in _TOLD}

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._give_back()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        if not isinstance(exception, KeyboardInterrupt):  # then Lightning wants no more of them
            self._give_back()

    def agreed(self, trainer: Trainer) -> signal.Signals | None:
        """What a rank was asked to stop by; all ranks have to ask this together."""
        found = [
            number
            for number in _TOLD
            if trainer.strategy.reduce_boolean_decision(number in self.asked, all=False)
        ]
        return found[0] if found else None

    def stop(self, trainer: Trainer, by: signal.Signals) -> NoReturn:
        """Ends training on this rank."""
        # Of ranks that Lightning has started it watches the status, and would kill this one for theirs.
        getattr(trainer.strategy.launcher, "procs", []).clear()
        raise Stopped(128 + by)

    def _remember(self, number: int, frame: FrameType | None) -> None:
        asked = signal.Signals(number)
        if asked not in self.asked:
            self.asked.add(asked)
            os.write(2, _TOLD[asked])  # print may be what the signal has interrupted
        elif asked is signal.SIGINT:
            raise KeyboardInterrupt
        else:
            signal.signal(asked, signal.SIG_DFL)
            os.kill(os.getpid(), asked)

    def _give_back(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}


@runtime_checkable
class Stopping(Protocol):
    """A callback that saves and stops a run where the signal says so."""

    stop_signal: StopSignal  # to be the first of the run's callbacks
