"""Settings of the rollout that cannot work name their key."""

from __future__ import annotations

import pytest

from videor1.errors import ConfigError
from videor1.rollout.settings import RolloutSettings
from videor1.rollout.vllm_settings import VLLMSettings


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"tensor_parallel_size": 0}, "model.rollout.vllm.tensor_parallel_size must be at least 1, got 0"),
        ({"max_model_len": 1}, "model.rollout.vllm.max_model_len must be at least 2, got 1"),
        (
            {"gpu_memory_utilization": 1.5},
            "model.rollout.vllm.gpu_memory_utilization must be in (0, 1], got 1.5",
        ),
        ({"cpu_kv_gigabytes": 0.0}, "model.rollout.vllm.cpu_kv_gigabytes must be above 0, got 0.0"),
        ({"timeout": 0.0}, "model.rollout.vllm.timeout must be above 0, got 0.0"),
        ({"restarts": -1}, "model.rollout.vllm.restarts must be at least 0, got -1"),
        (
            {"mode": "server", "tensor_parallel_size": 2},
            "model.rollout.vllm.tensor_parallel_size is for colocated engines, not for servers",
        ),
        ({"addresses": "node:1"}, "model.rollout.vllm.addresses must be a list, got 'node:1'"),
        (
            {"addresses": ["node:1"]},
            "model.rollout.vllm.addresses: servers are asked only with rollout.vllm.mode: server",
        ),
        (
            {"mode": "server", "addresses": ["node:1"], "restarts": 1},
            "model.rollout.vllm.restarts: only a server that the run has started is started again",
        ),
    ],
)
def test_impossible_vllm_settings(settings, told):
    with pytest.raises(ConfigError) as caught:
        VLLMSettings(**settings)
    assert str(caught.value) == told


def test_overlap_needs_an_engine_with_weights_of_its_own():
    with pytest.raises(ConfigError, match=r"^model\.rollout\.overlap needs model\.rollout\.engine: vllm"):
        RolloutSettings(overlap=True)
    assert RolloutSettings(engine="vllm", overlap=True).overlap
