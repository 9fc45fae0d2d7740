"""Which questions of an examination each rank still has to ask."""

from __future__ import annotations

from collections.abc import Container, Sequence


def deal(
    questions: Sequence[int], *, size: int, done: Container[int] = (), rank: int = 0, world_size: int = 1
) -> list[list[int]]:
    """Batches of question numbers for one rank; all ranks get as many, the last of some may be empty.

    Batches are cut from all questions before those that are done are left out and before any are dealt. So a
    question is always read beside the same others, whatever was done before and however many ranks there are,
    and its answer is the same to the last bit. A batch of which anything is left to do is asked again as a
    whole. There is always one batch, be it empty, since an examination that is all done still has to end.

    Args:
        questions: all of them, in the order of the file.
        size: questions in a batch.
        done: those that need not be asked again.
        rank: of this process.
        world_size: processes that ask.
    """
    batches = [list(questions[start : start + size]) for start in range(0, len(questions), size)]
    left = [batch for batch in batches if not all(number in done for number in batch)]
    most = max(1, -(-len(left) // world_size))
    mine = left[rank::world_size]
    return mine + [[] for _ in range(most - len(mine))]
