"""SIGTERM, which clusters send before they take a machine away: the run ends, with a checkpoint."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType
from typing import NoReturn, Protocol, runtime_checkable

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities.exceptions import SIGTERMException

_TOLD = b"SIGTERM: the run ends when this step is done and saved\n"


class StopSignal(Callback):
    """Remembers SIGTERM until all ranks can stop at the same place; whoever saves asks it there.

    Lightning's own handler broadcasts from within the signal, which meets the other ranks in whatever
    collective they are in, so it is replaced as soon as it is there. It comes back when training ends.
    """

    def __init__(self) -> None:
        self.asked = False  # of this process

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.asked = self.asked or trainer.received_sigterm
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self._remember)

    def agreed(self, trainer: Trainer) -> bool:
        """Whether a rank was asked to stop; all ranks have to ask this together."""
        return trainer.strategy.reduce_boolean_decision(self.asked, all=False)

    def stop(self, trainer: Trainer) -> NoReturn:
        """Ends training on this rank."""
        # Of ranks that Lightning has started it watches the status, and would kill this one for theirs.
        getattr(trainer.strategy.launcher, "procs", []).clear()
        raise SIGTERMException

    def _remember(self, signum: int, frame: FrameType | None) -> None:
        if not self.asked:
            os.write(2, _TOLD)  # print may be what the signal has interrupted
        self.asked = True


@runtime_checkable
class Stopping(Protocol):
    """A callback that saves and stops a run where the signal says so."""

    stop_signal: StopSignal  # to be the first of the run's callbacks
