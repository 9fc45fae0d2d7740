"""Batches of an examination: the same whatever is done and however many ranks there are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from videor1.data.deal import deal


def test_by_hand():
    questions = [10, 11, 12, 13, 14, 15, 16]
    assert deal(questions, size=3) == [[10, 11, 12], [13, 14, 15], [16]]
    assert deal(questions, size=3, rank=0, world_size=2) == [[10, 11, 12], [16]]
    assert deal(questions, size=3, rank=1, world_size=2) == [[13, 14, 15], []]
    assert deal(questions, size=3, done={13, 15}) == [
        [10, 11, 12],
        [13, 14, 15],
        [16],
    ]  # 14 is left: all of it
    assert deal(questions, size=3, done={10, 11, 12, 16}, rank=1, world_size=2) == [[]]
    assert deal(questions, size=3, done=set(questions)) == [[]]


@given(
    count=st.integers(0, 40),
    size=st.integers(1, 7),
    done=st.sets(st.integers(0, 39)),
    ranks=st.integers(1, 5),
)
def test_every_open_question_comes_once_in_the_batch_it_always_has(count, size, done, ranks):
    everything = deal(range(count), size=size)
    dealt = [deal(range(count), size=size, done=done, rank=rank, world_size=ranks) for rank in range(ranks)]
    assert len({len(batches) for batches in dealt}) == 1  # ranks that share an engine ask it together
    asked = [batch for batches in dealt for batch in batches if batch]
    assert all(batch in everything for batch in asked)
    numbers = [number for batch in asked for number in batch]
    assert len(numbers) == len(set(numbers))
    assert set(range(count)) - done <= set(numbers)
    assert all(set(batch) - done for batch in asked)
