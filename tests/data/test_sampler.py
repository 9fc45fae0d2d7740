"""Batches of ranks: everything once an epoch, whole blocks, the same count everywhere."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from videor1.data.mixture import EpochOrder
from videor1.data.record_file import Kind
from videor1.data.sampler import BlockSampler

KIND = Kind(data_type="video", problem_type="OCR", data_source="s")


def order(records, seed=0):
    return EpochOrder(np.zeros(records, int), [KIND], seed=seed)


def of_ranks(records, world, **settings):
    ranks = range(world)
    return [list(BlockSampler(order(records), rank=rank, world_size=world, **settings)) for rank in ranks]


@given(
    records=st.integers(1, 60),
    world=st.integers(1, 4),
    batch_size=st.integers(1, 5),
    accumulate=st.integers(1, 3),
    passes=st.integers(1, 3),
)
def test_every_record_comes_and_no_rank_runs_short(records, world, batch_size, accumulate, passes):
    ranks = of_ranks(records, world, batch_size=batch_size, accumulate=accumulate, passes=passes)
    assert len({len(batches) for batches in ranks}) == 1
    assert len(ranks[0]) == len(
        BlockSampler(
            order(records), world_size=world, batch_size=batch_size, accumulate=accumulate, passes=passes
        )
    )
    assert len(ranks[0]) % (accumulate * passes) == 0
    assert all(1 <= len(batch.numbers) <= batch_size for batches in ranks for batch in batches)
    seen = Counter(number for batches in ranks for batch in batches for number in batch.numbers)
    assert set(seen) == set(range(records))
    batches_a_block = world * accumulate
    if (
        records % (batch_size * batches_a_block) >= batches_a_block
        or records % (batch_size * batches_a_block) == 0
    ):
        assert set(seen.values()) == {passes}  # only a block with fewer records than batches repeats any


def test_a_block_comes_again_for_each_pass():
    batches = list(BlockSampler(order(8), batch_size=2, accumulate=2, passes=3))
    assert len(batches) == 12
    assert batches[0:2] == batches[2:4] == batches[4:6]
    assert batches[6:8] == batches[8:10] == batches[10:12]


def test_order_depends_on_seed_and_epoch_alone():
    sampler = BlockSampler(order(50, seed=3), batch_size=4)
    first, again = list(sampler), list(sampler)
    assert first == again
    assert list(BlockSampler(order(50, seed=3), batch_size=4, done=lambda: 13)) != first
    assert list(BlockSampler(order(50, seed=4), batch_size=4)) != first


def test_shares_make_a_mean_of_means_the_mean_over_the_block():
    """7 records on 2 ranks of 2 batches: 2, 2, 2, 1, which weigh as much as they have."""
    ranks = of_ranks(7, 2, batch_size=2, accumulate=2)
    batches = [batch for batches in ranks for batch in batches]
    assert sorted(batch.share for batch in batches) == [4 / 7, 8 / 7, 8 / 7, 8 / 7]
    mean = sum(batch.share * np.mean(batch.numbers) for batch in batches) / len(batches)
    assert mean == pytest.approx(np.mean(range(7)))


def test_the_last_batch_may_be_uneven():
    assert sorted(len(batch.numbers) for batch in BlockSampler(order(10), batch_size=4)) == [2, 4, 4]


@given(records=st.integers(1, 40), done=st.integers(0, 60), limit=st.one_of(st.none(), st.integers(1, 9)))
def test_an_iteration_goes_on_after_what_is_done(records, done, limit):
    def batches(done):
        return list(BlockSampler(order(records), batch_size=3, accumulate=2, done=lambda: done, limit=limit))

    length = len(BlockSampler(order(records), batch_size=3, accumulate=2))
    limit = min(limit or length, length)  # which `batches` sees too
    through = [batch for epoch in range(80) for batch in batches(epoch * limit)[:limit]]
    assert batches(done) == through[done : done + length]
