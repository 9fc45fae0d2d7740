"""LoRA (arXiv 2106.09685): W + alpha / rank · B A, of which only A and B learn.

The model below stays as it is, so it is the frozen reference too: the policy with its adapters off.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from transformers import Qwen2_5_VLForConditionalGeneration

from videor1.errors import ConfigError
from videor1.policy.parts import PARTS, Part

# Linear layers of each part, by the ends of their names.
_LAYERS: dict[Part, str] = {
    "language": r"model\.language_model\.layers\.\d+\.(self_attn|mlp)\.\w+_proj",
    "vision": r"model\.visual\.blocks\.\d+\.(attn\.(qkv|proj)|mlp\.\w+_proj)",
    "merger": r"model\.visual\.merger\.mlp\.[02]",
}


@dataclass(frozen=True, kw_only=True)
class LoraSettings:
    """Low-rank adapters in the linear layers of the policy.

    Args:
        rank: of the adapters.
        alpha: an adapter's product is scaled by alpha / rank.
        parts: that get adapters; nothing else learns.
    """

    rank: int = 64
    alpha: float = 128.0
    parts: Sequence[Part] = ("language",)

    def __post_init__(self) -> None:
        if self.rank < 1:
            raise ConfigError(f"model.lora.rank must be at least 1, got {self.rank}")
        if not self.alpha > 0:
            raise ConfigError(f"model.lora.alpha must be above 0, got {self.alpha}")
        if not self.parts or not set(self.parts) <= set(PARTS):
            raise ConfigError(f"model.lora.parts must name some of {', '.join(PARTS)}, got {self.parts}")

    def targets(self) -> str:
        """A pattern that the names of the adapted layers match as a whole."""
        return "|".join(f"({_LAYERS[part]})" for part in self.parts)


def add_adapters(
    model: Qwen2_5_VLForConditionalGeneration, settings: LoraSettings, *, seed: int
) -> dict[str, Any]:
    """Gives a model adapters that do nothing yet, in float32, and freezes the rest.

    Args:
        model: whole or in shards of ZeRO-3; its adapters are whole, and the same on every rank.
        settings: see there.
        seed: of the adapters' first values.

    Returns:
        What `export` has to know of them, in plain values.

    Raises:
        ConfigError: PEFT is not installed.
    """
    try:
        import peft
    except ImportError as error:
        raise ConfigError("model.lora needs PEFT: pip install peft") from error
    config = peft.LoraConfig(r=settings.rank, lora_alpha=settings.alpha, target_modules=settings.targets())
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        peft.inject_adapter_in_model(config, model)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_("lora_" in name)
        if "lora_" in name:
            parameter.data = parameter.data.float()
    described: dict[str, Any] = json.loads(json.dumps(config.to_dict(), default=_plain))
    return described


@contextmanager
def adapters_off(model: torch.nn.Module) -> Iterator[None]:
    """Within it a model with adapters is the one below them."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    # PEFT's own switch would also say anew what learns, which a strategy has been told once
    layers = [module for module in model.modules() if isinstance(module, BaseTunerLayer)]
    for layer in layers:
        layer._disable_adapters = True
    try:
        yield
    finally:
        for layer in layers:
            layer._disable_adapters = False


def _plain(value: Any) -> Any:
    """Of PEFT's configuration: sets as lists, enumerations as their text."""
    return sorted(value) if isinstance(value, Collection) else str(value)
