"""Whether a Hugging Face folder holds a whole Qwen2.5-VL, since transformers says it in many ways or not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from transformers import Qwen2_5_VLConfig, Qwen2_5_VLProcessor

from videor1.errors import ConfigError

_KIND = "qwen2_5_vl"


def check_folder(path: str) -> None:
    """Raises ConfigError where there is no folder with a Qwen2.5-VL's config.json.

    A bare hub name ("Qwen/Qwen2.5-VL-7B-Instruct") is left to transformers; a path that is not there is not.
    """
    file = Path(path) / "config.json"
    if not file.is_file():
        if path.count("/") != 1 or Path(path).parent.is_dir():
            raise ConfigError(
                f"model.policy: no Hugging Face model folder at '{path}' (config.json is missing)"
                + _hint(path)
            )
        return
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"model.policy: '{file}' cannot be read: {error}") from error
    kind = config.get("model_type") if isinstance(config, dict) else None
    if kind != _KIND and not (
        isinstance(config, dict) and "auto_map" in config
    ):  # refused later, by its name
        raise ConfigError(
            f"model.policy: '{path}' holds a model of type {kind!r}; only Qwen2.5-VL ({_KIND!r}) is supported"
        )


def check_processor(processor: Any, config: Qwen2_5_VLConfig, path: str) -> None:
    """Raises ConfigError where the tokenizer's tokens of media are not the model's."""
    if not isinstance(processor, Qwen2_5_VLProcessor):
        raise ConfigError(
            f"model.policy: '{path}' has a {type(processor).__name__} and no Qwen2_5_VLProcessor; only"
            " Qwen2.5-VL is supported"
        )
    for name, token in (("image", "<|image_pad|>"), ("video", "<|video_pad|>")):
        expected, found = getattr(config, f"{name}_token_id"), processor.tokenizer.get_vocab().get(token)
        if found != expected:
            raise ConfigError(
                f"model.policy: the tokenizer of '{path}' has {token} as {found}, its config.json as"
                f" {expected}; copy tokenizer.json and tokenizer_config.json from the same model"
            )


@contextmanager
def in_one_line(path: str, key: str) -> Iterator[None]:
    """Within it, what transformers says of a folder that is not whole is one ConfigError of one line."""
    try:
        yield
    except SafetensorError as error:
        raise ConfigError(f"{key}: the weights in '{path}' are damaged ({error}); copy them again") from error
    except OSError as error:
        if not Path(path).is_dir():
            raise ConfigError(
                f"{key}: '{path}' is no folder here, and cannot be had from the Hugging Face hub (no network,"
                " no such model, or HF_HUB_OFFLINE is set); download it and name its folder"
            ) from error
        told = " ".join(str(error).split()).split(". ")[0].rstrip(".")
        raise ConfigError(f"{key}: '{path}' is not whole: {told}; copy it again") from error
    except RuntimeError as error:
        if "mismatched" not in str(error):
            raise
        raise ConfigError(
            f"{key}: the weights in '{path}' have other shapes than its config.json says; copy both again"
        ) from error


def _hint(path: str) -> str:
    """Where the folder may be instead."""
    if (Path(path) / "hf" / "config.json").is_file():
        return f"; this is a run, its model is {path}/hf"
    if path.endswith(".ckpt"):
        return "; this is a checkpoint, `cli.py export` makes a folder of it"
    return "; is the stage before this one done?" if path.endswith("/hf") else ""
