"""Jobs of round numbers."""

from __future__ import annotations

from typing import Any

from videor1.planning.activations import Trained
from videor1.planning.job import Job
from videor1.planning.shape import LanguageShape, ModelShape, VisionShape

SHAPE = ModelShape(
    language=LanguageShape(
        hidden=100, intermediate=200, layers=2, heads=10, kv_heads=2, vocabulary=1000, tied=False
    ),
    vision=VisionShape(
        hidden=40, intermediate=80, depth=2, heads=4, out=100, patch=1176, window=64, full_blocks=1
    ),
)


def make_job(**changes: Any) -> Job:
    settings: dict[str, Any] = {
        "shape": SHAPE,
        "precision": "bf16-true",
        "spread": "zero2",
        "gpus": 4,
        "nodes": 1,
        "trained": Trained(),
        "moments": 8,
        "fused": True,
        "checkpointing": True,
        "activation_offload": False,
        "questions": 1,
        "accumulate": 1,
        "inner_updates": 1,
        "group": 8,
        "shuffled": 4,
        "frames": 4,
        "vision_tokens": 10,
        "prompt": 30,
        "response": 20,
        "reference": True,
        "engine": "hf",
        "vllm_share": 0.4,
        "vllm_sleeps": True,
        "vllm_ranks": 1,
        "most_rows": 512,
    }
    return Job(**settings | changes)
