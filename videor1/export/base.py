"""The model that training started from: it lends configuration, generation settings and processor."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import (
    AutoConfig,
    GenerationConfig,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2_5_VLProcessor,
)

from videor1.errors import ConfigError
from videor1.policy.loading import load_processor
from videor1.policy.untrusted import NO_CODE, running_nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """A Qwen2.5-VL folder or hub name, its weights not yet read."""

    name: str
    config: Qwen2_5_VLConfig
    generation: GenerationConfig
    processor: Qwen2_5_VLProcessor

    def load(self) -> Qwen2_5_VLForConditionalGeneration:
        """The model with its weights, in the type they are stored in.

        Raises:
            ConfigError: loading them might run code.
        """
        with running_nothing(self.name, "base"):
            return Qwen2_5_VLForConditionalGeneration.from_pretrained(self.name, dtype="auto")

    def dtype(self, wanted: str) -> torch.dtype:
        """`wanted`, and for "auto" the type that this model's configuration names.

        Raises:
            ConfigError: it is to be found out here and the configuration does not say.
        """
        found = self.config.dtype if wanted == "auto" else getattr(torch, wanted)
        if found is None:
            raise ConfigError(f"dtype: auto, but config.json of '{self.name}' names none; set it")
        return found


def open_base(name: str, *, key: str) -> Base:
    """Reads all but the weights.

    Args:
        name: folder or hub name.
        key: the setting that has named it, for the message.

    Raises:
        ConfigError: nothing is there, or another kind of model.
    """
    # as for a policy, "Qwen/Qwen2.5-VL-7B-Instruct" is left to transformers; a path that is not there is not
    if not (Path(name) / "config.json").is_file() and (name.count("/") != 1 or Path(name).parent.is_dir()):
        raise ConfigError(
            f"{key}: no Hugging Face model folder at '{name}' (config.json is missing); --base names another"
        )
    with running_nothing(name, key):
        config = AutoConfig.from_pretrained(name, **NO_CODE)
    if not isinstance(config, Qwen2_5_VLConfig):
        raise ConfigError(f"{key}: '{name}' is a model of type {config.model_type}, not a Qwen2.5-VL")
    try:
        generation = GenerationConfig.from_pretrained(name)
    except OSError:  # the file is optional, and this is what transformers does without it
        generation = GenerationConfig.from_model_config(config)
    return Base(name=name, config=config, generation=generation, processor=load_processor(name))
