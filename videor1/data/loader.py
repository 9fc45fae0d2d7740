"""Loaders of batches: one that Lightning may stop and resume anywhere, one that knows the next batch."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from videor1.data.batch import PromptBatch


class ResumableLoader(DataLoader[Any]):
    """Tells Lightning that a resume in mid-epoch is exact, which the sampler sees to."""

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """There is nothing to load."""


class LookingAheadLoader(ResumableLoader):
    """Gives each batch the one that follows it; the last of an iteration has none."""

    def __iter__(self) -> Iterator[PromptBatch]:  # type: ignore[override]  # its own iterator, wrapped
        batches: Iterator[PromptBatch] = super().__iter__()
        batch = next(batches, None)
        while batch is not None:
            following = next(batches, None)
            yield PromptBatch(
                batch.prompts,
                quarantined=batch.quarantined,
                drawn=batch.drawn,
                share=batch.share,
                following=following,
            )
            batch = following


def load(
    dataset: Dataset[PromptBatch],
    batches: Any,
    *,
    workers: int,
    seed: int,
    kind: type[ResumableLoader] = ResumableLoader,
    again: bool = False,
) -> ResumableLoader:
    """A loader of whole batches.

    Args:
        dataset: makes a batch of what the sampler gives.
        batches: the sampler.
        workers: processes; a single batch needs none.
        seed: of the loader's own numbers, which nothing depends on.
        kind: of loader.
        again: whether it is gone through many times, as in training. Workers then stay: forked later, they
            would keep a copy of all that the trainer has by then and goes on to change.
    """
    workers = workers if len(batches) > 1 else 0
    return kind(
        dataset,
        sampler=batches,
        batch_size=None,  # the sampler's items are whole batches already
        num_workers=workers,
        # else it would draw from the numbers of the whole process, in which an engine may be sampling
        generator=torch.Generator().manual_seed(seed),
        persistent_workers=again and workers > 0,
        worker_init_fn=outlive_signals,
    )


def outlive_signals(worker: int) -> None:
    """Clusters send SIGTERM to all processes of a job, and Ctrl-C reaches all of a terminal.

    The trainer needs its workers for the step under way, so of SIGTERM they obey its own alone, which ends
    them when it does.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    threading.Thread(target=_obey, args=(os.getppid(),), daemon=True).start()


def _obey(trainer: int) -> None:
    while signal.sigwaitinfo({signal.SIGTERM}).si_pid != trainer:
        pass
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    os.kill(os.getpid(), signal.SIGTERM)
