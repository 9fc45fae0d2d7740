"""What an epoch of training draws: `data.mixture` applied to the records that are left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from videor1.data.mixture import Share
from videor1.data.sampler import BlockSampler
from videor1.data.split import Split


def epoch(
    split: Split,
    mixture: Sequence[Share],
    *,
    seed: int,
    batch_size: int,
    ranks: int,
    accumulate: int,
    passes: int,
) -> dict[str, Any]:
    """The "epoch" of `audit.json`: records drawn, steps of the optimizer, and the first epoch by data_source.

    Raises:
        ConfigError: the mixture does not fit the records.
    """
    order = split.order(mixture, seed=seed)
    sampler = BlockSampler(
        order, batch_size=batch_size, world_size=ranks, accumulate=accumulate, passes=passes
    )
    codes = split.records.kind_codes[order.draw(0)].tolist()
    return {
        "records": len(order),
        "steps": len(sampler) // accumulate,
        "ranks": ranks,
        "batch_size": batch_size,
        "accumulate": accumulate,
        "passes": passes,
        "sources": dict(sorted(Counter(split.records.kinds[code].data_source for code in codes).items())),
    }
