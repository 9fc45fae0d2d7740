"""Adapters of PEFT → merged into the model below them, by PEFT itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn
from transformers import Qwen2_5_VLForConditionalGeneration

from videor1.errors import ConfigError
from videor1.export.plain import check_tensors
from videor1.policy.untrusted import running_nothing

_WRAPPER = "base_model.model."  # before every name, where PEFT has wrapped a model


def adapter_settings(folder: Path) -> dict[str, Any]:
    """PEFT's configuration of the adapters in `folder`.

    Raises:
        ConfigError: the file is not JSON.
    """
    path = folder / "adapter_config.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigError(f"{path}: not JSON ({error})") from error


def merge_folder(
    model: Qwen2_5_VLForConditionalGeneration, folder: Path, dtype: torch.dtype
) -> dict[str, Tensor]:
    """The tensors of `model` with the adapters of a PEFT folder merged; `model` is used up.

    Args:
        model: what the adapters were trained on.
        folder: with `adapter_config.json`.
        dtype: that the tensors are wanted in; merging rounds no earlier than to this and the model's own.

    Raises:
        ConfigError: PEFT is missing, or the adapters do not fit this model or cannot be merged.
    """
    peft = _peft()
    adapted = _wrap(model, peft.PeftConfig.from_pretrained(str(folder)), str(folder))
    try:
        with running_nothing(str(folder), "checkpoint"):
            weights = peft.load_peft_weights(str(folder), device="cpu")
        found = peft.set_peft_model_state_dict(adapted, weights)
    except RuntimeError as error:  # of shapes
        raise ConfigError(f"checkpoint: '{folder}' does not fit: {' '.join(str(error).split())}") from error
    missing = [name for name in found.missing_keys if adapted.base_model.prefix in name]
    faults = [f"missing {', '.join(missing[:3])}"] if missing else []
    if found.unexpected_keys:
        faults.append(f"not of this model: {', '.join(found.unexpected_keys[:3])}")
    if faults:
        raise ConfigError(f"checkpoint: '{folder}' does not fit: {'; '.join(faults)}")
    return _merged(adapted, dtype)


def merge_saved(
    model: Qwen2_5_VLForConditionalGeneration,
    config: Mapping[str, Any],
    tensors: dict[str, Tensor],
    dtype: torch.dtype,
    path: Path,
) -> dict[str, Tensor]:
    """The same for adapters in a checkpoint of Lightning, named as `videor1.export.saved` says.

    Args:
        model: gives what `tensors` lacks, which is frozen.
        config: `checkpoint["lora"]`.
        tensors: by name, those of all adapters among them; in the adapted model or in PEFT's wrapper of it.
        dtype: see `merge_folder`.
        path: of the checkpoint, for messages.
    """
    settings = {**config, "inference_mode": False}  # so that what was trained can be told from what was not
    adapted = _wrap(model, _peft().PeftConfig.from_peft_type(**settings), str(path))
    tensors = {_WRAPPER + name.removeprefix(_WRAPPER): tensor for name, tensor in tensors.items()}
    expected = adapted.state_dict()
    frozen = expected.keys() - {name for name, p in adapted.named_parameters() if p.requires_grad}
    check_tensors(tensors, expected, optional=frozen, path=path, base="the base with the adapters it names")
    whole = {name: tensor.contiguous() for name, tensor in tensors.items()}
    adapted.load_state_dict(whole, strict=False, assign=True)
    return _merged(adapted, dtype)


def _wrap(model: nn.Module, config: Any, path: str) -> Any:
    try:
        adapted = _peft().get_peft_model(model, config)
    except ValueError as error:  # of modules that the model does not have
        raise ConfigError(f"checkpoint: '{path}': {' '.join(str(error).split())}") from error
    if not hasattr(adapted.base_model, "merge_and_unload"):
        raise ConfigError(f"checkpoint: '{path}': adapters of type {config.peft_type} cannot be merged")
    plain = adapted.get_base_model()
    ends = (plain.get_input_embeddings(), plain.get_output_embeddings())
    if plain.config.tie_word_embeddings and any(hasattr(end, "base_layer") for end in ends):
        raise ConfigError(
            f"checkpoint: '{path}': adapters of tied embeddings cannot be merged, they would change both"
        )
    return adapted


def _merged(adapted: Any, dtype: torch.dtype) -> dict[str, Tensor]:
    model = adapted.get_base_model()
    if (wide := torch.promote_types(model.dtype, dtype)) != model.dtype:
        adapted.to(wide)
    state: dict[str, Tensor] = adapted.merge_and_unload().state_dict()
    return state


def _peft() -> ModuleType:
    try:
        import peft
    except ImportError as error:
        raise ConfigError("checkpoint: it holds adapters, to merge them pip install peft") from error
    return peft
