"""How much of the data could not be used so far."""

from __future__ import annotations

from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer


class DataHealth(Callback):
    """Logs `data/quarantined`, unusable records this rank has met, and `data/bad_share` of all it saw."""

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        # The command line's Trainer has a data module, which Lightning's types do not know.
        quarantine = trainer.datamodule.splits["train"].quarantine  # type: ignore[attr-defined]
        bad = len(quarantine.found)
        pl_module.log("data/quarantined", float(bad), batch_size=1)
        pl_module.log("data/bad_share", bad / quarantine.seen, batch_size=1)
