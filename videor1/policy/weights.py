"""The policy as it is trained → the plain tensors that a separate rollout engine loads.

Training has them otherwise: cut into shards (ZeRO-3, FSDP2), with adapters beside them (LoRA).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from copy import deepcopy
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from transformers import Qwen2_5_VLForConditionalGeneration
from transformers.modeling_utils import set_zero3_state

from videor1.errors import ConfigError

_BLOCK = re.compile(r".*\.(?:layers|blocks)\.\d+\.")


class PolicyWeights:
    """The policy's tensors under the names of its Hugging Face checkpoint.

    They are those that transformers has in memory ("model.language_model.…", "model.visual.…").
    `save_pretrained` writes older ones for this model; `from_pretrained` and vLLM read both.

    Args:
        model: a Qwen2.5-VL, plain or with LoRA adapters, its parameters whole or in shards of ZeRO-3 or
            FSDP2. Names are mapped here, once; values are read whenever they are asked for.

    Attributes:
        moving: names of what training moves. An engine fuses tensors of a layer and replaces whole layers,
            so a transformer block moves with all it has as soon as anything in it does.

    Raises:
        ConfigError: these are not the tensors of a Qwen2.5-VL of this configuration, or training moves more
            than they can express: modules saved whole beside an adapter, DoRA, biases of LoRA, adapters of
            tied embeddings.
    """

    def __init__(self, model: nn.Module) -> None:
        layers = {path: module for path, module in model.named_modules() if isinstance(module, _LoraLayer)}
        factors = _factors(model, layers)
        moved = set()
        self._parts: dict[str, _Part] = {}
        for path, parameter in model.named_parameters():
            name = factors.get(path) or _name(path)
            if parameter.requires_grad or path in factors:
                moved.add(_block(name))
            if path not in factors:
                owner, _, attribute = path.rpartition(".")
                layer = layers.get(owner.removesuffix(".base_layer")) if attribute == "weight" else None
                holder = model.get_submodule(owner)
                self._parts[name] = _Part(holder=holder, attribute=attribute, layer=layer)
        _check(model, {name: part.parameter for name, part in self._parts.items()})
        self.moving = tuple(name for name in self._parts if _block(name) in moved)

    def tensors(self, *, all: bool = True, dtype: torch.dtype | None = None) -> Iterator[tuple[str, Tensor]]:
        """(name, whole tensor) one by one in the model's order, adapters merged; the model stays as it is.

        Each is gathered when it is its turn, so every rank has to ask for all of them, and there is memory
        for one and for those that the caller keeps. What the model has whole shares its memory.

        Args:
            all: False leaves out what training does not move.
            dtype: to cast to; None leaves each in its own.
        """
        for name in self._parts if all else self.moving:
            yield name, self._parts[name].whole(dtype)


@runtime_checkable
class _LoraLayer(Protocol):
    """What PEFT's LoRA layers are known by; PEFT itself is only needed by those who train adapters."""

    scaling: dict[str, float]  # by adapter, of those that this layer has
    lora_variant: dict[str, object]  # by adapter, of those that do more than add the product of two factors
    active_adapters: list[str]  # of the model; this layer need not have them
    merged_adapters: list[str]
    disable_adapters: bool

    def get_delta_weight(self, adapter: str) -> Tensor: ...

    def parameters(self) -> Iterator[nn.Parameter]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """Where a tensor of the checkpoint comes from."""

    holder: nn.Module
    attribute: str  # of the holder; not the parameter itself, since FSDP2 puts others in its place
    layer: _LoraLayer | None  # whose adapters change it

    @property
    def parameter(self) -> Tensor:
        return getattr(self.holder, self.attribute)

    @torch.no_grad()
    def whole(self, dtype: torch.dtype | None) -> Tensor:
        with _gathered([self.parameter] if self.layer is None else list(self.layer.parameters())):
            weight = self.parameter.detach()
            if self.layer is not None:
                for adapter, sign in _unmerged(self.layer):
                    weight = weight + sign * self.layer.get_delta_weight(adapter)
            # DeepSpeed takes back what it gathered, but an engine keeps parts of a layer until it has all
            lent = hasattr(self.parameter, "ds_id")
            weight = weight.to(dtype or self.parameter.dtype, copy=lent)
        return weight.full_tensor() if isinstance(weight, DTensor) else weight


