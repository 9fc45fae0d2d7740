"""Gradient checkpointing: of each layer only its input is kept, the rest is computed again going back."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint
from transformers import Qwen2_5_VLForConditionalGeneration


def recompute_layers(model: Qwen2_5_VLForConditionalGeneration, *, offload: bool = False) -> None:
    """Lets every layer of tower and language model compute itself again in the backward pass.

    Args:
        model: trained, in training mode.
        offload: keeps the inputs of the layers in host memory meanwhile: a copy there and back a layer, and
            nothing on the device that grows with the number of layers.
    """
    if not offload:
        model.gradient_checkpointing_enable({"use_reentrant": False})
        return
    model.gradient_checkpointing_enable()
    # transformers has no way but this to be given another function
    model._set_gradient_checkpointing(enable=True, gradient_checkpointing_func=_from_host)


def _from_host(layer: Any, hidden: Tensor, *arguments: Any) -> Any:
    """The layer on an input that waits in host memory."""
    device = hidden.device
    on_device = partial(_on_device, layer, device)
    return checkpoint(on_device, hidden.to("cpu"), *arguments, use_reentrant=False)


def _on_device(layer: Any, device: torch.device, hidden: Tensor, *arguments: Any) -> Any:
    return layer(hidden.to(device), *arguments)
