"""What a perturbed rollout sees of a clip, to tell whether an answer needs what was taken away.

    shuffled    all frames in a random order other than theirs (T-GRPO, arXiv 2503.21776)
    reversed    all frames, last to first
    frozen      one random frame all the time
    dropped     a random half of the frames is gone; the frame before each stays on
    blind       no frames at all: the words alone

All but the last are the same number of frames at the same times, so prompts keep their length and positions.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from videor1.rollout.blind import blind_prompt
from videor1.types import Perturbation, Prompt


def perturb(
    prompt: Prompt,
    kinds: Sequence[Perturbation],
    *,
    seed: int,
    step: int,
    vision_ids: Collection[int],
) -> tuple[Perturbation, Prompt]:
    """One of `kinds`, each as likely as any other, and the prompt of a video so perturbed.

    Both depend on run, step and record alone: the same after a resume, on any rank, in any batch.

    Args:
        prompt: with a video.
        kinds: at least one.
        seed: of the run.
        step: optimizer steps so far.
        vision_ids: see `blind.vision_token_ids`.
    """
    record = zlib.crc32(str(prompt.record.problem_id).encode())
    kind = kinds[0] if len(kinds) == 1 else kinds[int(_rng(seed, step, record, 1).integers(len(kinds)))]
    if kind == "blind":
        return kind, blind_prompt(prompt, vision_ids)
    order = draw_order(kind, len(prompt.clip.frames), _rng(seed, step, record))
    return kind, reorder_prompt(prompt, order)


def draw_order(kind: Perturbation, frames: int, rng: np.random.Generator) -> tuple[int, ...]:
    """Which of the `frames` frames is shown at each of their times; never all at their own.

    Raises:
        ValueError: fewer than two frames have no other order; `kind` is none of frames.
    """
    if frames < 2:
        raise ValueError(f"frames must be at least 2, got {frames}")
    if kind == "shuffled":
        while True:
            order = tuple(rng.permutation(frames).tolist())
            if order != tuple(range(frames)):
                return order
    if kind == "reversed":
        return tuple(reversed(range(frames)))
    if kind == "frozen":
        return (int(rng.integers(frames)),) * frames
    if kind == "dropped":
        gone = rng.choice(np.arange(1, frames), frames // 2, replace=False)
        places = np.arange(frames)
        places[gone] = 0
        return tuple(np.maximum.accumulate(places).tolist())
    raise ValueError(f"no order of frames is {kind!r}")


def reorder_prompt(prompt: Prompt, order: Sequence[int]) -> Prompt:
    """The same question about frames of its clip in another order; times, ids and positions stay.

    Frames are moved inside the patches that the processor cut, so nothing is decoded or cut again.
    """
    clip = prompt.clip
    return replace(
        prompt,
        clip=replace(clip, frames=clip.frames[list(order)], indices=tuple(clip.indices[i] for i in order)),
        patches=_reorder_patches(prompt.patches, int(prompt.grid_thw[0, 0]), order),
    )


def _rng(*numbers: int) -> np.random.Generator:
    return np.random.default_rng(numbers)


def _reorder_patches(patches: Tensor, rows: int, order: Sequence[int]) -> Tensor:
    """(rows * h * w, 3 * 2 * 14 * 14) patches of frames 0 … 2 * rows − 1 → patches of the frames in `order`.

    A patch holds (channel, frame of the pair, pixel), so frame f is the pair entry f % 2 of row f // 2.
    """
    frames = patches.view(rows, -1, 3, 2, patches.shape[1] // 6).permute(0, 3, 1, 2, 4)
    frames = frames.flatten(0, 1)[torch.tensor(order, device=patches.device)]  # (frames, places, 3, pixels)
    return frames.unflatten(0, (rows, 2)).permute(0, 2, 3, 1, 4).reshape(patches.shape)
