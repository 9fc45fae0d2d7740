"""A Trainer that begins nothing it cannot do, and goes on from no checkpoint which could run code."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

from lightning.pytorch import Trainer

from videor1.errors import ConfigError
from videor1.export.vet import vet
from videor1.feasible import check_run
from videor1.resume.in_use import in_use
from videor1.resume.outside import told


class VettedTrainer(Trainer):
    """Trainer whose checkpoints are read before its strategy loads them, which for some means unpickling."""

    def _run(self, model: Any, ckpt_path: Any = None, weights_only: bool | None = None) -> Any:
        """What `fit` and the other commands come to.

        Raises:
            ConfigError: the checkpoint might run code, or cannot be read; another process trains into the
                folder; or see `check_run`.
            UserError: of what the machine does meanwhile, see `told`.
        """
        if weights_only is False:
            raise ConfigError("weights_only: false would let a checkpoint run code; none of a run needs that")
        check_run(self, model, None if ckpt_path is None else Path(ckpt_path))
        if ckpt_path is not None:
            weights_only = True  # and not what Lightning makes of null, which is another for addresses
            if Path(ckpt_path).exists():  # no address
                vet(Path(ckpt_path))
        alone = self.state.fn == "fit" and self.is_global_zero
        run = Path(self.default_root_dir)
        with told(run), in_use(run) if alone else nullcontext():
            return super()._run(model, ckpt_path, weights_only)
