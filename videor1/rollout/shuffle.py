"""Frame orders: which permutation a shuffled rollout sees, and the prompt that shows it."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from videor1.types import Prompt


def draw_permutation(frames: int, *, seed: int, step: int, problem_id: int | str) -> tuple[int, ...]:
    """An order of `frames` frames that is not the identity.

    It depends on run, step and record alone: the same after a resume, on any rank, in any batch.

    Raises:
        ValueError: fewer than two frames have no other order.
    """
    if frames < 2:
        raise ValueError(f"frames must be at least 2, got {frames}")
    generator = np.random.default_rng([seed, step, zlib.crc32(str(problem_id).encode())])
    while True:
        order = tuple(generator.permutation(frames).tolist())
        if order != tuple(range(frames)):
            return order


def reorder_prompt(prompt: Prompt, order: Sequence[int]) -> Prompt:
    """The same question about the same frames in another order; times, ids and positions stay.

    Frames are moved inside the patches that the processor cut, so nothing is decoded or cut again.
    """
    clip = prompt.clip
    return replace(
        prompt,
        clip=replace(clip, frames=clip.frames[list(order)], indices=tuple(clip.indices[i] for i in order)),
        patches=_reorder_patches(prompt.patches, int(prompt.grid_thw[0, 0]), order),
    )


def _reorder_patches(patches: Tensor, rows: int, order: Sequence[int]) -> Tensor:
    """(rows * h * w, 3 * 2 * 14 * 14) patches of frames 0 … 2 * rows − 1 → patches of the frames in `order`.

    A patch holds (channel, frame of the pair, pixel), so frame f is the pair entry f % 2 of row f // 2.
    """
    frames = patches.view(rows, -1, 3, 2, patches.shape[1] // 6).permute(0, 3, 1, 2, 4)
    frames = frames.flatten(0, 1)[torch.tensor(order, device=patches.device)]  # (frames, places, 3, pixels)
    return frames.unflatten(0, (rows, 2)).permute(0, 2, 3, 1, 4).reshape(patches.shape)
