"""Records on disk as batches of prompts, read in the loader's workers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

import numpy as np
from torch.utils.data import Dataset

from videor1.data.batch import PromptBatch
from videor1.data.maker import PromptMaker
from videor1.data.quarantine import Quarantined, quarantined
from videor1.data.record_file import RecordFile
from videor1.data.sampler import Draw
from videor1.errors import MediaError, RecordError
from videor1.types import Prompt

_MOST_TRIES = 100  # a kind with so many unusable records in a row is taken not to be there at all

OnBad = Literal["replace", "skip", "raise"]


class PromptDataset(Dataset[PromptBatch]):
    """Maps record numbers to a `PromptBatch`; the sampler draws them.

    An unusable record is named in the batch it was drawn for, and the next record of its kind takes its
    place, or, where a kind is not there at all, the next of its types, or the next of all. Which one that is
    depends on the record file and the mixture alone, so it is the same on every rank, in every pass and after
    a resume.

    Args:
        records: the record file.
        maker: makes the prompts.
        on_bad: "replace" as said, "skip" leaves its place empty, "raise" ends with its error.
        known_bad: record numbers that need not be tried.
        stand_ins: numbers of the records that may take a place, ascending: those that the mixture draws from.
            None for all.
    """

    def __init__(
        self,
        records: RecordFile,
        maker: PromptMaker,
        *,
        on_bad: OnBad = "replace",
        known_bad: Iterable[int] = (),
        stand_ins: np.ndarray | None = None,
    ) -> None:
        self.records = records
        self.maker = maker
        self.on_bad = on_bad
        self.stand_ins = np.arange(len(records)) if stand_ins is None else stand_ins
        self._bad: dict[int, Quarantined | None] = dict.fromkeys(map(int, known_bad))

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, drawn: Draw | Sequence[int]) -> PromptBatch:
        """The batch; a place stays empty where nothing at all could be found for it.

        Raises:
            MediaError, RecordError: where `on_bad` says so.
        """
        numbers, share = (drawn.numbers, drawn.share) if isinstance(drawn, Draw) else (drawn, 1.0)
        bad: dict[int, Quarantined | None] = {}
        found = (self._prompt(number, bad) for number in numbers)
        prompts = [prompt for prompt in found if prompt is not None]
        quarantined = [one for one in bad.values() if one is not None]
        return PromptBatch(prompts, quarantined=quarantined, drawn=numbers, share=share)

    def _prompt(self, number: int, bad: dict[int, Quarantined | None]) -> Prompt | None:
        for candidate in self._candidates(number):
            if candidate not in self._bad:
                record = self.records[candidate]
                try:
                    return self.maker.make(record)
                except (MediaError, RecordError) as error:
                    if self.on_bad == "raise":
                        raise
                    position = int(self.records.positions[candidate])
                    self._bad[candidate] = quarantined(record, error, self.records.path, position)
            bad[candidate] = self._bad[candidate]
        return None

    def _candidates(self, number: int) -> Iterator[int]:
        yield number
        if self.on_bad != "replace":
            return
        kind = self.records.kinds[self.records.kind_codes[number]]
        same_types = [
            (other.data_type, other.problem_type) == (kind.data_type, kind.problem_type)
            for other in self.records.kinds
        ]
        for like in ([other == kind for other in self.records.kinds], same_types, [True] * len(same_types)):
            same = self.stand_ins[np.array(like)[self.records.kind_codes[self.stand_ins]]]
            later = int(np.searchsorted(same, number, side="right"))
            yield from np.roll(same, -later)[:_MOST_TRIES].tolist()
