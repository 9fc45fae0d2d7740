"""Loaders of batches: one that Lightning may stop and resume anywhere, one that knows the next batch."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from typing import Any

from torch.utils.data import DataLoader

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
