"""What travels from loader to trainer: the prompts of a batch, and the records that failed on the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from videor1.data.quarantine import Quarantined
from videor1.types import Clip, Prompt, Record


class PromptBatch:
    """B prompts that travel from loader to device together.

    No dataclass and no sequence on purpose: Lightning rebuilds those tensor by tensor, which frozen values
    refuse, while an object with `.to` is moved as it is.

    Args:
        prompts: B prompts; fewer than were drawn, even none, where unusable records leave their place empty.
        quarantined: the unusable records met while this batch was made.
    """

    def __init__(self, prompts: Sequence[Prompt], *, quarantined: Sequence[Quarantined] = ()) -> None:
        self.prompts = tuple(prompts)
        self.quarantined = tuple(quarantined)

    def __len__(self) -> int:
        return len(self.prompts)

    def __reduce__(self) -> tuple[Any, ...]:
        """Crosses from worker to trainer as three tensors a batch: each one sent costs a file descriptor."""
        parts = [(p.record, p.clip, len(p.input_ids), len(p.pixel_values)) for p in self.prompts]
        tensors = [
            torch.cat([getattr(prompt, name) for prompt in self.prompts])
            for name in ("input_ids", "pixel_values", "grid_thw")
            if self.prompts
        ]
        return _rebuild, (self.quarantined, parts, *tensors)

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
            ],
            quarantined=self.quarantined,
        )


def _rebuild(
    quarantined: Sequence[Quarantined], parts: list[tuple[Record, Clip, int, int]], *tensors: Tensor
) -> PromptBatch:
    if not parts:
        return PromptBatch([], quarantined=quarantined)
    ids, pixels, grids = tensors
    columns = zip(
        parts,
        ids.split([tokens for _, _, tokens, _ in parts]),
        pixels.split([patches for _, _, _, patches in parts]),
        grids.split(1),
        strict=True,
    )
    prompts = [
        Prompt(record=record, clip=clip, input_ids=own_ids, pixel_values=own_pixels, grid_thw=grid)
        for (record, clip, _, _), own_ids, own_pixels, grid in columns
    ]
    return PromptBatch(prompts, quarantined=quarantined)
