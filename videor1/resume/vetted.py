"""A Trainer that goes on from no checkpoint which could run code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lightning.pytorch import Trainer

from videor1.errors import ConfigError
from videor1.export.vet import vet


class VettedTrainer(Trainer):
    """Trainer whose checkpoints are read before its strategy loads them, which for some means unpickling."""

    def _run(self, model: Any, ckpt_path: Any = None, weights_only: bool | None = None) -> Any:
        """What `fit` and the other commands come to.

        Raises:
            ConfigError: the checkpoint might run code, or cannot be read.
        """
        if weights_only is False:
            raise ConfigError("weights_only: false would let a checkpoint run code; none of a run needs that")
        if ckpt_path is not None:
            weights_only = True  # and not what Lightning makes of null, which is another for addresses
            if Path(ckpt_path).exists():  # else Lightning says so
                vet(Path(ckpt_path))
        return super()._run(model, ckpt_path, weights_only)
