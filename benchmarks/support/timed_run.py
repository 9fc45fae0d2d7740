"""One T-GRPO run, as `cli.py fit` does it, and the seconds of each part of its steps.

    python -m benchmarks.support.timed_run --model FOLDER --data FOLDER [--questions 1] [--tokens 64]
        [--steps 4] [--accelerator cpu] [--precision 32-true]

The data folder holds `records.json` and the media it names. Every response has exactly --tokens tokens.
The only line is one JSON object: seconds by part of every step, tokens generated and read a step, peak
memory of the process, and of the GPU where it ran on one.
"""

from __future__ import annotations

import argparse
import json
import logging
import time
import warnings
from collections import defaultdict
from pathlib import Path
from typing import Any

import torch
import transformers
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers.logger import Logger
from torch.optim import AdamW, Optimizer

from benchmarks.support.measured import peak_mb
from videor1.data.cache import CacheSettings
from videor1.data.datamodule import VideoDataModule
from videor1.data.frames import ClipSettings
from videor1.modules import TGRPOModule
from videor1.modules.schedule import LearningRateSchedule
from videor1.objective import LossSettings
from videor1.rollout.agreement import AgreementSettings
from videor1.rollout.engine import Engine, Sampling
from videor1.rollout.hf import HFEngine
from videor1.rollout.settings import RolloutSettings
from videor1.trainer import VideoTrainer

_OWN = ("rollout", "reward", "reference")  # parts that the module times itself


class EndlessModule(TGRPOModule):
    """T-GRPO whose engine never draws an end token, so that every response is as long as it may be."""

    @property
    def engine(self) -> Engine:
        engine = super().engine
        assert isinstance(engine, HFEngine)
        engine.forbidden_ids = sorted({*engine.forbidden_ids, *engine.end_ids})
        return engine


class LastFigures(Logger):
    """Keeps what the module logged last."""

    name, version = "figures", 0

    def __init__(self) -> None:
        super().__init__()
        self.values: dict[str, float] = {}

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        self.values.update(metrics)

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        pass


class StepParts(Callback):
    """The seconds of each part of every step; they add up to the step, from the end of one to the next's.

    `data` is the wait for the batch, `forward` the policy's pass and the loss; `backward` includes zero_grad
    and `optimizer` the clipping.
    """

    def __init__(self, figures: LastFigures) -> None:
        self.figures = figures
        self.steps: dict[str, list[float]] = defaultdict(list)
        self.lengths: list[int] = []  # of the last step's responses, in tokens
        self.prompt_tokens = 0  # of the last step's first question
        self._ended = self._began = self._scored = self._differentiated = 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._ended = time.perf_counter()

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        self._began = time.perf_counter()

    def on_before_zero_grad(self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer) -> None:
        self._scored = time.perf_counter()  # Lightning does it between the loss and its backward pass

    def on_after_backward(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._differentiated = time.perf_counter()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        now = time.perf_counter()
        own = {part: self.figures.values[f"seconds/{part}"] for part in _OWN}
        parts = {
            "data": self._began - self._ended,
            **own,
            "forward": self._scored - self._began - sum(own.values()),
            "backward": self._differentiated - self._scored,
            "optimizer": now - self._differentiated,
            "step": now - self._ended,
        }
        for part, seconds in parts.items():
            self.steps[part].append(seconds)
        assert isinstance(pl_module, TGRPOModule)
        groups = pl_module.experiences[0].groups
        self.lengths = [len(one.token_ids) for group in groups for one in (*group.ordered, *group.shuffled)]
        self.prompt_tokens = len(groups[0].prompt.input_ids)
        self._ended = time.perf_counter()


def train(
    model: Path,
    data: Path,
    *,
    questions: int,
    tokens: int,
    steps: int,
    accelerator: str = "cpu",
    precision: Any = "32-true",
) -> StepParts:
    """The run: G = 8 and G~ = 4, beta 0.04, every other setting as in the recipe but the model's size."""
    figures = LastFigures()
    parts = StepParts(figures)
    trainer = VideoTrainer(
        accelerator=accelerator,
        devices=1,
        precision=precision,
        max_steps=steps,
        gradient_clip_val=5.0,
        logger=figures,
        callbacks=[parts],
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        default_root_dir=data / "run",
    )
    module = EndlessModule(
        str(model),
        rollout=RolloutSettings(
            group_size=8,
            shuffled_size=4,
            sampling=Sampling(max_new_tokens=tokens),
            agreement=AgreementSettings(
                every=0
            ),  # the engine never ends a response, the trainer knows no better
        ),
        loss=LossSettings(beta=0.04),
        optimizer=lambda parameters: AdamW(parameters, lr=1e-6, weight_decay=0.01, fused=True),
        schedule=LearningRateSchedule(shape="constant"),
    )
    datamodule = VideoDataModule(
        str(data),
        train="records.json",
        batch_size=questions,
        workers=1,
        clip=ClipSettings(max_frames=64),
        cache=CacheSettings(folder=str(data / "cache")),
        strict=True,
    )
    trainer.fit(module, datamodule=datamodule)
    if set(parts.lengths) != {tokens}:
        raise RuntimeError(f"responses of {sorted(set(parts.lengths))} tokens, all were to have {tokens}")
    return parts


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--questions", type=int, default=1)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--accelerator", default="cpu")
    parser.add_argument("--precision", default="32-true")
    options = parser.parse_args()
    transformers.logging.disable_progress_bar()
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    warnings.filterwarnings(
        "ignore", module="lightning"
    )  # of hardware, validation and workers: all on purpose
    parts = train(
        options.model,
        options.data,
        questions=options.questions,
        tokens=options.tokens,
        steps=options.steps,
        accelerator=options.accelerator,
        precision=options.precision,
    )
    told = {
        "steps": parts.steps,
        "tokens": sum(parts.lengths),
        "prompt_tokens": parts.prompt_tokens,
        "peak_mb": round(peak_mb(), 1),
    }
    if options.accelerator != "cpu":
        told["gpu_peak_mb"] = round(torch.cuda.max_memory_allocated() / 2**20, 1)
    print(json.dumps(told))


if __name__ == "__main__":
    main()
