"""Prints what `predict` was asked for, for a person to read."""

from __future__ import annotations

from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from videor1.modules import PolicyModule
from videor1.rewards import extract_answer
from videor1.types import Group


class ShowAnswers(Callback):
    """Question, frames used, reasoning and answer, after each prediction."""

    def on_predict_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        assert isinstance(pl_module, PolicyModule)
        for group in pl_module.predicted:
            print(describe(group))


def describe(group: Group) -> str:
    """The first ordered response of a group as a few lines of text."""
    record, clip, response = group.prompt.record, group.prompt.clip, group.ordered[0]
    shown = f"image {clip.frames.shape[2]}x{clip.frames.shape[1]}"
    if clip.is_video:
        times = ", ".join(f"{index / clip.source_fps:.1f}" for index in clip.indices)
        shown = f"{len(clip.frames)} frames at {clip.frames.shape[2]}x{clip.frames.shape[1]}, seconds {times}"
    reasoning = response.text.partition("</think>")[0].replace("<think>", "").strip()
    answer = extract_answer(response.text)
    return "\n".join(
        [
            "",
            f"media      {clip.path}",
            f"shown      {shown}",
            f"question   {record.problem} {' '.join(record.options)}".rstrip(),
            f"reasoning  {reasoning}",
            f"answer     {'(none given)' if answer is None else answer}"
            + ("" if response.finished else "   [cut off at max_new_tokens]"),
        ]
    )
