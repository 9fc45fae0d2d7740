"""Which records each rank sees, in what order: whole accumulation blocks, the same count on every rank."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, count, islice

import numpy as np
from torch.utils.data import Sampler

from videor1.data.mixture import EpochOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """The records of one batch."""

    numbers: tuple[int, ...]
    share: float  # its size over the mean size of its block's batches: 1 but in an uneven block


class BlockSampler(Sampler[Draw]):
    """Yields this rank's batches of record numbers, block by block.

    A block is what one optimizer step consumes: `accumulate` batches on each of `world_size` ranks. It is
    repeated `passes` times in a row (several updates on the same rollouts). All ranks cut the same order of
    the epoch, so none sees what another does. The last block of an epoch is uneven: its records are spread
    over all its batches, and only when there are fewer records than batches do some come again, since a rank
    without a batch would leave the others waiting in a collective.

    Batches are numbered through all epochs, and an iteration begins after those that are done. So a resumed
    run needs to remember no more than their number, wherever the Trainer takes an epoch to end: neither the
    loader nor its workers have a state.

    Args:
        order: the records of each epoch.
        batch_size: records in a batch.
        rank: this process, of `world_size`.
        world_size: processes that train.
        accumulate: batches of each rank in a block.
        passes: times that a block comes.
        done: batches of this rank that are done in all epochs; asked at the start of each iteration.
        limit: batches of an epoch that the Trainer takes; None for all.
    """

    def __init__(
        self,
        order: EpochOrder,
        *,
        batch_size: int,
        rank: int = 0,
        world_size: int = 1,
        accumulate: int = 1,
        passes: int = 1,
        done: Callable[[], int] = lambda: 0,
        limit: int | None = None,
    ) -> None:
        self.order = order
        self.batch_size = batch_size
        self.rank, self.world_size = rank, world_size
        self.accumulate, self.passes = accumulate, passes
        self.done = done
        self.limit = limit

    def __len__(self) -> int:
        return -(-len(self.order) // self._block_size) * self.accumulate * self.passes

    def __iter__(self) -> Iterator[Draw]:
        an_epoch = self.limit or len(self)
        epoch, begun = divmod(self.done(), an_epoch)
        epochs = (islice(self._batches(number), an_epoch) for number in count(epoch))
        yield from islice(chain.from_iterable(epochs), begun, begun + len(self))

    def _batches(self, epoch: int) -> Iterator[Draw]:
        order = self.order.draw(epoch)
        batches = self.world_size * self.accumulate
        for start in range(0, len(order), self._block_size):
            block = order[start : start + self._block_size]
            block = np.resize(block, max(len(block), batches))
            mine = np.array_split(block, batches)[self.rank :: self.world_size]
            mean = len(block) / batches
            for _ in range(self.passes):
                yield from (Draw(numbers=tuple(map(int, one)), share=len(one) / mean) for one in mine)

    @property
    def _block_size(self) -> int:
        return self.batch_size * self.world_size * self.accumulate
