"""A job on some GPUs, and whether it fits."""

from __future__ import annotations

from dataclasses import dataclass

from videor1.planning.gpus import Gpu
from videor1.planning.job import Job
from videor1.planning.memory import GIB, Memory, memory


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A job on some GPUs."""

    job: Job
    gpu: Gpu
    name: str  # of the GPU
    utilisation: float

    @property
    def memory(self) -> Memory:
        return memory(self.job, capacity=self.gpu.memory)

    @property
    def shortage(self) -> float:
        """Bytes that are missing on each GPU; negative where some are left."""
        return self.memory.peak - self.gpu.memory

    @property
    def fits(self) -> bool:
        return self.shortage <= 0 and engine_shortage(self.job, self.gpu) <= 0


def engine_shortage(job: Job, gpu: Gpu) -> float:
    """Bytes by which vLLM's share of a GPU is too small for its weights and one request."""
    if job.engine not in ("colocated", "beside"):
        return 0.0
    language = job.shape.language
    request = 4 * language.layers * language.kv * (job.prompt + job.response)
    needed = 2 * job.shape.parameters / job.vllm_ranks + request + 2 * GIB  # of its own, an assumption
    return needed - job.vllm_share * gpu.memory
