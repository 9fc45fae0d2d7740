"""What tests of rollout servers share."""

from __future__ import annotations

import json
import sys

import torch

from videor1.rollout.engine import Sampling
from videor1.rollout.server.remote import RemoteEngine

SERVE = [sys.executable, "-m", "videor1.rollout.server"]
SMALL = {"cpu_kv_gigabytes": 0.25}
DRAWN = Sampling(max_new_tokens=8)


def move(policy, by: int) -> None:
    generator = torch.Generator().manual_seed(by)
    with torch.no_grad():
        for parameter in policy.parameters():
            parameter += 0.05 * parameter.std() * torch.randn(parameter.shape, generator=generator)


def health(engine: RemoteEngine) -> dict:
    return json.loads(engine._client.ask("health", timeout=10))
