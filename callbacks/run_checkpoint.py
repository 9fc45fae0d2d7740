"""Checkpoints that a run resumes from exactly: when they are written, and which of them stay."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint

from videor1.errors import ConfigError
from videor1.export.checkpoint import LAST
from videor1.modules import PolicyModule
from videor1.resume.folder import name_of, point, prune
from videor1.resume.stop_signal import StopSignal
from videor1.resume.whole import is_whole


class RunCheckpoint(Checkpoint):
    """Writes `step=N.ckpt` into the folder `checkpoints` of the run, and `last.ckpt`, a link to the newest.

    A checkpoint is written only between two steps, when nothing is under way that it could not hold: every N
    steps, after the last one, and when SIGTERM or Ctrl-C asks the run to end. What fails in mid-step saves
    nothing.

    Args:
        every_n_train_steps: optimizer steps between two checkpoints; with model.inner_updates the next step
            that ends a block.
        keep: the newest that stay.
        keep_every: checkpoints whose step is a multiple of it stay for good; null for none.
    """

    def __init__(
        self, *, every_n_train_steps: int = 100, keep: int = 2, keep_every: int | None = None
    ) -> None:
        for key, value in (
            ("every_n_train_steps", every_n_train_steps),
            ("keep", keep),
            ("keep_every", keep_every),
        ):
            if value is not None and value < 1:
                raise ConfigError(f"callbacks.RunCheckpoint.{key} must be at least 1, got {value}")
        self.every_n_train_steps = every_n_train_steps
        self.keep, self.keep_every = keep, keep_every
        self.stop_signal = StopSignal()  # VideoTrainer makes it the first callback
        self._saved = 0  # step of the newest

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._saved = trainer.global_step
        self._end = trainer.estimated_stepping_batches

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        assert isinstance(pl_module, PolicyModule)
        if not is_whole(trainer, pl_module.passes_per_block):
            return
        step, every = trainer.global_step, self.every_n_train_steps
        asked = self.stop_signal.agreed(trainer)
        if asked or step // every > self._saved // every or step == self._end:
            self._save(trainer)
        if asked:
            self.stop_signal.stop(trainer, asked)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._save(trainer)  # where something else than the number of steps has ended the run

    def _save(self, trainer: Trainer) -> None:
        if trainer.global_step == self._saved or trainer.fast_dev_run:  # type: ignore[attr-defined]  # set elsewhere
            return
        self._saved = trainer.global_step
        link = Path(trainer.default_root_dir) / LAST
        path = link.with_name(name_of(self._saved))
        trainer.save_checkpoint(path, weights_only=False)
        if trainer.is_global_zero:
            point(link, path)
            prune(link.parent, keep=self.keep, keep_every=self.keep_every)
