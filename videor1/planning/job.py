"""A run as far as memory and time depend on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from videor1.planning.activations import Row, Trained
from videor1.planning.shape import LanguageShape, ModelShape, VisionShape

# "colocated": vLLM in the trainer's processes; "beside": a server a rank on its GPU; "elsewhere": other GPUs
Engine = Literal["none", "hf", "colocated", "beside", "elsewhere"]


@dataclass(frozen=True, kw_only=True)
class Job:
    """A run. Lengths are the longest that the settings allow."""

    shape: ModelShape
    precision: str  # trainer.precision
    spread: str  # a name in `spreads.py`
    gpus: int
    nodes: int
    trained: Trained
    moments: int  # bytes of optimizer state a number that learns, as float32 moments: 8 for Adam
    fused: bool  # whether the optimizer steps without temporaries
    checkpointing: bool
    activation_offload: bool
    questions: int  # in a micro-batch of one GPU
    accumulate: int  # micro-batches a step
    inner_updates: int  # steps taken on the same rollouts
    group: int  # responses a question that are learned from
    shuffled: int  # responses to frames out of order
    frames: int  # in a clip
    vision_tokens: int  # of a clip
    prompt: int  # tokens, those of the clip included
    response: int  # tokens
    reference: bool  # whether there is a KL term
    engine: Engine
    vllm_share: float  # of a GPU's memory, while awake
    vllm_sleeps: bool
    vllm_ranks: int  # that share one engine
    most_rows: int  # responses that the Hugging Face engine decodes side by side

    @property
    def row(self) -> Row:
        """Of the update of a micro-batch."""
        written = self.questions * self.group * self.response
        return Row(
            tokens=self.questions * self.prompt + written,
            written=written,
            patches=4 * self.questions * self.vision_tokens,
        )

    @property
    def orders(self) -> int:
        """How often a question is prefilled: in order, and shuffled."""
        return 2 if self.shuffled else 1

    @property
    def learning(self) -> int:
        """Numbers that learn."""
        if self.trained.rank:
            return adapter_parameters(self.shape, self.trained)
        parts = (
            (self.trained.language, self.shape.language.parameters),
            (self.trained.vision, self.shape.vision.tower_parameters),
            (self.trained.merger, self.shape.vision.merger_parameters),
        )
        return sum(numbers for way, numbers in parts if way == "learns")

    @property
    def frozen(self) -> int:
        """Numbers of the policy that do not."""
        return self.shape.parameters - (0 if self.trained.rank else self.learning)


def adapter_parameters(shape: ModelShape, trained: Trained) -> int:
    """Of LoRA: rank · (in + out) for every matrix that has an adapter."""
    sides = 0
    if trained.language == "adapted":
        sides += shape.language.layers * _language_sides(shape.language)
    if trained.vision == "adapted":
        sides += shape.vision.depth * _vision_sides(shape.vision)
    if trained.merger == "adapted":
        sides += 12 * shape.vision.hidden + shape.vision.out
    return trained.rank * sides


def _language_sides(shape: LanguageShape) -> int:
    return 2 * 2 * shape.hidden + 2 * (shape.hidden + shape.kv) + 3 * (shape.hidden + shape.intermediate)


def _vision_sides(shape: VisionShape) -> int:
    return 6 * shape.hidden + 3 * (shape.hidden + shape.intermediate)
