"""Rollouts one batch ahead: the engine writes to the next batch while this one is learned from."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass

import torch

from videor1.rollout.loop import RolloutLoop
from videor1.types import Group, Prompt


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pending:
    step: int
    place: int
    groups: Future[tuple[Group, ...]]


class AheadOfTime:
    """Begins rollouts in a thread of their own and hands them out when their batch comes.

    The engine must not be used otherwise between `begin` and `take` or `settle`: it does one thing at a time.

    Args:
        loop: collects groups.
    """

    def __init__(self, loop: RolloutLoop) -> None:
        self.loop = loop
        self._pending: _Pending | None = None

    def begin(self, prompts: Sequence[Prompt], *, step: int, place: int) -> None:
        """Starts what `loop.collect` does, with the weights that the engine has now."""
        device = torch.cuda.current_device() if torch.cuda.is_available() else None
        groups: Future[tuple[Group, ...]] = Future()

        def collect() -> None:
            try:
                if device is not None:  # a new thread begins with the first
                    torch.cuda.set_device(device)
                groups.set_result(self.loop.collect(prompts, step=step))
            except BaseException as error:  # it belongs to whoever takes the groups
                groups.set_exception(error)

        # a daemon: a run that is stopped does not wait for responses that nobody wants
        threading.Thread(target=collect, name="rollout", daemon=True).start()
        self._pending = _Pending(step=step, place=place, groups=groups)

    def take(self, *, step: int, place: int) -> tuple[Group, ...] | None:
        """The groups begun for this batch, waited for; None when none were, as at the start of a run.

        Raises whatever the engine raised.
        """
        pending, self._pending = self._pending, None
        if pending is None:
            return None
        groups = pending.groups.result()
        return groups if (pending.step, pending.place) == (step, place) else None

    def settle(self) -> None:
        """Waits until the engine is idle; what was begun can still be taken."""
        if self._pending is not None:
            self._pending.groups.exception()
