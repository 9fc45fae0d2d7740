"""A fixed part of a benchmark's questions, in which each task keeps its share."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

from videor1.types import Record


def stratified(records: Sequence[Record], count: int, *, seed: int) -> list[Record]:
    """`count` of the records in their order, all of them if there are no more.

    Each data_source gets its share of `count`, rounded by the largest remainder; which of its records come is
    drawn with `seed` and does not depend on the other sources' records.
    """
    if count >= len(records):
        return list(records)
    quota = _quotas(Counter(record.data_source for record in records), count)
    chosen: set[int] = set()
    for source, wanted in quota.items():
        places = [place for place, record in enumerate(records) if record.data_source == source]
        chosen.update(random.Random(f"{seed} {source}").sample(places, wanted))
    return [records[place] for place in sorted(chosen)]


def _quotas(sizes: Counter[str], count: int) -> dict[str, int]:
    total = sum(sizes.values())
    quota = {source: count * size // total for source, size in sizes.items()}
    by_remainder = sorted(sizes, key=lambda source: -(count * sizes[source] % total))
    for source in by_remainder[: count - sum(quota.values())]:
        quota[source] += 1
    return quota
