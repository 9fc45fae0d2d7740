"""Where the time of a step goes, besides the parts that the module times itself."""

from __future__ import annotations

import time
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor
from torch.optim import Optimizer


class StepSeconds(Callback):
    """Logs `seconds/data` (between two batches), `seconds/backward`, `seconds/optimizer`, `seconds/step`."""

    def __init__(self) -> None:
        self._ended: float | None = None
        self._began = self._backward = 0.0
        self._optimizer: float | None = None

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
        self._optimizer = time.perf_counter()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self._ended = time.perf_counter()
        if self._optimizer is not None:  # not while gradients accumulate
            pl_module.log("seconds/optimizer", self._ended - self._optimizer, batch_size=1)
            self._optimizer = None
        pl_module.log("seconds/step", self._ended - self._began, batch_size=1)
