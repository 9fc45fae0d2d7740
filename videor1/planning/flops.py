"""Floating-point operations of a pass: 2 a number of a matrix and token, and 4 H a pair that attends.

    language   2 · layers · matrices · S  +  4 H · layers · pairs  +  2 · V H · M for the head
    vision     2 · blocks · matrices · N  +  4 h · pairs of patches (windows, and whole rows in full blocks)
    merger     2 · matrices · tokens

pairs of a question: P² / 2 within the prompt, C · (P + C / 2) for each response. Gradients of what flows cost
as much as the forward pass, those of matrices that learn as much again, and checkpointing one more forward
pass of the layers.
"""

from __future__ import annotations

from dataclasses import dataclass

from videor1.planning.job import Job
from videor1.planning.layers import Way


@dataclass(frozen=True, kw_only=True)
class Pass:
    """Operations of a forward pass over some questions."""

    layers: float  # of the language model
    head: float
    tower: float
    merger: float

    @property
    def total(self) -> float:
        return self.layers + self.head + self.tower + self.merger


def forward(job: Job, *, responses: int, orders: int = 1) -> Pass:
    """Of the questions of a micro-batch.

    Args:
        job: the run.
        responses: to each question.
        orders: of the frames; each is another prompt.
    """
    language, vision, questions = job.shape.language, job.shape.vision, job.questions * orders
    tokens = questions * (job.prompt + responses * job.response)
    pairs = questions * (job.prompt**2 / 2 + responses * job.response * (job.prompt + job.response / 2))
    patches = 4 * job.vision_tokens
    rows = max(1, job.frames // 2)
    windowed, whole = patches * vision.window, patches * patches / rows
    attended = (vision.depth - vision.full_blocks) * windowed + vision.full_blocks * whole
    return Pass(
        layers=language.layers * (2 * language.linear_parameters * tokens + 4 * language.hidden * pairs),
        head=2 * language.vocabulary * language.hidden * questions * responses * job.response,
        tower=questions
        * (
            2 * patches * (vision.depth * vision.linear_parameters + vision.patch * vision.hidden)
            + 4 * vision.hidden * attended
        ),
        merger=2 * questions * job.vision_tokens * vision.merger_parameters,
    )


def update(job: Job) -> float:
    """Operations of the policy's forward and backward pass over a micro-batch."""
    once = forward(job, responses=job.group)
    trained, again = job.trained, job.checkpointing
    return (
        once.layers * _times(trained.language, again)
        + once.head * (3 if trained.language == "learns" else 2)
        + once.tower * _times(trained.vision, again)
        + once.merger * _times(trained.merger, False)
    )


def reference(job: Job) -> float:
    """Operations of the reference's pass over a micro-batch; a tower that stands still is the policy's."""
    if not job.reference:
        return 0.0
    once = forward(job, responses=job.group)
    still = job.trained.vision == job.trained.merger == "still"
    return once.layers + once.head + (0 if still else once.tower + once.merger)


def _times(way: Way, again: bool) -> int:
    """Forward passes that forward and backward are worth."""
    if way == "still":
        return 1
    return (3 if way == "learns" else 2) + again
