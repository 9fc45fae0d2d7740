"""A callback of tests: makes something of one micro-batch NaN, and writes down what the weights are."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import torch
from lightning.pytorch import Callback


class Unsound(Callback):
    """Does harm at a batch, and adds a line after each to `weights-RANK.jsonl` in the run's folder.

    Args:
        batch: its number, or that of the first; for "reference" and "shard" the steps done before it.
        what: "forward" (the last norm's output is NaN), "gradient" (one is infinite), "shard" (one is on this
            rank, after the ranks' have been summed) or "reference" (log-probs of the second group's responses
            are NaN).
        rank: that is harmed.
        always: all batches from then on.
    """

    def __init__(self, batch: int, what: str, rank: int = 0, always: bool = False) -> None:
        self.batch, self.what, self.rank, self.always = batch, what, rank, always
        self.hook = None

    def on_train_start(self, trainer, pl_module):
        if self.what == "reference":
            collector, collect = pl_module.collector, pl_module.collector.collect
            collector.collect = lambda *a, **k: self._without_reference(collect(*a, **k), k["step"])

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        due = batch_idx == self.batch or (self.always and batch_idx > self.batch)
        if not due or trainer.global_rank != self.rank:
            return
        norm = pl_module.policy.model.language_model.norm
        if self.what == "forward":
            self.hook = norm.register_forward_hook(lambda module, given, output: output * torch.nan)
        elif self.what == "gradient":
            self.hook = norm.weight.register_hook(lambda gradient: gradient * torch.inf)

    def on_after_backward(self, trainer, pl_module):
        if self.what == "shard" and trainer.global_step == self.batch and trainer.global_rank == self.rank:
            mine(pl_module.policy.model.language_model.norm.weight.grad).fill_(torch.inf)

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        if self.hook is not None:
            self.hook.remove()
            self.hook = None
        digest = hashlib.sha256()
        for parameter in pl_module.policy.parameters():
            digest.update(mine(parameter).numpy().tobytes())
        counts = {int(state["step"]) for state in trainer.optimizers[0].state.values() if "step" in state}
        line = {
            "weights": digest.hexdigest(),
            "optimizer": sorted(counts),
            "rate": trainer.optimizers[0].param_groups[0]["lr"],
            "records": [prompt.record.problem_id for prompt in batch.prompts],
            "step": trainer.global_step,
        }
        path = Path(trainer.default_root_dir) / f"weights-{trainer.global_rank}.jsonl"
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def _without_reference(self, experience, step):
        if step != self.batch:
            return experience
        logprobs = experience.reference_logprobs.clone()
        size = len(experience.groups[0].ordered)
        logprobs[size : 2 * size, 0] = torch.nan
        return replace(experience, reference_logprobs=logprobs)


class Begun(Callback):
    """Adds step and records of each batch to `begun.jsonl` before it is trained on."""

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        line = [trainer.global_step, [prompt.record.problem_id for prompt in batch.prompts]]
        with (Path(trainer.default_root_dir) / "begun.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def mine(parameter: torch.Tensor) -> torch.Tensor:
    """What this rank has of it, float32: the same memory where it is that already."""
    shard = getattr(parameter, "ds_tensor", parameter)  # ZeRO-3's
    shard = shard.to_local() if hasattr(shard, "to_local") else shard
    return shard.detach().float()  # numpy knows no bfloat16


def seen(folder: Path, rank: int = 0) -> list[dict]:
    """Lines of a rank."""
    text = (folder / f"weights-{rank}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def told(folder: Path) -> list[dict]:
    """Lines of `numbers.jsonl`."""
    return [json.loads(line) for line in (folder / "numbers.jsonl").read_text(encoding="utf-8").splitlines()]
