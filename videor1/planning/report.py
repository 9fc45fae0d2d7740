"""A plan as text: the memory of each strategy, the time of a step, and whether it fits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from videor1.planning.advice import adapted, spread_over
from videor1.planning.memory import RESERVED
from videor1.planning.plan import Plan
from videor1.planning.seconds import exchanged, seconds
from videor1.planning.verdict import gib, verdict
from videor1.table import NOTHING, Table

_HEAD = (
    "strategy",
    "weights",
    "gradients",
    "optimizer",
    "reference",
    "engine",
    "buffers",
    "rollout",
    "update",
)
_ALWAYS = ("ddp", "zero2", "zero2_offload", "zero3", "zero3_offload", "fsdp2")


def report(plan: Plan) -> str:
    """All of it."""
    return "\n".join(
        [*_subject(plan), "", *_table(plan), "", *_notes(plan), "", *_step(plan), "", *verdict(plan)]
    )


def _subject(plan: Plan) -> Iterator[str]:
    job = plan.job
    learns = f"LoRA of rank {job.trained.rank}, " if job.trained.rank else ""
    steps = job.gpus * job.questions * job.accumulate
    yield (
        f"{job.gpus} × {plan.name}, {gib(plan.gpu.memory)} GiB each, {_count(job.nodes, 'node')};"
        f" {job.spread}, {job.precision}, {'with' if job.checkpointing else 'without'} gradient checkpointing"
    )
    yield (
        f"{job.shape.parameters / 1e9:.2f} B parameters, {learns}{job.learning / 1e9:.3g} B learn;"
        f" engine: {job.engine}"
    )
    shuffled = f" and {job.shuffled}" if job.shuffled else ""
    yield (
        f"a question: {job.prompt} tokens, {job.vision_tokens} of them media; {job.group}{shuffled}"
        f" {'response' if job.group == 1 else 'responses'} of at most {job.response}"
    )
    yield (
        f"a micro-batch: {_count(job.questions, 'question')}, one row of {job.row.tokens} tokens; a step:"
        f" {_count(steps, 'question')} on all GPUs"
    )


def _table(plan: Plan) -> list[str]:
    job = plan.job
    names = _ALWAYS if job.spread in _ALWAYS else (*_ALWAYS, job.spread)
    jobs = [(name, spread_over(job, name)) for name in names]
    if not job.trained.rank:
        jobs.append(("lora (ddp)", adapted(spread_over(job, "ddp"))))
    rows = []
    for name, other in jobs:
        found, step = replace(plan, job=other).memory, seconds(other, plan.gpu, utilisation=plan.utilisation)
        parts = (
            found.weights,
            found.gradients,
            found.optimizer,
            found.reference,
            found.engine,
            found.buffers,
        )
        comes = (found.rollout, max(found.update, found.reference_pass, found.step))
        rows.append(
            [
                f"{'→' if name == job.spread else ' '} {name}",
                *[gib(part) if part else NOTHING for part in (*parts, *comes)],
                gib(found.peak),
                gib(found.host) if found.host else NOTHING,
                f"{step.step:.0f}" if step.step >= 10 else f"{step.step:.1f}",
                "yes" if replace(plan, job=other).fits else "no",
            ]
        )
    return Table(head=(*_HEAD, "peak", "host", "seconds", "fits"), rows=rows).plain()


def _notes(plan: Plan) -> Iterator[str]:
    yield (
        "GiB on each GPU; host: on each node. peak = what stays + the larger of rollout and update +"
        f" {gib(RESERVED)} that CUDA and NCCL keep (assumed)."
    )
    yield "update: activations, or the reference's pass, or the optimizer's step, whichever holds most."
    job = plan.job
    if job.precision.endswith("-true") and job.precision != "32-true":
        yield f"ddp, fsdp2 and lora are shown with {job.precision.replace('true', 'mixed')}, which they need."


def _step(plan: Plan) -> Iterator[str]:
    job = plan.job
    step = seconds(job, plan.gpu, utilisation=plan.utilisation)
    parts = {
        "rollout": step.rollout,
        "reference": step.reference,
        "update": step.update,
        "exchange": step.exchange,
        "host": step.host,
    }
    told = ", ".join(f"{name} {value:.1f}" for name, value in parts.items() if value)
    yield (
        f"A step takes about {step.step:.1f} s ({told}): an estimate, no GPU has measured it; responses as"
        f" long as they may be, {plan.utilisation:.0%} of the makers' operations a second."
    )
    if exchanged(job):
        yield f"Each GPU sends {gib(exchanged(job))} GiB a step."


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
