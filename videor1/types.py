"""The values that flow through videor1, in the order in which they come to be.

    Record ─▶ Clip ─▶ Prompt ─▶ Response/Group ─▶ Rewards ─▶ Experience

Each stage receives the value before it and returns the next. All are frozen; shapes and units stand
beside the fields. `B` questions a batch, `G` ordered and `G~` shuffled responses a question, `N` rows
(responses of all questions, question by question), `P` prompt tokens, `C` response tokens, `L` the
longest response of a batch.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

DataType = Literal["video", "image"]
ProblemType = Literal["multiple choice", "numerical", "OCR", "free-form", "regression"]
PROBLEM_TYPES: tuple[str, ...] = get_args(ProblemType)
Perturbation = Literal["shuffled", "reversed", "frozen", "dropped", "blind"]
PERTURBATIONS: tuple[Perturbation, ...] = get_args(Perturbation)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One question of a Video-R1 data file, as published (`path` is relative to the data root)."""

    problem_id: int | str
    problem: str
    data_type: DataType
    problem_type: ProblemType
    options: tuple[str, ...]  # ("A. left", "B. right"); empty unless multiple choice
    solution: str  # "<answer>B</answer>"
    path: str
    data_source: str
    process: str | None = None  # "<think>…</think>": only the CoT files have it


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """Decoded, resized frames and the one record of their timing that everything downstream reads."""

    frames: np.ndarray  # (T, H, W, 3) uint8 RGB; H and W multiples of 28; T even for a video, 1 for an image
    indices: tuple[int, ...]  # T source frame numbers
    fps: float  # sampled frames a second: T / total_frames * source_fps; 0.0 for an image
    source_fps: float  # 0.0 for an image
    total_frames: int
    path: str

    @property
    def is_video(self) -> bool:
        return self.source_fps > 0

    @property
    def seconds_per_grid(self) -> float:
        """Seconds between two rows of the temporal grid (a row is 2 frames); 0.0 for an image."""
        return 2.0 / self.fps if self.is_video else 0.0


NO_CLIP = Clip(  # of a prompt that is text and nothing else
    frames=np.zeros((0, 28, 28, 3), np.uint8), indices=(), fps=0.0, source_fps=0.0, total_frames=0, path=""
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A question as the model reads it."""

    record: Record
    clip: Clip
    input_ids: Tensor  # (P,) int64, one id per vision token included
    patches: Tensor  # (t*h*w, 3*2*14*14) uint8, cut from the frames; normalised on the device
    grid_thw: Tensor  # (1, 3) int64 patches in time, height, width; (0, 3), without patches, when text is all

    def to(self, device: torch.device | str) -> Prompt:
        """The same with its tensors on `device`."""
        return replace(
            self,
            input_ids=self.input_ids.to(device),
            patches=self.patches.to(device),
            grid_thw=self.grid_thw.to(device),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """One sampled continuation of a prompt."""

    token_ids: Tensor  # (C,) int64, the end token included when the response is finished
    logprobs: Tensor  # (C,) float32, of the distribution they were drawn from, top_p applied
    text: str  # decoded without the end token
    finished: bool  # False when max_new_tokens cut it off

    def to(self, device: torch.device | str) -> Response:
        """The same with its tensors on `device`."""
        return replace(self, token_ids=self.token_ids.to(device), logprobs=self.logprobs.to(device))


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """All responses to one question: `ordered` are trained on, `shuffled` only measured (T-GRPO)."""

    prompt: Prompt
    ordered: tuple[Response, ...]  # G
    shuffled: tuple[Response, ...] = ()  # G~, to the perturbed clip; none to an image
    perturbation: Perturbation | None = None  # of the clip, in the paper "shuffled"; None for an image
    perturbed: Prompt | None = None  # what they saw; also there without shuffled responses


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewards:
    """The reward of each response of one group, term by term."""

    accuracy: Tensor  # (G,) in [0, 1], before its weight
    format: Tensor  # (G,) 0 or 1, before its weight
    temporal: Tensor  # (G,) 0 or alpha, by the rule, whatever credit makes of it
    length: Tensor  # (G,) 0 or omega
    overlong: Tensor  # (G,) from minus its weight to 0
    custom: dict[str, Tensor]  # (G,) each, weighted, by the name of the term
    untimed: Tensor  # (G,) weighted sum of all terms but the temporal one
    shuffled_accuracy: Tensor  # (G~,) in [0, 1]; empty for an image
    shuffled_untimed: Tensor  # (G~,) the same sum for the shuffled responses

    @property
    def total(self) -> Tensor:
        """(G,) all terms."""
        return self.untimed + self.temporal


@dataclass(frozen=True, slots=True, kw_only=True)
class Experience:
    """What one micro-batch learns from: B groups and everything about them that stays fixed in an update."""

    groups: tuple[Group, ...]  # B
    rewards: tuple[Rewards, ...]  # B
    advantages: Tensor  # (B * G,), question by question
    plain_advantages: Tensor  # (B * G,) what they would be without temporal credit
    learned: tuple[int, ...]  # numbers of the groups that the update passes over, whose N responses follow
    share: float  # what the mean of their losses counts in the mean over all groups, in [0, 1]
    token_weights: Tensor | None  # (N, L) that multiply what a token gains; None for all 1
    sampled_logprobs: Tensor  # (N, L) with which the engine drew the tokens, 0 where padded
    old_logprobs: Tensor | None  # (N, L) of the policy before the block's updates; None if there is but one
    reference_logprobs: Tensor | None  # (N, L); None when beta = 0
    vision: Tensor | None  # (V, hidden) features of all vision tokens by a frozen tower; None when it learns

    @property
    def learned_groups(self) -> tuple[Group, ...]:
        return tuple(self.groups[number] for number in self.learned)

    @property
    def learned_advantages(self) -> Tensor:
        """(N,) the advantages of their responses."""
        return self.advantages.unflatten(0, (len(self.groups), -1))[list(self.learned)].flatten()

    def made_of(self) -> dict[str, Tensor | None]:
        """What of a loss is fixed, (N,) or (N, L), by the name that a reader knows it by."""
        return {
            "engine's log-probs": self.sampled_logprobs,
            "log-probs before the update": self.old_logprobs,
            "reference's log-probs": self.reference_logprobs,
            "token weights": self.token_weights,
            "advantages": self.learned_advantages,
        }
