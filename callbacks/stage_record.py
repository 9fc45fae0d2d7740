"""What a training stage took: steps, seconds and versions, in one small file beside its model."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from videor1.files import write_whole
from videor1.portable import portable
from videor1.resume.origin import versions


class StageRecord(Callback):
    """Writes `stage.json` into the run's folder at the end of `fit`; a resumed run adds to its seconds."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._started = 0.0

    def state_dict(self) -> dict[str, Any]:
        return {"seconds": self._elapsed()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.seconds = state_dict["seconds"]

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._started = time.perf_counter()

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # comes after training, and when a resumed run has no step left to train
        if not trainer.is_global_zero:
            return
        record = {
            "steps": trainer.global_step,
            "train_seconds": round(self._elapsed(), 2),
            "seed": pl_module.seed,
            "policy": portable(str(pl_module.policy_path)),
            "versions": versions(),
        }
        write_whole(Path(trainer.default_root_dir) / "stage.json", json.dumps(record, indent=2) + "\n")

    def _elapsed(self) -> float:
        return self.seconds + (time.perf_counter() - self._started if self._started else 0.0)
