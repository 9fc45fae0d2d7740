"""What to change where a run does not fit: each option is tried, and named only where it helps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from videor1.planning.activations import Trained
from videor1.planning.job import Job
from videor1.planning.memory import GIB, memory
from videor1.planning.read import LORA_RANK
from videor1.planning.spreads import SPREADS

_WORTH = 0.1 * GIB


@dataclass(frozen=True, kw_only=True)
class Option:
    """Something to change; in `OPTIONS` from what costs least to what changes the method."""

    setting: str  # as it is written in a config
    costs: str
    change: Callable[[Job], Job]


@dataclass(frozen=True, kw_only=True)
class Saving:
    """An option that helps."""

    option: Option
    bytes: float  # that the peak is lower by, this option alone
    fits: bool  # with this option alone


def spread_over(job: Job, name: str) -> Job:
    """The job under another strategy, in the precision it needs: without ZeRO's master, bf16-mixed."""
    mixed = job.precision.replace("-true", "-mixed") if job.precision != "32-true" else job.precision
    zero = SPREADS[name].zero
    return replace(job, spread=name, precision=job.precision if zero or job.spread == name else mixed)


def adapted(job: Job) -> Job:
    """The job with LoRA in the language model, as configs/strategy/lora.yaml has it."""
    return replace(job, trained=Trained(vision="still", merger="still", language="adapted", rank=LORA_RANK))


def _halved(job: Job, frames: int) -> Job:
    fewer = max(2, job.frames // 2 // 2 * 2) if frames else job.frames
    tokens = job.vision_tokens * fewer // job.frames
    return replace(job, frames=fewer, vision_tokens=tokens, prompt=job.prompt - job.vision_tokens + tokens)


def _to(name: str) -> Callable[[Job], Job]:
    def change(job: Job) -> Job:
        return spread_over(job, name) if job.gpus > 1 or "offload" in name else job

    return change


OPTIONS: tuple[Option, ...] = (
    Option(
        setting="model.gradient_checkpointing: true",
        costs="a third more update time",
        change=lambda job: replace(job, checkpointing=True),
    ),
    Option(
        setting="data.batch_size: 1 (and trainer.accumulate_grad_batches as much larger)",
        costs="the same step in smaller pieces",
        change=lambda job: replace(job, questions=1, accumulate=job.accumulate * job.questions),
    ),
    Option(setting="configs/strategy/zero2.yaml", costs="little", change=_to("zero2")),
    Option(setting="configs/strategy/zero3.yaml", costs="gathers weights at each pass", change=_to("zero3")),
    Option(
        setting="model.rollout.vllm.mode: server, with addresses on other GPUs",
        costs="these GPUs",
        change=lambda job: replace(job, engine="none" if job.engine == "none" else "elsewhere"),
    ),
    Option(
        setting="model.optimizer: bitsandbytes.optim.PagedAdamW8bit (configs/optimizer/paged_adamw8bit.yaml)",
        costs="rounded optimizer state",
        change=lambda job: job if job.spread == "fsdp2" else replace(job, moments=2, fused=True),
    ),
    Option(
        setting="model.activation_offload: true",
        costs="a copy of each layer's input to host memory and back",
        change=lambda job: replace(job, activation_offload=job.checkpointing),
    ),
    Option(
        setting="configs/strategy/zero2_offload.yaml", costs="host memory, time", change=_to("zero2_offload")
    ),
    Option(
        setting="configs/strategy/zero3_offload.yaml",
        costs="host memory, more time",
        change=_to("zero3_offload"),
    ),
    Option(
        setting="data.clip.max_frames: half",
        costs="sees less",
        change=lambda job: _halved(job, frames=1),
    ),
    Option(
        setting="model.rollout.sampling.max_new_tokens: half",
        costs="shorter answers",
        change=lambda job: job if job.engine == "none" else replace(job, response=job.response // 2),
    ),
    Option(
        setting="model.freeze: [vision, merger]",
        costs="the tower stays as it is",
        change=lambda job: (
            job
            if job.trained.rank
            else replace(job, trained=replace(job.trained, vision="still", merger="still"))
        ),
    ),
    Option(
        setting="model.loss.beta: 0",
        costs="nothing holds the policy to where it began",
        change=lambda job: replace(job, reference=False),
    ),
    Option(setting="configs/strategy/lora.yaml", costs="adapters learn, not the model", change=adapted),
)


def savings(job: Job, *, capacity: float) -> list[Saving]:
    """What helps, each alone, in the order of `OPTIONS`."""
    peak = memory(job, capacity=capacity).peak
    found = []
    for option in OPTIONS:
        after = memory(option.change(job), capacity=capacity).peak
        if peak - after > _WORTH:
            found.append(Saving(option=option, bytes=peak - after, fits=after <= capacity))
    return found


def enough(job: Job, *, capacity: float) -> list[Option] | None:
    """The first options, in order, that together make it fit, without those that are not needed.

    None when all of them are not enough.
    """
    taken: list[Option] = []
    for option in OPTIONS:
        before = memory(_apply(job, taken), capacity=capacity).peak
        after = memory(_apply(job, [*taken, option]), capacity=capacity).peak
        if before - after > _WORTH:
            taken.append(option)
        if min(before, after) <= capacity:
            break
    if memory(_apply(job, taken), capacity=capacity).peak > capacity:
        return None
    for option in tuple(reversed(taken)):
        rest = [other for other in taken if other is not option]
        if memory(_apply(job, rest), capacity=capacity).peak <= capacity:
            taken = rest
    return taken


def _apply(job: Job, options: list[Option]) -> Job:
    for option in options:
        job = option.change(job)
    return job
