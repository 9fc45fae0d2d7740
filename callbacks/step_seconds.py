"""Where the time of a step goes, besides the parts that the module times itself."""

from __future__ import annotations

import time
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor
from torch.optim import Optimizer


class StepSeconds(Callback):
    """Logs `seconds/data` (waiting for the loader), `seconds/backward` and `seconds/step` of each batch."""

    def __init__(self) -> None:
        self._ended: float | None = None
        self._began = self._backward = 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._ended = None

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        self._began = time.perf_counter()
        if self._ended is not None:
            pl_module.log("seconds/data", self._began - self._ended, batch_size=1)

    def on_before_backward(self, trainer: Trainer, pl_module: LightningModule, loss: Tensor) -> None:
        self._backward = time.perf_counter()

    def on_after_backward(self, trainer: Trainer, pl_module: LightningModule) -> None:
        pl_module.log("seconds/backward", time.perf_counter() - self._backward, batch_size=1)

    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer
    ) -> None:
        self._backward = time.perf_counter()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self._ended = time.perf_counter()
        pl_module.log("seconds/step", self._ended - self._began, batch_size=1)
