"""Steps that are not finite teach nothing: they are left out, told of, and too many in a row end the run.

A micro-batch with something NaN or infinite gets a loss of NaN, whatever it was, so that its gradients carry
it to all ranks; gradients that are infinite by themselves do so too. They are looked at once, before the
optimizer's step, also those of accumulated batches. Then no rank makes this step: weights, moments and their
counts stay as they are. It counts as done for everything else: global_step and the learning rate's schedule
move on, and the records are not asked again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Trainer
from torch import Tensor

from videor1.errors import NumbersError
from videor1.files import append_lines
from videor1.modules.finite import unsound_rows
from videor1.types import Record

FILE = "numbers.jsonl"  # in the run's folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What of which records was not finite."""

    what: str
    records: tuple[int | str | None, ...]  # problem_id, each once


class StepGuard:
    """Watches the steps of one rank.

    Args:
        bad_steps: this many left out in a row end the run.
    """

    def __init__(self, bad_steps: int) -> None:
        self.bad_steps = bad_steps
        self.in_a_row = 0
        self._seen: dict[int | str | None, None] = {}  # records of the step under way, in order
        self._found: list[Finding] = []

    @property
    def has_found(self) -> bool:
        """Whether something of this rank's was not finite before its gradients were."""
        return bool(self._found)

    def admit(
        self, loss: Tensor, values: Mapping[str, Tensor | None], mask: Tensor, owners: Sequence[Record]
    ) -> Tensor:
        """The loss of a micro-batch, or NaN where anything about it is not finite.

        Args:
            loss: scalar.
            values: (N,) or (N, L) each, what the loss was made of.
            mask: (N, L) bool, True at response tokens.
            owners: N, whose responses these are.
        """
        self._seen |= dict.fromkeys(record.problem_id for record in owners)
        found = [
            Finding(what=name, records=_each_once([owners[row] for row in rows]))
            for name, rows in unsound_rows(values, mask).items()
        ]
        if not found and not torch.isfinite(loss.detach()):
            found = [Finding(what="loss", records=_each_once(owners))]
        self._found += found
        return loss * math.nan if found else loss

    def step_done(self, trainer: Trainer, *, left_out: bool) -> str | None:
        """Closes a step, on all ranks together.

        Returns:
            A line about it, where it was left out.

        Raises:
            NumbersError: it was the last of too many.
        """
        found, seen = self._found, tuple(self._seen)
        self._found, self._seen = [], {}
        if not left_out:
            self.in_a_row = 0
            return None
        self.in_a_row += 1
        step = trainer.global_step + 1
        found, seen = _over_ranks(trainer, found, seen)
        found = found or [Finding(what="gradient", records=seen)]
        if trainer.is_global_zero:
            _append(trainer, {"step": step, "left_out": True, "found": [asdict(one) for one in found]})
        told = "; ".join(f"{one.what} of {_named(one.records)}" for one in found)
        line = f"Warning at step {step}, not finite: {told}; the step is left out"
        if self.in_a_row >= self.bad_steps:
            raise NumbersError(
                f"step {step}, not finite: {told}; that is {self.in_a_row} steps in a row, and"
                f" model.numbers.bad_steps is {self.bad_steps}. All are in"
                f" {Path(trainer.default_root_dir) / FILE}"
            )
        return line


def _over_ranks(
    trainer: Trainer, found: list[Finding], seen: tuple[int | str | None, ...]
) -> tuple[list[Finding], tuple[int | str | None, ...]]:
    if trainer.world_size == 1:
        return found, seen
    every: list[Any] = [None] * trainer.world_size
    torch.distributed.all_gather_object(every, (found, seen))
    names = dict.fromkeys(one.what for mine, _ in every for one in mine)
    merged = [
        Finding(
            what=name,
            records=tuple(
                dict.fromkeys(
                    record for mine, _ in every for one in mine if one.what == name for record in one.records
                )
            ),
        )
        for name in names
    ]
    return merged, tuple(dict.fromkeys(record for _, theirs in every for record in theirs))


def _append(trainer: Trainer, line: dict[str, Any]) -> None:
    append_lines(Path(trainer.default_root_dir) / FILE, [line])


def _each_once(records: Sequence[Record]) -> tuple[int | str | None, ...]:
    return tuple(dict.fromkeys(record.problem_id for record in records))


def _named(records: Sequence[int | str | None], *, most: int = 8) -> str:
    named = ", ".join(map(str, records[:most]))
    more = len(records) - most
    return f"record {named}" if len(records) == 1 else f"records {named}" + (f" and {more} more" * (more > 0))
