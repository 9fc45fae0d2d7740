"""Benchmarks while a model is trained: the same questions every N steps, as curves."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from callbacks.watchdog import beat
from videor1.data.annotations.benchmark_file import BenchmarkFile
from videor1.data.annotations.write import write_questions
from videor1.data.record_file import RecordFile
from videor1.errors import ConfigError
from videor1.evaluation.examination import Examination
from videor1.evaluation.scores import curves
from videor1.modules import PolicyModule


class BenchmarkEval(Callback):
    """Asks benchmark questions before the first step and every N steps, in the ways of `model.evaluation`.

    Curves `eval/<benchmark>/<decoding>/{ordered,shuffled,gap,blind}` and how the responses are written; each
    of them can be the `monitor` of a `ModelCheckpoint`. Questions, frame orders and random numbers are the
    same at each step and after a resume, and the run's own are not touched.

    Args:
        benchmarks: which, and with `questions` how many of each; see docs/evaluation-data.md.
        every_n_steps: optimizer steps between two examinations.
        root: folder that the benchmarks' paths are relative to; null for data.root.
        name: first part of the curves' names, another one for each BenchmarkEval of a run.
    """

    def __init__(
        self,
        benchmarks: Sequence[BenchmarkFile],
        *,
        every_n_steps: int = 100,
        root: str | None = None,
        name: str = "eval",
    ) -> None:
        if not benchmarks:
            raise ConfigError("callbacks.BenchmarkEval.benchmarks names none")
        if every_n_steps < 1:
            raise ConfigError(
                f"callbacks.BenchmarkEval.every_n_steps must be at least 1, got {every_n_steps}"
            )
        self.benchmarks = tuple(benchmarks)
        self.every_n_steps = every_n_steps
        self.root = root
        self.name = name
        self._examined_at: int | None = None  # global step

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        data = trainer.datamodule  # type: ignore[attr-defined]  # the CLI's Trainer has it
        self._media = data.root if self.root is None else Path(self.root)
        questions = Path(trainer.default_root_dir) / f"{self.name}_questions.jsonl"
        if trainer.is_global_zero:
            write_questions(questions, self.benchmarks, root=self._media)
        trainer.strategy.barrier()
        self.records = RecordFile.open(questions, index_folder=data.cache.path / "records")
        self._examined_at = trainer.global_step
        if trainer.global_step == 0:
            self._examine(trainer, pl_module)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if trainer.global_step == self._examined_at or trainer.global_step % self.every_n_steps:
            return
        self._examined_at = trainer.global_step
        found = self._examine(trainer, pl_module)
        pl_module.log_dict(found, logger=False, batch_size=1)  # the same on all ranks

    def _examine(self, trainer: Trainer, pl_module: LightningModule) -> dict[str, float]:
        assert isinstance(pl_module, PolicyModule)
        started = time.perf_counter()
        pl_module.sync_engine()
        examination = Examination(self.records, pl_module.evaluation, seed=pl_module.seed)
        examination.start(pl_module.engine, pl_module.processor, pl_module.device)
        data, numbers = trainer.datamodule, range(len(self.records))  # type: ignore[attr-defined]
        for batch in data.question_loader(self.records, numbers, root=self._media):
            examination.ask(batch.to(pl_module.device))
            beat(trainer)
        found = {f"{self.name}/{name}": value for name, value in curves(examination.finish()).items()}
        found[f"{self.name}/seconds"] = time.perf_counter() - started
        for logger in trainer.loggers:
            logger.log_metrics(found, step=trainer.global_step)
        return found
