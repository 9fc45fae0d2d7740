"""Groups for a training run: from an engine that follows the policy, is checked, and may work ahead."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from videor1.rollout.agreement import Agreement, Difference
from videor1.rollout.ahead import AheadOfTime
from videor1.rollout.loop import RolloutLoop
from videor1.types import Group, Prompt


class GroupSource:
    """Where a run's groups come from.

    Args:
        loop: samples them.
        sync: gives the loop's engine, once it is idle, the policy's weights as they are; on every rank at the
            same time.
        agreement: compares the engine with the trainer.
    """

    def __init__(self, loop: RolloutLoop, sync: Callable[[], None], agreement: Agreement) -> None:
        self.loop = loop
        self.agreement = agreement
        self.difference: Difference | None = None  # of the last `collect`, if it made a check
        self._sync = sync
        self._ahead = AheadOfTime(loop)

    def collect(self, prompts: Sequence[Prompt], *, step: int, place: int, check: bool) -> tuple[Group, ...]:
        """One group a prompt: those begun earlier for this batch, or new ones.

        Args:
            check: compare the engine with the trainer, if it is time for that.

        Raises:
            EngineError: the engine died, hangs, or differs from the trainer.
        """
        groups = self._ahead.take(step=step, place=place)
        self._sync()
        self.difference = None
        if check and self.agreement.due(step):
            self.difference = self.agreement.check(prompts, step=step)
        return self.loop.collect(prompts, step=step) if groups is None else groups

    def collect_again(self, prompts: Sequence[Prompt], *, step: int, attempt: int) -> tuple[Group, ...]:
        """Other groups for some of the prompts that were collected last; attempts are numbered from 1."""
        return self.loop.collect(prompts, step=step, stream=attempt)

    def begin(self, prompts: Sequence[Prompt], *, step: int, place: int) -> None:
        """Starts on groups that `collect` is to hand out later, with the policy as it is now."""
        self._sync()
        self._ahead.begin(prompts, step=step, place=place)

    def settle(self) -> None:
        """Waits until the engine is free for others; what was begun can still be collected."""
        self._ahead.settle()
