"""Where in training a checkpoint holds all there is."""

from __future__ import annotations

from typing import Any


def is_whole(trainer: Any, passes: int) -> bool:
    """Whether a block of batches is done, so that neither gradients nor rollouts are under way.

    Args:
        trainer: that trains.
        passes: times that a block of batches comes in a row.
    """
    progress = trainer.fit_loop.epoch_loop.batch_progress
    done = progress.current.processed
    if progress.current.ready != done:  # within a batch
        return False
    return progress.is_last_batch or done % (trainer.accumulate_grad_batches * passes) == 0
