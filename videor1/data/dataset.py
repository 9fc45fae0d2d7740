"""Records on disk as batches of prompts, decoded in the loader's workers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from videor1.data.frames import ClipSettings, read_media
from videor1.data.prompts import PromptBuilder
from videor1.types import Clip, Prompt, Record


class PromptBatch:
    """B prompts that travel from loader to device together.

    No dataclass and no sequence on purpose: Lightning rebuilds those tensor by tensor, which frozen values
    refuse, while an object with `.to` is moved as it is.
    """

    def __init__(self, prompts: Sequence[Prompt]) -> None:
        self.prompts = tuple(prompts)

    def __len__(self) -> int:
        return len(self.prompts)

    def __reduce__(self) -> tuple[Any, ...]:
        """Crosses from worker to trainer as three tensors a batch: each one sent costs a file descriptor."""
        parts = [(p.record, p.clip, len(p.input_ids), len(p.pixel_values)) for p in self.prompts]
        ids, pixels, grids = (
            torch.cat([getattr(prompt, name) for prompt in self.prompts])
            for name in ("input_ids", "pixel_values", "grid_thw")
        )
        return _rebuild, (parts, ids, pixels, grids)

    def to(self, device: torch.device | str) -> PromptBatch:
        """The same prompts with their tensors on `device`."""
        return PromptBatch(
            [
                replace(
                    prompt,
                    input_ids=prompt.input_ids.to(device),
                    pixel_values=prompt.pixel_values.to(device),
                    grid_thw=prompt.grid_thw.to(device),
                )
                for prompt in self.prompts
            ]
        )


def _rebuild(
    parts: list[tuple[Record, Clip, int, int]], ids: Tensor, pixels: Tensor, grids: Tensor
) -> PromptBatch:
    columns = zip(
        parts,
        ids.split([tokens for _, _, tokens, _ in parts]),
        pixels.split([patches for _, _, _, patches in parts]),
        grids.split(1),
        strict=True,
    )
    return PromptBatch(
        [
            Prompt(record=record, clip=clip, input_ids=own_ids, pixel_values=own_pixels, grid_thw=grid)
            for (record, clip, _, _), own_ids, own_pixels, grid in columns
        ]
    )


class PromptDataset(Dataset[PromptBatch]):
    """Maps a list of record numbers to a `PromptBatch`; the sampler makes the lists."""

    def __init__(
        self, records: Sequence[Record], *, root: str | Path, clip: ClipSettings, builder: PromptBuilder
    ) -> None:
        self.records = records
        self.root = root
        self.clip = clip
        self.builder = builder

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, numbers: list[int]) -> PromptBatch:
        """Raises MediaError when a file of the batch cannot be read."""
        return PromptBatch([self._prompt(self.records[number]) for number in numbers])

    def _prompt(self, record: Record) -> Prompt:
        return self.builder.build(record, read_media(record, self.root, self.clip))
