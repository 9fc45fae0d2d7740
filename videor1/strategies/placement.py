"""A model into a strategy's hands: whole, or cut into shards while it is loaded."""

from __future__ import annotations

from collections.abc import Callable

from lightning.pytorch.strategies import DeepSpeedStrategy, ModelParallelStrategy, Strategy
from transformers.integrations import HfDeepSpeedConfig

from videor1.policy.model import Policy
from videor1.strategies.sharded import shard
from videor1.strategies.zero import made_whole

Load = Callable[[], Policy]
Prepare = Callable[[Policy], None]


def place(strategy: Strategy, load: Load, prepare: Prepare, *, precision: str) -> Policy:
    """The model that `load` loads, as the strategy holds it; for `LightningModule.configure_model`.

    Args:
        strategy: of the Trainer.
        load: called once.
        prepare: says what of the model learns and how, before it is cut up, or after under ZeRO-3; what it
            adds is made whole.
        precision: of the Trainer.
    """
    if isinstance(strategy, DeepSpeedStrategy) and strategy.zero_stage_3:
        # while it lives, transformers loads weights tensor by tensor into shards
        alive = HfDeepSpeedConfig(strategy.config)
        model = load()
        del alive
        with made_whole():
            prepare(model)
        return model
    model = load()
    prepare(model)
    if isinstance(strategy, ModelParallelStrategy):
        shard(model, strategy.device_mesh["data_parallel"], precision=precision)
    return model


def holds_shards(strategy: Strategy) -> bool:
    """Whether no process has the whole model."""
    cut = isinstance(strategy, DeepSpeedStrategy) and strategy.zero_stage_3
    return cut or isinstance(strategy, ModelParallelStrategy)


def settle(strategy: Strategy) -> None:
    """To be called before weights are gathered one by one.

    ZeRO-3 begins to gather what the last step used next, and a tensor on its way can be gathered by nobody
    else; these are waited for and given back.
    """
    if isinstance(strategy, DeepSpeedStrategy) and strategy.zero_stage_3:
        strategy.deepspeed_engine.optimizer.empty_partition_cache()
