"""How a run is spread over processes: Lightning's strategies, made to fit these models and to run anywhere.

    "auto", "ddp"      Lightning's own: everything whole on each device
    ZeroStrategy       DeepSpeed's ZeRO 1 to 3
    ShardedStrategy    FSDP2

Modules know no strategy: they load a model by `place`, ask `holds_shards` whether it is whole, and let the
strategy `settle` before they gather it. `skipping` leaves out a step on all ranks.
"""

from videor1.strategies.placement import holds_shards, place, settle
from videor1.strategies.sharded import ShardedStrategy
from videor1.strategies.skipping import drop_unsound_gradients, left_out_by_itself
from videor1.strategies.zero import ZeroStrategy

__all__ = [
    "ShardedStrategy",
    "ZeroStrategy",
    "drop_unsound_gradients",
    "holds_shards",
    "left_out_by_itself",
    "place",
    "settle",
]
