"""Bytes on each GPU, part by part, and in host memory.

    stays      weights + gradients + optimizer + reference + engine + buffers
    comes      the largest of: rollout, reference pass, update, optimizer step
    peak       stays + comes, and what CUDA, NCCL and the allocator keep for themselves (an assumption)

buffers: DDP's buckets are as large as the gradients; ZeRO-2 has two of 200 M numbers for gradients, ZeRO-3
one, and gathers up to 1e9 weights at a time (Lightning's defaults); FSDP2 gathers embedding and head
together, and two layers, with their gradients. Where the policy is cut up, the Hugging Face engine has a
whole copy. The rollout has keys and values of every prompt, in order and shuffled, and room for every
response (rounded up as `rollout/kv.py` doubles it); vLLM has its share of the GPU while it is awake.
"""

from __future__ import annotations

from dataclasses import dataclass

from videor1.planning.activations import Held, Row, held, passing
from videor1.planning.job import Job
from videor1.planning.spreads import PARTS, SPREADS, Formats, Spread, formats

GIB = 2**30
RESERVED = 1.5 * GIB  # an assumption: CUDA's context, NCCL's buffers, what the allocator cannot use
_BUCKET = 200_000_000  # numbers; Lightning's default for DeepSpeed
_LIVE = 1_000_000_000  # likewise: weights that ZeRO-3 may have gathered
_ROOM = 64  # tokens that `rollout/kv.py` begins with


@dataclass(frozen=True, kw_only=True)
class Memory:
    """Bytes of one GPU; `host` of one node."""

    weights: float
    gradients: float
    optimizer: float
    reference: float
    engine: float  # a copy of the policy, or a vLLM that never sleeps
    buffers: float
    rollout: float
    reference_pass: float
    update: float
    step: float  # temporaries of the optimizer
    host: float

    @property
    def stays(self) -> float:
        held_ = self.weights + self.gradients + self.optimizer + self.reference
        return held_ + self.engine + self.buffers

    @property
    def peak(self) -> float:
        comes = max(self.rollout, self.reference_pass, self.update, self.step)
        return self.stays + comes + RESERVED


def memory(job: Job, *, capacity: float) -> Memory:
    """Of a job on GPUs with `capacity` bytes each."""
    spread, kinds = SPREADS[job.spread], formats(job)
    cuts = {part: job.gpus if part in spread.cut else 1 for part in PARTS}
    here = {part: 0 if part in spread.host else 1 / cuts[part] for part in PARTS}
    policy = kinds.weights * job.learning + kinds.frozen * job.frozen
    vllm = job.vllm_share * capacity if job.engine in ("colocated", "beside") else 0
    steps_here = "optimizer" not in spread.host
    return Memory(
        weights=here["weights"] * policy,
        gradients=here["gradients"] * kinds.gradients * job.learning,
        optimizer=here["optimizer"] * kinds.optimizer * job.learning,
        reference=here["weights"] * _reference(job, kinds),
        engine=_replica(job, spread, kinds) + (0 if job.vllm_sleeps else vllm),
        buffers=_buffers(job, spread, kinds),
        rollout=_rollout(job, kinds) + (vllm if job.vllm_sleeps else 0),
        reference_pass=passing(job.shape, job.row, numerics=kinds.numerics) if job.reference else 0,
        update=_update(job, kinds, offload=job.activation_offload).peak,
        step=4 * job.learning / cuts["optimizer"] if steps_here and (spread.zero or not job.fused) else 0,
        host=_host(job, spread, kinds, policy),
    )


def cache_bytes(job: Job, kinds: Formats) -> int:
    """Keys and values while the Hugging Face engine decodes."""
    language = job.shape.language
    rows = job.questions * (job.group + job.shuffled)
    prompts = job.questions * job.orders * job.prompt
    room = _ROOM
    while room < job.response:
        room *= 2
    share = min(1.0, job.most_rows / rows)
    tokens = share * (prompts + rows * room)
    return int(2 * language.layers * language.kv * kinds.decoding * tokens)


def _rollout(job: Job, kinds: Formats) -> float:
    if job.engine != "hf":
        return 0
    prompts = job.questions * job.orders
    prefill = Row(tokens=prompts * job.prompt, written=0, patches=4 * prompts * job.vision_tokens)
    width = passing(job.shape, prefill, numerics="float32" if kinds.decoding == 4 else "bfloat16")
    rows = min(job.most_rows, job.questions * (job.group + job.shuffled))
    return cache_bytes(job, kinds) + max(width, 3 * 4 * rows * job.shape.language.vocabulary)


def _update(job: Job, kinds: Formats, *, offload: bool) -> Held:
    return held(
        job.shape,
        job.row,
        numerics=kinds.numerics,
        checkpointing=job.checkpointing,
        offload=offload,
        trained=job.trained,
    )


def _reference(job: Job, kinds: Formats) -> float:
    """The whole of it; under LoRA the policy without its adapters is the reference."""
    return kinds.frozen * job.shape.parameters if job.reference and not job.trained.rank else 0


def _replica(job: Job, spread: Spread, kinds: Formats) -> float:
    """A copy of the policy's weights that the Hugging Face engine decodes with where they are cut up."""
    return kinds.decoding * job.shape.parameters if "weights" in spread.cut and job.engine == "hf" else 0


def _buffers(job: Job, spread: Spread, kinds: Formats) -> float:
    language = job.shape.language
    if job.spread == "ddp":
        return kinds.gradients * job.learning if job.gpus > 1 else 0
    if job.spread == "fsdp2":
        ends = language.embedding_parameters
        gathered = 2 if kinds.numerics == "bfloat16" else 4
        learns = job.trained.language == "learns"
        layer = language.layer_parameters
        return gathered * (ends + 2 * layer) + learns * ((gathered + 4) * layer + gathered * ends)
    bucket = min(_BUCKET, job.learning)
    if "weights" not in spread.cut:
        return 2 * kinds.gradients * bucket
    return kinds.gradients * bucket + kinds.weights * min(_LIVE, job.shape.parameters)


def _host(job: Job, spread: Spread, kinds: Formats, policy: float) -> float:
    """Of one node: what is offloaded, with float32 gradients; inputs of layers; a vLLM asleep."""
    total = 0.0
    if "optimizer" in spread.host:
        total += (kinds.optimizer + 4) * job.learning / job.nodes
    if "weights" in spread.host:
        total += (policy + _reference(job, kinds)) / job.nodes
    ranks = job.gpus / job.nodes
    if job.activation_offload:
        here = _update(job, kinds, offload=False).saved - _update(job, kinds, offload=True).saved
        total += ranks * here
    if job.engine in ("colocated", "beside") and job.vllm_sleeps:
        total += ranks / job.vllm_ranks * 2 * job.shape.parameters
    return total
