"""uint8 patches, as the loader sends them → what the vision tower reads, on whatever device they are.

Normalised here and not by the processor, since floats are four times the bytes to send from worker to trainer
and on to the device.
"""

from __future__ import annotations

import torch
from torch import Tensor
from transformers import Qwen2_5_VLProcessor
from transformers.image_utils import OPENAI_CLIP_MEAN, OPENAI_CLIP_STD

from videor1.errors import ConfigError


def normalise(patches: Tensor) -> Tensor:
    """(N, 3 * 2 * 14 * 14) uint8, colours outermost → float32, as Qwen's processor has them.

    (value / 255 - mean) / std, in the processor's own order of operations, so equal to the bit.
    """
    mean, std = (
        torch.tensor(row, dtype=torch.float32, device=patches.device)[:, None] * 255
        for row in (OPENAI_CLIP_MEAN, OPENAI_CLIP_STD)
    )
    colours = patches.unflatten(-1, (3, -1)).to(torch.float32)
    return colours.sub_(mean).div_(std).flatten(-2)


def check_normalisation(processor: Qwen2_5_VLProcessor) -> None:
    """Every Qwen2.5-VL has CLIP's mean and standard deviation.

    Raises:
        ConfigError: this one has others.
    """
    for part in (processor.image_processor, processor.video_processor):
        for key, expected in (("image_mean", OPENAI_CLIP_MEAN), ("image_std", OPENAI_CLIP_STD)):
            if list(getattr(part, key)) != list(expected):
                raise ConfigError(
                    f"model.policy: {key} of its processor is {getattr(part, key)}, not CLIP's {expected}"
                )
