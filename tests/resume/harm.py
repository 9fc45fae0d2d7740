"""A callback that ends its own run: at which step, at which moment, once each."""

from __future__ import annotations

import io
import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from unittest.mock import patch

import torch
from lightning.pytorch import Callback

# Functions that are not reached: the process is killed instead of calling them.
INSTEAD_OF = {
    "written": "videor1.trainer.put",  # the checkpoint is complete and has no name yet
    "named": "callbacks.run_checkpoint.point",  # it has a name, and last.ckpt is still the one before
    "unpruned": "callbacks.run_checkpoint.prune",
    "trained": "callbacks.hf_export.export_folder",  # all steps are done
}


class Harm(Callback):
    """Kills the run with SIGKILL, or sends SIGTERM to all its processes.

    Args:
        plan: "step:moment" each; the step under way, or that is saved. Moments are those of INSTEAD_OF,
            "backward" and "terminate" (within a step), "writing" (half of the checkpoint's bytes are there)
            and "exported" (only stage.json is missing).
        alone: SIGTERM goes to the process of this rank only.
    """

    def __init__(self, plan: Sequence[str], alone: int | None = None) -> None:
        self.plan, self.alone = plan, alone

    def setup(self, trainer, pl_module, stage):
        self.trainer = trainer
        for moment, name in INSTEAD_OF.items():
            patch(name, self._before(moment, _named(name))).start()

    def on_train_start(self, trainer, pl_module):
        trainer.strategy.checkpoint_io.save_checkpoint = self._half(
            trainer.strategy.checkpoint_io.save_checkpoint
        )

    def on_before_backward(self, trainer, pl_module, loss):
        self._maybe("backward")
        self._maybe("terminate")

    def on_train_end(self, trainer, pl_module):
        self._maybe("exported")

    def _due(self, moment: str) -> bool:
        """Whether it is this moment's turn, which comes once."""
        planned = f"{self.trainer.global_step}:{moment}"
        done = Path(self.trainer.default_root_dir) / f"harm-{planned}"
        if planned not in self.plan or done.exists():
            return False
        done.touch()
        return True

    def _maybe(self, moment: str) -> None:
        if self.trainer.global_rank != (self.alone or 0) or not self._due(moment):
            return
        if moment != "terminate":
            os.kill(os.getpid(), signal.SIGKILL)
        elif self.alone is None:
            from_outside(signal.SIGTERM)
        else:
            os.kill(os.getpid(), signal.SIGTERM)

    def _before(self, moment: str, function: Callable) -> Callable:
        def instead(*arguments, **keywords):
            self._maybe(moment)
            return function(*arguments, **keywords)

        return instead

    def _half(self, save: Callable) -> Callable:
        def instead(checkpoint, path, storage_options=None):
            if self._due("writing"):
                whole = io.BytesIO()
                torch.save(checkpoint, whole)
                Path(path).write_bytes(whole.getvalue()[: len(whole.getvalue()) // 2])
                os.kill(os.getpid(), signal.SIGKILL)
            save(checkpoint, path)

        return instead


def from_outside(sent: signal.Signals) -> None:
    """Sends a signal to all processes of this run; workers heed who has sent it."""
    words = ["kill", "-s", sent.name.removeprefix("SIG"), "--", f"-{os.getpgrp()}"]
    subprocess.run(words, check=True, start_new_session=True)  # else it would be one of them


def _named(name: str) -> Callable:
    module, _, attribute = name.rpartition(".")
    return getattr(__import__(module, fromlist=[attribute]), attribute)
