"""What an evaluation found, on disk: every response as JSON lines, and the scores."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

_EXAMINATIONS = ("validate", "test")


class EvaluationWriter(Callback):
    """Writes `predictions[.rank].jsonl` and `scores.json` into the run's folder for `validate` and `test`.

    A validation inside `fit` leaves its curves in TensorBoard and writes no file.
    """

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.state.fn in _EXAMINATIONS:
            self._predictions(trainer).parent.mkdir(parents=True, exist_ok=True)
            self._predictions(trainer).write_text("", encoding="utf-8")

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        if trainer.state.fn in _EXAMINATIONS:
            lines = [
                json.dumps(asdict(judgement), ensure_ascii=False) + "\n"
                for judgement in outputs["judgements"]
            ]
            with self._predictions(trainer).open("a", encoding="utf-8") as file:
                file.writelines(lines)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.state.fn in _EXAMINATIONS and trainer.is_global_zero:
            path = Path(trainer.default_root_dir) / "scores.json"
            path.write_text(json.dumps(pl_module.scores, indent=2) + "\n", encoding="utf-8")

    on_test_start = on_validation_start
    on_test_batch_end = on_validation_batch_end
    on_test_end = on_validation_end

    def _predictions(self, trainer: Trainer) -> Path:
        rank = f".{trainer.global_rank}" if trainer.world_size > 1 else ""
        return Path(trainer.default_root_dir) / f"predictions{rank}.jsonl"
