"""What the policy actually says: sampled responses with their rewards and frames, in TensorBoard."""

from __future__ import annotations

import re
import string
from typing import Any

import numpy as np
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger

from videor1.modules import TGRPOModule
from videor1.types import Clip, Group, Rewards

_PUNCTUATION = re.compile(f"[{re.escape(string.punctuation)}]")


class RolloutSamples(Callback):
    """Writes a few groups as a table of responses and a strip of the frames they are about.

    Args:
        every: steps between two looks.
        groups: questions shown at each look.
        responses: ordered, and as many shuffled, responses shown of each.
    """

    def __init__(self, *, every: int = 50, groups: int = 2, responses: int = 2) -> None:
        self.every, self.groups, self.responses = every, groups, responses

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        step = trainer.global_step
        if step % self.every or (batch_idx + 1) % trainer.accumulate_grad_batches:
            return
        assert isinstance(pl_module, TGRPOModule), "RolloutSamples belongs to T-GRPO"
        experience = pl_module.experiences[0]
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger) and trainer.is_global_zero:
                chosen = list(zip(experience.groups, experience.rewards, strict=True))[: self.groups]
                for number, (group, rewards) in enumerate(chosen):
                    logger.experiment.add_text(f"rollouts/{number}", self._table(group, rewards), step)
                    strip = frame_strip(group.prompt.clip)
                    logger.experiment.add_image(f"rollouts/{number}", strip, step, dataformats="HWC")

    def _table(self, group: Group, rewards: Rewards) -> str:
        record = group.prompt.record
        terms = ("total", "accuracy", "format", "temporal", "length")
        question = " ".join([record.problem, *record.options])
        lines = [
            f"**{_cell(question)}**, solution **{_cell(record.solution)}**",
            "",
            "| order | " + " | ".join(terms) + " | response |",
            "|---" * (len(terms) + 2) + "|",
        ]
        for i, response in enumerate(group.ordered[: self.responses]):
            marks = " | ".join(f"{getattr(rewards, term)[i]:.2f}" for term in terms)
            lines.append(f"| ordered | {marks} | {_cell(response.text)} |")
        for i, response in enumerate(group.shuffled[: self.responses]):
            marks = " | ".join(["", f"{rewards.shuffled_accuracy[i]:.2f}", "", "", ""])
            lines.append(f"| {_seen(group)} | {marks} | {_cell(response.text)} |")
        return "\n".join(lines)


def _seen(group: Group) -> str:
    """The perturbation, and which of the clip's source frames it showed when."""
    assert group.perturbed is not None, "shuffled responses have seen something"
    return f"{group.perturbation} {list(group.perturbed.clip.indices)}"


def frame_strip(clip: Clip) -> np.ndarray:
    """(H, T * W, 3) uint8: the frames of a clip side by side, in the order shown."""
    return np.concatenate(list(clip.frames), axis=1)


def _cell(text: str) -> str:
    """Model and data text as literal characters: neither table, markup, link, image nor HTML.

    TensorBoard's own cleaning lets links and images of Markdown through, and a browser asks their host.
    """
    return " ".join(_PUNCTUATION.sub(lambda mark: f"&#{ord(mark[0])};", text).split())
