"""The policy as a Hugging Face folder at the end of a stage."""

from __future__ import annotations

from pathlib import Path

from lightning.pytorch import Callback, LightningModule, Trainer

from videor1.export import export_folder


class HFExport(Callback):
    """Writes `<run folder>/<folder>`, which the next stage, and plain transformers, start from.

    Args:
        folder: name inside the run's folder.
    """

    def __init__(self, *, folder: str = "hf") -> None:
        self.folder = folder

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # on every rank: a sharded strategy gathers the weights together
        state = trainer.strategy.lightning_module_state_dict()
        if trainer.is_global_zero:
            prefix = "model."
            weights = {
                name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)
            }
            folder = Path(trainer.default_root_dir) / self.folder
            export_folder(folder, pl_module.policy, pl_module.processor, state=weights)
