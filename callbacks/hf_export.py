"""The policy as a Hugging Face folder at the end of a stage."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from lightning.pytorch import Callback, LightningModule, Trainer

from videor1.export.card import Origin, write_card
from videor1.export.command import export
from videor1.export.folder import export_folder
from videor1.export.plain import plain_model
from videor1.export.run import Run
from videor1.modules import PolicyModule
from videor1.policy.weights import PolicyWeights
from videor1.strategies import settle


class HFExport(Callback):
    """Writes `<run folder>/<folder>`, which the next stage, and plain transformers, start from.

    Weights that a strategy has cut into shards are gathered one by one, adapters merged.

    Args:
        folder: name inside the run's folder.
    """

    def __init__(self, *, folder: str = "hf") -> None:
        self.folder = folder
        self._written = False

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._written = False

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # on every rank: they gather the weights together
        policy: Any = pl_module.policy
        state = {}
        settle(trainer.strategy)
        for name, tensor in PolicyWeights(policy).tensors():
            if trainer.is_global_zero:
                state[name] = tensor.cpu()
        if trainer.is_global_zero:
            run = Path(trainer.default_root_dir)
            origin = Origin(
                checkpoint="end of training",
                path=run / self.folder,
                base=str(pl_module.policy_path),
                step=trainer.global_step,
            )
            export_folder(
                run / self.folder,
                plain_model(policy.config, policy.generation_config, policy.dtype),
                pl_module.processor,
                state=state,
                card=write_card(origin, Run.at(run)),
            )
        self._written = True

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # A run that was killed when all steps were done has nothing to train; its weights are gone from the
        # strategy by now, but they are those of the checkpoint.
        if self._written or trainer.ckpt_path is None or not trainer.is_global_zero:
            return
        assert isinstance(pl_module, PolicyModule)
        export(
            str(trainer.ckpt_path),
            str(Path(trainer.default_root_dir) / self.folder),
            base=str(pl_module.policy_path),
            dtype=cast(Any, str(pl_module.policy.dtype).removeprefix("torch.")),
        )
