"""Which engine writes responses, and how groups are sampled with it: the config's `model.rollout`."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import torch
from transformers import Qwen2_5_VLProcessor

from videor1.errors import ConfigError
from videor1.policy.model import Policy
from videor1.rollout.agreement import AgreementSettings
from videor1.rollout.engine import Engine
from videor1.rollout.hf import HFEngine, HFEngineSettings
from videor1.rollout.loop import GroupSettings
from videor1.rollout.replica import ReplicaEngine
from videor1.rollout.server.remote import RemoteEngine
from videor1.rollout.vllm_settings import VLLMSettings


@dataclass(frozen=True, kw_only=True)
class EngineSettings:
    """Which engine writes responses.

    Args:
        engine: "hf" decodes with the policy itself; "vllm" has weights of its own, which follow the policy's
            after each step.
        hf: how the first works.
        vllm: how the second works.
        agreement: how it is checked that engine and trainer mean the same.
    """

    engine: Literal["hf", "vllm"] = "hf"
    hf: HFEngineSettings = field(default_factory=HFEngineSettings)
    vllm: VLLMSettings = field(default_factory=VLLMSettings)
    agreement: AgreementSettings = field(default_factory=AgreementSettings)


@dataclass(frozen=True, kw_only=True)
class RolloutSettings(GroupSettings, EngineSettings):
    """Which engine writes responses, and how groups are sampled with it.

    Args:
        overlap: writes the responses to the next batch while this one is learned from. They then come from
            the policy before the step under way (staleness 1), for which `model.correction` makes up.
    """

    overlap: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.overlap and self.engine == "hf":
            raise ConfigError(
                "model.rollout.overlap needs model.rollout.engine: vllm; 'hf' decodes with the weights that"
                " the step is changing"
            )
        if self.overlap and self.vllm.mode == "colocated" and self.vllm.sleep and torch.cuda.is_available():
            raise ConfigError(
                "model.rollout.overlap needs model.rollout.vllm.sleep: false: both work at once"
            )


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What an engine has to know about the trainer it is built beside."""

    folder: Path  # of the run
    rank: int
    dtype: torch.dtype  # that it computes in
    longest: int  # most tokens of a prompt and its response
    device: torch.device
    barrier: Callable[[], None]  # waits for all ranks
    sharded: bool = False  # whether the policy is cut up, so that no process can decode with it


def build_engine(
    settings: EngineSettings,
    path: str,
    model: Policy | None,
    processor: Qwen2_5_VLProcessor,
    around: Surroundings,
) -> Engine:
    """The engine that the settings name, for the policy `model`, which was loaded from `path`.

    Only "hf" needs the model here.

    Raises:
        ConfigError: it is not installed.
        EngineError: it does not start.
    """
    if settings.engine == "hf":
        assert model is not None, "it decodes with the policy itself"
        if around.sharded:
            return ReplicaEngine(model, processor, settings.hf, dtype=around.dtype, device=around.device)
        return HFEngine(model, processor, settings.hf)
    if not settings.vllm.addresses and importlib.util.find_spec("vllm") is None:
        raise ConfigError(
            "model.rollout.engine: vLLM is not installed; `pip install vllm` for a GPU, `make VLLM=1 setup`"
            " for a CPU, or take engine: hf"
        )
    if settings.vllm.max_model_len is not None and settings.vllm.max_model_len < around.longest:
        raise ConfigError(
            f"model.rollout.vllm.max_model_len is {settings.vllm.max_model_len}, but data.max_prompt_tokens"
            f" lets prompts and responses have {around.longest} tokens"
        )
    if settings.vllm.mode == "server":
        return RemoteEngine(
            path,
            settings.vllm,
            dtype=around.dtype,
            longest=around.longest,
            folder=around.folder / "rollout",
            rank=around.rank,
            leader=around.rank == 0,
            barrier=around.barrier,
        )
    from videor1.rollout.vllm import VLLMEngine  # takes seconds, and changes the process

    return VLLMEngine(path, processor, settings.vllm, dtype=around.dtype, longest=around.longest)
