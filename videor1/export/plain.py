"""Tensors of whatever origin → those of a plain Qwen2.5-VL of this configuration, each checked and cast."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from copy import deepcopy
from pathlib import Path

import torch
from torch import Tensor
from transformers import GenerationConfig, Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration
from transformers.modeling_utils import set_zero3_state

from videor1.errors import ConfigError


def plain_model(
    config: Qwen2_5_VLConfig, generation: GenerationConfig, dtype: torch.dtype
) -> Qwen2_5_VLForConditionalGeneration:
    """The model without values: names, shapes and settings, no memory."""
    # set_zero3_state: with ZeRO-3 transformers would cut this one up too
    with torch.device("meta"), set_zero3_state():
        model = Qwen2_5_VLForConditionalGeneration(deepcopy(config))
    for part in (model.config, model.config.text_config, model.config.vision_config):
        part.dtype = dtype
    model.generation_config = deepcopy(generation)
    return model.to(dtype)


def fit_tensors(
    tensors: dict[str, Tensor],
    model: Qwen2_5_VLForConditionalGeneration,
    *,
    path: Path,
    base: str,
) -> dict[str, Tensor]:
    """`tensors` in the model's type; one after another takes the place of its original, tied ones go.

    Args:
        tensors: by name; emptied, so that there is memory for little more than one of each.
        model: from `plain_model`.
        path: of the checkpoint, and
        base: where the configuration comes from, both for messages.

    Raises:
        ConfigError: names or shapes differ from the model's, or tied tensors from each other.
    """
    own = dict(model.named_parameters())
    tied = {name: model.get_parameter(name) for name in model.state_dict().keys() - own.keys()}
    check_tensors(tensors, own | tied, optional=tied.keys(), path=path, base=base)
    fitted = {name: tensors.pop(name).contiguous().to(model.dtype) for name in own}
    for name, parameter in tied.items():
        other = next(n for n, candidate in own.items() if candidate is parameter)
        if name in tensors and not torch.equal(tensors[name].contiguous().to(model.dtype), fitted[other]):
            raise ConfigError(
                f"checkpoint: '{path}': {name} and {other} differ; '{base}' ties them (tie_word_embeddings)"
            )
    tensors.clear()
    return fitted


def check_tensors(
    tensors: Mapping[str, Tensor],
    expected: Mapping[str, Tensor],
    *,
    optional: Collection[str] = (),
    path: Path,
    base: str,
) -> None:
    """Compares names and shapes.

    Raises:
        ConfigError: they differ; it names the first three of each kind.
    """
    faults = {
        "missing": [name for name in expected if name not in tensors and name not in optional],
        "not of this model:": [name for name in tensors if name not in expected],
        "of another shape:": [
            f"{name} {tuple(tensor.shape)} instead of {tuple(expected[name].shape)}"
            for name, tensor in tensors.items()
            if name in expected and tensor.shape != expected[name].shape
        ],
    }
    found = [f"{fault} {', '.join(names[:3])}" for fault, names in faults.items() if names]
    if found:
        raise ConfigError(f"checkpoint: '{path}' does not fit '{base}': {'; '.join(found)}")
