"""How the vLLM engine works; kept apart from it because importing vLLM takes seconds."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from videor1.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class VLLMSettings:
    """How the vLLM engine works.

    Args:
        mode: "colocated" runs it in the trainer's processes, one a rank (or a tensor-parallel group);
            "server" in processes of their own, to which weights go as files.
        addresses: of servers, as "host:port"; rank r asks server r modulo their number. Empty: each rank
            starts one on this machine, which shares its GPU.
        tensor_parallel_size: ranks that share one engine, colocated.
        dtype: of its weights; "auto" is what the trainer computes in.
        max_model_len: most tokens of a prompt and its response; null for data.max_prompt_tokens.
        gpu_memory_utilization: share of the GPU's memory that it may take.
        cpu_kv_gigabytes: its key-value cache on a CPU.
        sleep: on a GPU: gives its memory back to the update between rollouts. A server that is started by
            hand does not unless its own settings say so.
        timeout: seconds that one call, or the start of a server, may take before it counts as hanging; where
            ranks share a server it has to cover their turns.
        restarts: how often a server that this run has started is started again in place of one that died or
            hangs; 0 stops the run.
        arguments: anything else that `vllm.LLM` understands, by its name there. trust_remote_code is the
            one way to let a model folder run code of its own, here alone, and warns.
    """

    mode: Literal["colocated", "server"] = "colocated"
    addresses: Sequence[str] = ()
    tensor_parallel_size: int = 1
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    max_model_len: int | None = None
    gpu_memory_utilization: float = 0.4
    cpu_kv_gigabytes: float = 1.0
    sleep: bool = True
    timeout: float = 1800.0
    restarts: int = 0
    arguments: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for key, fits, wanted in (
            ("tensor_parallel_size", self.tensor_parallel_size >= 1, "at least 1"),
            ("max_model_len", self.max_model_len is None or self.max_model_len >= 2, "at least 2"),
            ("gpu_memory_utilization", 0 < self.gpu_memory_utilization <= 1, "in (0, 1]"),
            ("cpu_kv_gigabytes", self.cpu_kv_gigabytes > 0, "above 0"),
            ("timeout", self.timeout > 0, "above 0"),
            ("restarts", self.restarts >= 0, "at least 0"),
        ):
            if not fits:
                raise ConfigError(f"model.rollout.vllm.{key} must be {wanted}, got {getattr(self, key)}")
        if self.tensor_parallel_size > 1 and self.mode == "server":
            raise ConfigError(
                "model.rollout.vllm.tensor_parallel_size is for colocated engines, not for servers"
            )
        if "hf_token" in self.arguments:
            raise ConfigError(
                "model.rollout.vllm.arguments.hf_token would be read in config.yaml and in the list of"
                " processes; set HF_TOKEN in the environment"
            )
        if self.arguments.get("trust_remote_code"):
            warnings.warn(
                "model.rollout.vllm.arguments.trust_remote_code: vLLM will run whatever code lies in the"
                " model's folder",
                stacklevel=2,
            )
        if isinstance(self.addresses, str):
            raise ConfigError(f"model.rollout.vllm.addresses must be a list, got '{self.addresses}'")
        if self.addresses and self.mode != "server":
            raise ConfigError(
                "model.rollout.vllm.addresses: servers are asked only with rollout.vllm.mode: server"
            )
        if self.addresses and self.restarts:
            raise ConfigError(
                "model.rollout.vllm.restarts: only a server that the run has started is started again"
            )
