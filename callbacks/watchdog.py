"""A run that stands still says where, on every rank, and ends."""

from __future__ import annotations

import socket
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from videor1.errors import ConfigError
from videor1.stall import StallTimer


class Watchdog(Callback):
    """Prints the stacks of all threads and ends the process with status 75 when nothing happens in `fit`.

    Each rank watches itself. A rank that hangs and those that wait for it in a collective all stop, so all of
    them print, and `--ckpt_path last` continues the run.

    What happens: a batch of training or validation, or of callbacks.BenchmarkEval, begins or ends; a
    checkpoint is about to be written; a phase of the run begins or ends. `seconds` must therefore exceed the
    longest of these: loading the policy; a batch with its rollouts, which the first time build the engine and
    may compile kernels; an examination's batch; writing a checkpoint; the export. It must stay below the
    process group's own timeout, 30 minutes by default, which ends a collective without telling where the
    others are.

    Args:
        seconds: without anything happening.
    """

    def __init__(self, seconds: float = 1500) -> None:
        if seconds <= 0:
            raise ConfigError(f"callbacks.Watchdog.seconds must be above 0, got {seconds:g}")
        self.seconds = seconds
        self._timer: StallTimer | None = None

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if stage == "fit":
            rank = trainer.global_rank
            place = f"rank {rank} of {trainer.world_size} on {socket.gethostname()}"
            self._timer = StallTimer(self.seconds, place=place, label=f"[rank {rank}]")
            self._timer.start()

    def beat(self, trainer: Trainer, *_: Any, **__: Any) -> None:
        """Something happened."""
        if self._timer is not None:
            self._timer.beat(trainer.global_step)

    on_fit_start = on_train_start = on_train_end = beat
    on_train_batch_start = on_train_batch_end = beat
    on_validation_start = on_validation_end = beat
    on_validation_batch_start = on_validation_batch_end = beat
    on_save_checkpoint = on_load_checkpoint = beat

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self._stop()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        self._stop()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None


def beat(trainer: Trainer) -> None:
    """For callbacks that take long: something happened."""
    for callback in trainer.callbacks:  # type: ignore[attr-defined]  # Lightning sets it elsewhere
        if isinstance(callback, Watchdog):
            callback.beat(trainer)
