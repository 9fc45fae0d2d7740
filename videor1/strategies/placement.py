"""A model into a strategy's hands: whole, or cut into shards while it is loaded."""

from __future__ import annotations

from collections.abc import Callable

from lightning.pytorch.strategies import DeepSpeedStrategy, ModelParallelStrategy, Strategy
from transformers.integrations import HfDeepSpeedConfig

from videor1.policy.model import Policy
from videor1.strategies.sharded import shard

Load = Callable[[], Policy]


def place(strategy: Strategy, load: Load, *, precision: str) -> Policy:
    """The model that `load` loads, as the strategy holds it; for `LightningModule.configure_model`.

    Args:
        strategy: of the Trainer.
        load: called once.
        precision: of the Trainer.
    """
    if isinstance(strategy, DeepSpeedStrategy) and strategy.zero_stage_3:
        # while it lives, transformers loads weights tensor by tensor into shards
        alive = HfDeepSpeedConfig(strategy.config)
        model = load()
        del alive
        return model
    model = load()
    if isinstance(strategy, ModelParallelStrategy):
        shard(model, strategy.device_mesh["data_parallel"], precision=precision)
    return model


def holds_shards(strategy: Strategy) -> bool:
    """Whether no process has the whole model."""
    cut = isinstance(strategy, DeepSpeedStrategy) and strategy.zero_stage_3
    return cut or isinstance(strategy, ModelParallelStrategy)
