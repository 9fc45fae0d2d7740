"""Checkpoints of one file, written straight to where they belong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO


class PlainFileIO(TorchCheckpointIO):
    """Streams into the file; `VideoTrainer.save_checkpoint` renames what is complete.

    Lightning's own makes the whole file in memory, then a copy in the folder for temporary files, which stays
    there when the process is killed.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None
    ) -> None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        torch.save(checkpoint, path)