def _factors(model: nn.Module, layers: Mapping[str, _LoraLayer]) -> dict[str, str]:
    """Path of each parameter that is a factor of an adapter's product → name of the tensor this changes."""
    uses = Counter(id(parameter) for _, parameter in model.named_parameters(remove_duplicate=False))
    parameters = dict(model.named_parameters())
    factors = {}
    for path, layer in layers.items():
        weight = parameters.get(f"{path}.base_layer.weight")
        if weight is None or uses[id(weight)] > 1:  # of tied layers an adapter changes only one
            continue
        for adapter in layer.scaling.keys() - layer.lora_variant.keys():
            for side in "AB":
                factors[f"{path}.lora_{side}.{adapter}.weight"] = _name(f"{path}.weight")
                factors[f"{path}.lora_embedding_{side}.{adapter}"] = _name(f"{path}.weight")
    return factors


def _unmerged(layer: _LoraLayer) -> list[tuple[str, int]]:
    """Adapters that the layer answers with though its weight is without them (+1), or the reverse (−1)."""
    if layer.disable_adapters:
        return [(adapter, -1) for adapter in layer.merged_adapters]
    if layer.merged_adapters:  # then these count, whichever are active
        return []
    return [(adapter, 1) for adapter in layer.active_adapters if adapter in layer.scaling]


def _gathered(parameters: Sequence[Tensor]) -> AbstractContextManager[object]:
    """Within it what ZeRO-3 has cut up is whole."""
    # what is whole, because it is small or someone else has gathered it, must be left so
    cut = [parameter for parameter in parameters if parameter.shape != whole_shape(parameter)]
    if not cut:
        return nullcontext()
    import deepspeed

    return deepspeed.zero.GatheredParameters(cut)


def whole_shape(parameter: Tensor) -> torch.Size:
    """The shape of a parameter before it was cut up: one of ZeRO-3 is itself empty."""
    return getattr(parameter, "ds_shape", parameter.shape)


def _form(parameter: Tensor) -> str:
    """Shape, and type unless it is one of floats: quantised to 8 bits a tensor still has its shape."""
    return f"{tuple(whole_shape(parameter))}{'' if parameter.is_floating_point() else f' {parameter.dtype}'}"


def _name(path: str) -> str:
    """In the checkpoint, of what PEFT has moved to `path`."""
    return path.removeprefix("base_model.model.").replace(".base_layer.", ".")


def _block(name: str) -> str:
    """What an engine replaces at once: a transformer block, and outside of these a module."""
    block = _BLOCK.match(name)
    return block.group() if block else name.rpartition(".")[0]


def _check(model: nn.Module, parameters: Mapping[str, Tensor]) -> None:
    # set_zero3_state: with ZeRO-3 transformers would have this one cut up too
    with torch.device("meta"), set_zero3_state():
        plain = Qwen2_5_VLForConditionalGeneration(deepcopy(model.config))
    expected = dict(plain.named_parameters())
    faults = {
        "missing": [name for name in expected if name not in parameters],
        "not of the checkpoint:": [name for name in parameters if name not in expected],
        "of another shape:": [
            f"{name} {_form(parameter)} instead of {_form(expected[name])}"
            for name, parameter in parameters.items()
            if name in expected and _form(parameter) != _form(expected[name])
        ],
    }
    found = [f"{fault} {', '.join(names[:3])}" for fault, names in faults.items() if names]
    if found:
        raise ConfigError(f"model.policy: rollout weights: {'; '.join(found)}")
