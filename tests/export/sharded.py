"""A policy in shards on CPU processes: FSDP2 by ModelParallelStrategy, ZeRO by DeepSpeedStrategy."""

from __future__ import annotations

import argparse
import importlib
import os
from pathlib import Path

import torch
from lightning.fabric.utilities.seed import reset_seed
from lightning.pytorch import Callback
from lightning.pytorch.strategies import DeepSpeedStrategy, ModelParallelStrategy
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor

from tests.policy.plain import plain_logprobs
from videor1.modules import PolicyModule
from videor1.policy.weights import PolicyWeights

RESPONSE = torch.arange(30, 40)


class Learner(PolicyModule):
    """Learns one response to every prompt by the model's own forward, which is what shards wait for."""

    def configure_model(self) -> None:
        strategy = self.trainer.strategy
        if isinstance(strategy, DeepSpeedStrategy):
            from transformers.integrations import HfDeepSpeedConfig

            self.shards = HfDeepSpeedConfig(strategy.config)  # as long as it lives, weights load into shards
        fresh = self.model is None
        super().configure_model()
        if fresh and isinstance(strategy, ModelParallelStrategy):
            mesh = self.device_mesh["data_parallel"]
            for block in list(self.policy.modules()):
                if type(block).__name__ in ("Qwen2_5_VLDecoderLayer", "Qwen2_5_VLVisionBlock"):
                    fully_shard(block, mesh=mesh)
            fully_shard(self.policy, mesh=mesh)

    def configure_optimizers(self):
        return torch.optim.AdamW([p for p in self.policy.parameters() if p.requires_grad], lr=1e-4)

    def training_step(self, batch, batch_idx):
        return -torch.stack([plain_logprobs(self.policy, p, RESPONSE).mean() for p in batch.prompts]).mean()


class Truth(Callback):
    """Leaves the whole weights that training ended with, apart from checkpoints and exports."""

    def on_train_end(self, trainer, pl_module):
        if isinstance(trainer.strategy, ModelParallelStrategy):
            assert all(isinstance(p, DTensor) and p.device_mesh.size() == 2 for p in pl_module.parameters())
            trainer.strategy._save_distributed_checkpoint = False  # its other kind, from the same run
            trainer.save_checkpoint(Path(trainer.default_root_dir) / "whole.ckpt")
            trainer.strategy._save_distributed_checkpoint = True
        whole = {name: tensor.clone() for name, tensor in PolicyWeights(pl_module.policy).tensors()}
        if trainer.is_global_zero:
            torch.save(whole, Path(trainer.default_root_dir) / "truth.pt")


class CPUZero(DeepSpeedStrategy):
    """DeepSpeedStrategy without the three places where it insists on a GPU."""

    def __init__(self, stage: int = 2, exclude_frozen_parameters: bool = False) -> None:
        os.environ["DS_ACCELERATOR"] = "cpu"
        module = importlib.import_module("deepspeed.comm.torch")
        module.build_shm_op = lambda: None  # would be compiled
        zero = {"stage": stage, "overlap_comm": False, "stage3_param_persistence_threshold": 0}
        config = {"zero_optimization": zero, "zero_allow_untested_optimizer": True}
        config |= {"train_micro_batch_size_per_gpu": 1}  # which it would ask the loader's batch_sampler for
        super().__init__(config=config, exclude_frozen_parameters=exclude_frozen_parameters)

    def setup_environment(self) -> None:
        super(DeepSpeedStrategy, self).setup_environment()

    def setup_distributed(self) -> None:
        reset_seed()
        self.set_world_ranks()
        self._init_deepspeed_distributed()

    def _setup_model_and_optimizer(self, model, optimizer, lr_scheduler=None):
        import deepspeed

        engine, optimizer, _, _ = deepspeed.initialize(
            args=argparse.Namespace(device_rank=self.local_rank),
            config=self.config,
            model=model,
            model_parameters=[parameter for parameter in model.parameters() if parameter.requires_grad],
            optimizer=optimizer,
            lr_scheduler=lr_scheduler,
            dist_init_required=False,
        )
        return engine, optimizer
