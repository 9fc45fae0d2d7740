"""What the makers say of their GPUs; nothing here was measured."""

from __future__ import annotations

from dataclasses import dataclass

_GIB = 2**30


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """One GPU at its best."""

    memory: float  # bytes
    half: float  # floating-point operations a second, dense, in bfloat16
    single: float  # in float32, without TF32
    bandwidth: float  # bytes a second of its memory
    link: float  # bytes a second to and from the others of its node, each way


GPUS: dict[str, Gpu] = {
    "A100": Gpu(memory=80 * _GIB, half=312e12, single=19.5e12, bandwidth=2.0e12, link=300e9),
    "H100": Gpu(memory=80 * _GIB, half=989e12, single=67e12, bandwidth=3.35e12, link=450e9),
    "H200": Gpu(memory=140 * _GIB, half=989e12, single=67e12, bandwidth=4.8e12, link=450e9),
    "RTX4090": Gpu(memory=24 * _GIB, half=165e12, single=82.6e12, bandwidth=1.0e12, link=25e9),
}
NODES_LINK = 50e9  # bytes a second of a GPU to other nodes: 400 Gbit/s InfiniBand
HOST_LINK = 25e9  # to host memory: PCIe 4 x16
HOST_BANDWIDTH = 200e9  # of a node's host memory, for a step of the optimizer there
CALL = 10e-6  # seconds to start one operation from Python
CALLS_A_LAYER = 50  # operations of the Hugging Face engine, a layer and token
