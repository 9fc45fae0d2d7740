"""Whether a plan fits, and what to change where it does not."""

from __future__ import annotations

from collections.abc import Iterator

from videor1.planning.advice import enough, savings
from videor1.planning.memory import GIB
from videor1.planning.plan import Plan, engine_shortage
from videor1.planning.spreads import SPREADS
from videor1.table import Table


def verdict(plan: Plan) -> Iterator[str]:
    """Warnings, and what to change where it does not fit."""
    job = plan.job
    if job.precision.endswith("-true") and job.precision != "32-true" and not SPREADS[job.spread].zero:
        yield (
            f"warning: trainer.precision: {job.precision} without DeepSpeed has no float32 weights: at a"
            " learning rate of 1e-6 most updates are rounded away; take bf16-mixed, or"
            " configs/strategy/zero2.yaml"
        )
    if (missing := engine_shortage(job, plan.gpu)) > 0:
        yield (
            f"DOES NOT FIT: model.rollout.vllm.gpu_memory_utilization: {job.vllm_share} of"
            f" {gib(plan.gpu.memory)} GiB is {gib(missing)} GiB too little for vLLM's weights and one"
            " request; raise it, or model.rollout.vllm.tensor_parallel_size"
        )
    if plan.shortage <= 0:
        yield f"{'FITS' if plan.fits else 'The rest fits'}, with {gib(-plan.shortage)} GiB to spare."
        return
    yield f"DOES NOT FIT: {gib(plan.shortage)} GiB too much on each GPU."
    helpful = savings(job, capacity=plan.gpu.memory)
    if not helpful:
        yield "No option makes it smaller: take more GPUs, or larger ones."
        return
    yield "What helps, each alone, from what costs least to what changes the method:"
    rows = [
        [
            f"  {saving.option.setting}",
            f"-{gib(saving.bytes)} GiB{', fits' if saving.fits else ''}",
            saving.option.costs,
        ]
        for saving in helpful
    ]
    yield from Table(head=("", "", ""), rows=rows, words=frozenset({0, 2})).plain()
    together = enough(job, capacity=plan.gpu.memory)
    if together is None:
        yield "All of it together is not enough: take more GPUs, or larger ones."
    elif len(together) > 1:
        yield f"It fits with {' + '.join(option.setting for option in together)}."


def gib(bytes_: float) -> str:
    """Bytes as GiB, with as many digits as mean something."""
    value = bytes_ / GIB
    return f"{value:.0f}" if value >= 99.5 else f"{value:.1f}" if value >= 0.1 else f"{value:.3f}"
