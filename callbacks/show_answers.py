"""Prints what `predict` was asked for: for a person while it is written, or as JSON lines for a program."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from transformers import PreTrainedTokenizerBase, TextStreamer

from callbacks.answer_text import REASONING, as_dict, conclusion, heading, question_of
from videor1.data.batch import PromptBatch
from videor1.modules import PolicyModule
from videor1.rewards import reasoning_of
from videor1.types import Record


class ShowAnswers(Callback):
    """Question, frames used, reasoning and answer of each prediction; one line for a question that has none.

    On a terminal the reasoning appears word by word, unless several ranks share it or the engine hands out
    whole responses only. What could not be asked is told on stderr, once a cause.

    Args:
        json: print one object a question instead, in the order of the questions (of each rank); one without
            an answer has an "error".

    Attributes:
        asked: questions of all ranks, once the prediction has ended.
        unanswered: those that could not be asked.
    """

    def __init__(self, *, json: bool = False) -> None:
        self.json = json
        self.asked = self.unanswered = 0
        self._told: set[str] = set()
        self._began = 0.0
        self._aloud: ReasoningStreamer | None = None

    def on_predict_batch_start(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        batch: PromptBatch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        assert isinstance(pl_module, PolicyModule)
        for failed in batch.quarantined:
            # The command line's Trainer has a data module, which Lightning's types do not know.
            record = trainer.datamodule.asked[failed.record]  # type: ignore[attr-defined]
            self._tell(record, failed.cause)
        self.asked += len(batch) + len(batch.quarantined)
        self.unanswered += len(batch.quarantined)
        self._aloud = None
        if len(batch) and not self.json and trainer.world_size == 1 and sys.stdout.isatty():
            print(heading(batch.prompts[0]))
            self._aloud = ReasoningStreamer(pl_module.processor.tokenizer)
        pl_module.watch = self._aloud and self._aloud.hear
        self._began = time.perf_counter()

    def on_predict_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: PromptBatch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        assert isinstance(pl_module, PolicyModule)
        seconds = time.perf_counter() - self._began
        for group in pl_module.predicted:
            if self.json:
                _print_json(as_dict(group, seconds))
            elif self._aloud is not None:
                self._aloud.say(group.ordered[0].text)
                print("\n" + conclusion(group), flush=True)
            else:
                reasoning = f"{REASONING}{reasoning_of(group.ordered[0].text)}"
                print("\n".join([heading(group.prompt), reasoning, conclusion(group)]), flush=True)

    def on_predict_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        counts = torch.tensor([self.asked, self.unanswered], device=pl_module.device)
        total = trainer.strategy.reduce(counts, reduce_op="sum")
        assert isinstance(total, torch.Tensor)
        self.asked, self.unanswered = total.tolist()

    def _tell(self, record: Record, cause: str) -> None:
        if self.json:
            _print_json(question_of(record) | {"error": cause})
        elif cause not in self._told:
            self._told.add(cause)
            print(f"error: {cause}", file=sys.stderr, flush=True)


class ReasoningStreamer(TextStreamer):
    """Prints the reasoning of a response, without its tags, as the tokens come.

    It prints whole words, so a tag, which has no space in it, is never printed in part.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        super().__init__(tokenizer, skip_special_tokens=True)
        self.text = ""
        self._said = 0
        print(REASONING, end="", flush=True)

    def hear(self, response: int, ids: Sequence[int]) -> None:
        """A `Watch` of one response."""
        self.put(torch.tensor(ids))

    def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
        self.text += text
        self.say(self.text)

    def say(self, text: str) -> None:
        """Prints what has not been printed yet of the reasoning in a response, or in its beginning."""
        reasoning = reasoning_of(text)
        print(reasoning[self._said :], end="", flush=True)
        self._said = len(reasoning)


def _print_json(value: dict[str, Any]) -> None:
    print(json.dumps(value, ensure_ascii=False), flush=True)
