"""How long a step takes: an estimate from the makers' figures, nothing measured.

    rollout     prefill at the assumed utilisation; then a token at a time, each as long as reading weights
                and cache, or (Hugging Face engine) as starting its operations
    reference   one forward pass, update 2 to 4 (`flops.py`), at the assumed utilisation
    exchange    bytes each GPU sends and receives, by the slowest link, as if nothing overlapped
    host        a step of the optimizer in host memory, and what goes there and back

All responses are as long as they may be. With servers elsewhere the rollout is taken as if each rank had one
such GPU there to itself.
"""

from __future__ import annotations

from dataclasses import dataclass

from videor1.planning.flops import forward, reference, update
from videor1.planning.gpus import CALL, CALLS_A_LAYER, HOST_BANDWIDTH, HOST_LINK, NODES_LINK, Gpu
from videor1.planning.job import Job
from videor1.planning.spreads import SPREADS, formats


@dataclass(frozen=True, kw_only=True)
class Seconds:
    """Of one optimizer step."""

    rollout: float
    reference: float
    update: float
    exchange: float
    host: float

    @property
    def step(self) -> float:
        return self.rollout + self.reference + self.update + self.exchange + self.host


def seconds(job: Job, gpu: Gpu, *, utilisation: float) -> Seconds:
    """Of a step of a job, all its micro-batches together, a step on each rollout `inner_updates` times."""
    rate = utilisation * (gpu.single if formats(job).numerics == "float32" else gpu.half)
    passes = job.accumulate / job.inner_updates  # rollouts and references a step
    link = gpu.link if job.nodes == 1 else min(gpu.link, NODES_LINK)
    return Seconds(
        rollout=passes * _rollout(job, gpu, rate) if job.engine != "none" else 0.0,
        reference=passes * reference(job) / rate,
        update=job.accumulate * update(job) / rate,
        exchange=exchanged(job) / link,
        host=_host(job),
    )


def _rollout(job: Job, gpu: Gpu, rate: float) -> float:
    kinds, language = formats(job), job.shape.language
    responses = job.questions * (job.group + job.shuffled)
    prefill = forward(job, responses=0, orders=job.orders).total / rate
    number = kinds.decoding if job.engine == "hf" else 2
    read = number * language.parameters
    cache = 2 * number * language.layers * language.kv
    tokens = job.questions * job.orders * job.prompt + responses * job.response / 2
    if job.engine != "hf":  # vLLM reads a prompt for each of its responses
        tokens = responses * (job.prompt + job.response / 2)
    token = (read + cache * tokens) / gpu.bandwidth
    if job.engine == "hf":
        turns = -(-responses // job.most_rows)
        token = turns * max(token, language.layers * CALLS_A_LAYER * CALL)
    return prefill + job.response * token


def exchanged(job: Job) -> float:
    """Bytes that each GPU sends in a step (it receives as many).

    Cut weights are gathered for the forward and the backward pass of each micro-batch, for the reference's,
    and once for the engine; gradients are reduced once a micro-batch where they are cut, else once a step.
    """
    if job.gpus == 1:
        return 0.0
    spread, kinds = SPREADS[job.spread], formats(job)
    others = (job.gpus - 1) / job.gpus
    gathered = 2 if kinds.numerics == "bfloat16" else 4
    weights = gathered * job.shape.parameters
    gradients = kinds.gradients * job.learning
    if "weights" in spread.cut:
        scored = job.reference / job.inner_updates
        pulls = job.accumulate * (2 + scored) + (job.engine != "none") / job.inner_updates
        return others * (pulls * weights + job.accumulate * gradients)
    if "gradients" in spread.cut:
        return others * (job.accumulate * gradients + gathered * job.learning)
    return others * 2 * gradients


def _host(job: Job) -> float:
    spread, kinds = SPREADS[job.spread], formats(job)
    if not spread.host:
        return 0.0
    share = job.learning / job.gpus
    moved = (kinds.gradients + kinds.weights) * share
    if "weights" in spread.host:
        moved += 2 * job.accumulate * kinds.weights * job.shape.parameters / job.gpus
    stepped = 2 * (kinds.optimizer + 4) * job.learning / job.nodes
    return moved / HOST_LINK + stepped / HOST_BANDWIDTH
