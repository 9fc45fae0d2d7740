"""Records on disk as batches of prompts, read in the loader's workers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

import numpy as np
from torch.utils.data import Dataset

from videor1.data.batch import PromptBatch
from videor1.data.budget import lower, vision_tokens
from videor1.data.frames import ClipSettings
from videor1.data.media import MediaReader
from videor1.data.prompts import PromptBuilder
from videor1.data.quarantine import Quarantined, quarantined
from videor1.data.record_file import RecordFile
from videor1.errors import MediaError, RecordError, UserError
from videor1.types import Prompt, Record

_MOST_TRIES = (
    100  # for one place in a batch; a kind with so many unusable records in a row is not there at all
)

OnBad = Literal["replace", "skip", "raise"]


class PromptMaker:
    """Record → Prompt, within a budget of tokens.

    Args:
        media: reads the clips.
        clip: frames and pixels, where the budget allows.
        builder: writes the prompts.
        max_tokens: most tokens of a prompt and its response together.
        response_tokens: kept free for the response; None for those of the record's own target (SFT).
    """

    def __init__(
        self,
        media: MediaReader,
        *,
        clip: ClipSettings,
        builder: PromptBuilder,
        max_tokens: int,
        response_tokens: int | None,
    ) -> None:
        self.media = media
        self.clip = clip
        self.builder = builder
        self.max_tokens = max_tokens
        self.response_tokens = response_tokens

    def make(self, record: Record) -> Prompt:
        """The prompt of a record; media that would be too long are read again with less of them.

        Raises:
            MediaError: its file cannot be read.
            RecordError: its text cannot be a prompt, or does not fit beside the least of its media.
        """
        return self.fit(self.builder.build(record, self.media.read(record, self.clip)))

    def fit(self, prompt: Prompt) -> Prompt:
        """The prompt itself if it is within the budget, else the same question with less of its media.

        Raises:
            MediaError: its file cannot be read again.
            RecordError: it does not fit beside the least of its media, or see `reserved`.
        """
        record, clip = prompt.record, prompt.clip
        room = self.max_tokens - self.reserved(record) - (len(prompt.input_ids) - vision_tokens(clip))
        if vision_tokens(clip) <= room:
            return prompt
        fitting = lower(self.clip, clip, room)
        if fitting is not None:
            clip = self.media.read(record, fitting)
        if fitting is None or vision_tokens(clip) > room:
            raise RecordError(
                f"record {record.problem_id}: {max(room, 0)} of {self.max_tokens} tokens are left for its"
                " media, and that is too few"
            )
        return self.builder.build(record, clip)

    def reserved(self, record: Record) -> int:
        """Tokens kept free for the response.

        Raises:
            RecordError: a record without a target, where the target is what counts.
        """
        if self.response_tokens is not None:
            return self.response_tokens
        return self.builder.target_tokens(record)


class PromptDataset(Dataset[PromptBatch]):
    """Maps a list of record numbers to a `PromptBatch`; the sampler makes the lists.

    An unusable record is named in the batch it was drawn for, and the next record of its kind takes its
    place. Which one that is depends on the record file alone, so it is the same on every rank, in every pass
    and after a resume.

    Args:
        records: the record file.
        maker: makes the prompts.
        on_bad: "replace" as said, "skip" leaves its place empty, "raise" ends with its error.
        known_bad: record numbers that need not be tried.
    """

    def __init__(
        self,
        records: RecordFile,
        maker: PromptMaker,
        *,
        on_bad: OnBad = "replace",
        known_bad: Iterable[int] = (),
    ) -> None:
        self.records = records
        self.maker = maker
        self.on_bad = on_bad
        self._bad: dict[int, Quarantined | None] = dict.fromkeys(map(int, known_bad))

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, numbers: list[int]) -> PromptBatch:
        """Raises UserError when no record of a kind is left, or the record's error where `on_bad` says so."""
        bad: dict[int, Quarantined | None] = {}
        found = (self._prompt(number, bad) for number in numbers)
        prompts = [prompt for prompt in found if prompt is not None]
        return PromptBatch(prompts, quarantined=[one for one in bad.values() if one is not None])

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
        if self.on_bad == "skip":
            return None
        kind = self.records.kinds[self.records.kind_codes[number]]
        told = bad[number]
        cause = told.cause if told else "known to be bad"
        raise UserError(
            f"{self.records.where(number)}: neither it nor {len(bad) - 1} more of its kind ({kind.data_type},"
            f" {kind.problem_type}, {kind.data_source}) can be used: {cause}"
        )

    def _candidates(self, number: int) -> Iterator[int]:
        yield number
        if self.on_bad == "replace":
            same = np.flatnonzero(self.records.kind_codes == self.records.kind_codes[number])
            place = int(np.searchsorted(same, number))
            yield from np.concatenate([same[place + 1 :], same[:place]])[:_MOST_TRIES].tolist()
