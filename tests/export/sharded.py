"""A callback that leaves the whole weights of a run whose policy is in shards."""

from __future__ import annotations

from pathlib import Path

import torch
from lightning.pytorch import Callback
from lightning.pytorch.strategies import ModelParallelStrategy
from torch.distributed.tensor import DTensor

from videor1.policy.weights import PolicyWeights
from videor1.strategies import settle


class Truth(Callback):
    """Leaves the whole weights that training ended with, apart from checkpoints and exports."""

    def on_train_end(self, trainer, pl_module):
        learns = [parameter for parameter in pl_module.policy.parameters() if parameter.requires_grad]
        if isinstance(trainer.strategy, ModelParallelStrategy):
            assert all(isinstance(p, DTensor) and p.device_mesh.size() == 2 for p in learns)
            trainer.strategy._save_distributed_checkpoint = False  # its other kind, from the same run
            trainer.save_checkpoint(Path(trainer.default_root_dir) / "whole.ckpt")
            trainer.strategy._save_distributed_checkpoint = True
        elif trainer.strategy.zero_stage_3:
            assert all(parameter.numel() == 0 < parameter.ds_numel for parameter in learns)
        settle(trainer.strategy)
        whole = {name: tensor.clone() for name, tensor in PolicyWeights(pl_module.policy).tensors()}
        if trainer.is_global_zero:
            torch.save(whole, Path(trainer.default_root_dir) / "truth.pt")
