"""What travels from loader to trainer: the prompts of a batch, and the records that failed on the way."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from videor1.data.quarantine import Quarantined
from videor1.types import Clip, Prompt, Record


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """What a prompt is besides its share of the batch's tensors."""

    record: Record
    clip: Clip  # without frames
    frames: tuple[int, ...]  # their shape, (T, H, W, 3)
    tokens: int
    patches: int


class PromptBatch:
    """B prompts that travel from loader to device together.

    No dataclass and no sequence on purpose: Lightning rebuilds those tensor by tensor, which frozen values
    refuse, while an object with `.to` is moved as it is.

    Args:
        prompts: B prompts; fewer than were drawn, even none, where unusable records leave their place empty.
        quarantined: the unusable records met while this batch was made.
        drawn: numbers of the records that it was drawn for, the unusable ones among them.
        share: what the mean of its losses counts in the mean over its block, see `sampler.Draw`.
        following: the batch after it, for a module that looks ahead.
    """

    def __init__(
        self,
        prompts: Sequence[Prompt],
        *,
        quarantined: Sequence[Quarantined] = (),
        drawn: Sequence[int] = (),
        share: float = 1.0,
        following: PromptBatch | None = None,
    ) -> None:
        self.prompts = tuple(prompts)
        self.quarantined = tuple(quarantined)
        self.drawn = tuple(drawn)
        self.share = share
        self.following = following

    def __len__(self) -> int:
        return len(self.prompts)

    def __reduce__(self) -> tuple[Any, ...]:
        """Crosses from worker to trainer as four tensors a batch, in shared memory.

        Each tensor sent costs a file descriptor, and arrays would go through a pipe.
        """
        if not self.prompts:
            return PromptBatch._of, (self.quarantined, self.drawn, self.share, [])
        parts = [
            _Part(
                record=prompt.record,
                clip=replace(prompt.clip, frames=prompt.clip.frames[:0]),
                frames=prompt.clip.frames.shape,
                tokens=len(prompt.input_ids),
                patches=len(prompt.patches),
            )
            for prompt in self.prompts
        ]
        frames = torch.cat([torch.from_numpy(prompt.clip.frames).flatten() for prompt in self.prompts])
        ids, patches, grids = (
            torch.cat([getattr(prompt, name) for prompt in self.prompts])
            for name in ("input_ids", "patches", "grid_thw")
        )
        return PromptBatch._of, (self.quarantined, self.drawn, self.share, parts, frames, ids, patches, grids)

    @classmethod
    def _of(
        cls,
        quarantined: Sequence[Quarantined],
        drawn: Sequence[int],
        share: float,
        parts: Sequence[_Part],
        *tensors: Tensor,
    ) -> PromptBatch:
        if not parts:
            return cls([], quarantined=quarantined, drawn=drawn, share=share)
        frames, ids, patches, grids = tensors
        columns = zip(
            parts,
            frames.split([math.prod(part.frames) for part in parts]),
            ids.split([part.tokens for part in parts]),
            patches.split([part.patches for part in parts]),
            grids.split(1),
            strict=True,
        )
        prompts = [
            Prompt(
                record=part.record,
                clip=replace(part.clip, frames=own_frames.view(part.frames).numpy()),
                input_ids=own_ids,
                patches=own_patches,
                grid_thw=grid,
            )
            for part, own_frames, own_ids, own_patches, grid in columns
        ]
        return cls(prompts, quarantined=quarantined, drawn=drawn, share=share)

    def to(self, device: torch.device | str) -> PromptBatch:
        """The same prompts with their tensors on `device`."""
        return PromptBatch(
            [prompt.to(device) for prompt in self.prompts],
            quarantined=self.quarantined,
            drawn=self.drawn,
            share=self.share,
            following=None if self.following is None else self.following.to(device),
        )
