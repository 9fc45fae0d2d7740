"""FSDP2: every parameter cut over all ranks, gathered layer by layer when it is its turn."""

from __future__ import annotations

from typing import Any

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.strategies import ModelParallelStrategy
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard, register_fsdp_forward_method

from videor1.errors import ConfigError
from videor1.policy.model import Policy


class ShardedStrategy(ModelParallelStrategy):
    """Lightning's strategy for FSDP2, with one data-parallel group of all processes.

    Lightning's "auto" sizes cut by tensors within a node and by data between nodes only, which shards nothing
    here. With precision bf16-mixed the shards are float32, what is gathered and computed with is bfloat16.

    Args:
        settings: see ModelParallelStrategy.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(tensor_parallel_size=1, **settings)

    def setup_environment(self) -> None:
        if self._data_parallel_size == "auto":
            self._data_parallel_size = self.num_nodes * self.num_processes
        super().setup_environment()

    def setup_optimizers(self, trainer: Trainer) -> None:
        super().setup_optimizers(trainer)
        for optimizer in self.optimizers:
            if type(optimizer).__module__.startswith("bitsandbytes."):
                raise ConfigError(
                    "model.optimizer: bitsandbytes knows no shards of FSDP2; take another strategy with it"
                )


def shard(model: Policy, mesh: DeviceMesh, *, precision: str) -> None:
    """Cuts up a model in place, each layer by itself, and all that belongs to no layer together.

    The model has to be used by `Policy.within`, which gathers the latter.
    """
    half = MixedPrecisionPolicy(param_dtype=torch.bfloat16, reduce_dtype=torch.float32)
    numbers = half if precision == "bf16-mixed" else MixedPrecisionPolicy()
    for unit in (*model.model.visual.blocks, *model.model.language_model.layers, model):
        fully_shard(unit, mesh=mesh, mp_policy=numbers, reshard_after_forward=True)
    register_fsdp_forward_method(model, "within")
