"""ZeRO by DeepSpeed (arXiv 1910.02054), on GPUs, and on CPU processes to rehearse a run."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from lightning.fabric.utilities.seed import reset_seed
from lightning.pytorch.strategies import DeepSpeedStrategy
from torch import Tensor
from torch.optim import Optimizer

from videor1.errors import ConfigError

if not torch.cuda.is_available():
    # whoever imports DeepSpeed, as Lightning does in any case, is else warned on stdout that there is no GPU
    os.environ.setdefault("DS_ACCELERATOR", "cpu")


class ZeroStrategy(DeepSpeedStrategy):
    """Lightning's DeepSpeedStrategy that also runs on CPUs, and averages accumulated gradients once.

    Args:
        stage: 1 cuts the optimizer's state over all ranks, 2 the gradients too, 3 the weights too.
        offload_optimizer: keeps the optimizer's state in host memory, and steps there.
        offload_parameters: keeps the shards of stage 3 in host memory.
        exclude_frozen_parameters: leaves out of checkpoints what does not learn.
        settings: see DeepSpeedStrategy.
    """

    def __init__(
        self,
        stage: int = 2,
        *,
        offload_optimizer: bool = False,
        offload_parameters: bool = False,
        exclude_frozen_parameters: bool = True,
        **settings: Any,
    ) -> None:
        if stage not in (1, 2, 3):
            raise ConfigError(f"trainer.strategy.stage must be 1, 2 or 3, got {stage}")
        if offload_parameters and stage != 3:
            raise ConfigError("trainer.strategy.offload_parameters needs stage 3, which has shards of them")
        _check_installed()
        _prepare_for_cpu()
        super().__init__(
            stage=stage,
            offload_optimizer=offload_optimizer,
            offload_parameters=offload_parameters,
            exclude_frozen_parameters=exclude_frozen_parameters,
            # of use for its logs alone; it would ask the loader, which has none
            logging_batch_size_per_gpu=1,
            **settings,
        )
        assert isinstance(self.config, dict)
        # the config's optimizer steps in host memory too; DeepSpeed's own would be compiled at the first step
        self.config["zero_force_ds_cpu_optimizer"] = False
        # else stage 2 sums whole buckets on every rank and moves half as much again (benchmarks/scale.py)
        self.config["zero_optimization"]["use_multi_rank_bucket_allreduce"] = False

    @property
    def on_cpu(self) -> bool:
        """Whether its processes have no accelerator."""
        return self.root_device.type == "cpu"

    def setup_environment(self) -> None:
        if not self.on_cpu:
            super().setup_environment()
            return
        # else Lightning insists on a GPU in three places
        assert isinstance(self.config, dict)
        zero = self.config["zero_optimization"]
        zero["overlap_comm"] = False  # there are no streams to overlap
        zero["stage3_param_persistence_threshold"] = 0  # a rehearsal's tensors are all small
        # the device's index, which DeepSpeed compares with 0, and which a CPU does not have by itself
        self.parallel_devices = [torch.device("cpu", 0)] * self.num_processes
        super(DeepSpeedStrategy, self).setup_environment()

    def setup_distributed(self) -> None:
        if not self.on_cpu:
            super().setup_distributed()
            return
        reset_seed()
        self.set_world_ranks()
        self._init_deepspeed_distributed()  # type: ignore[no-untyped-call]

    def backward(
        self, closure_loss: Tensor, optimizer: Optimizer | None, *args: Any, **kwargs: Any
    ) -> Tensor:
        # Lightning has divided the loss by the batches it accumulates, and DeepSpeed would do so again
        return super().backward(closure_loss, optimizer, *args, scale_wrt_gas=False, **kwargs)


@contextmanager
def made_whole() -> Iterator[None]:
    """Within it new modules are whole, where ZeRO-3 would cut each up before it is given its first values."""
    from deepspeed.runtime.zero.partition_parameters import restore_init_context, shutdown_init_context

    shutdown_init_context()
    try:
        yield
    finally:
        restore_init_context()


def _check_installed() -> None:
    if importlib.util.find_spec("deepspeed") is None:
        raise ConfigError("trainer.strategy: ZeRO needs DeepSpeed: DS_BUILD_OPS=0 pip install deepspeed")


def _prepare_for_cpu() -> None:
    if torch.cuda.is_available():
        return
    import deepspeed.comm  # noqa: F401  # so that its module is there

    # collectives in shared memory, which would be compiled for a minute
    sys.modules["deepspeed.comm.torch"].build_shm_op = lambda: None  # type: ignore[attr-defined]
