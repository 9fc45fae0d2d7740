"""Callbacks of tests: one writes down what a run trained on, so that two can be compared; others do harm."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

from lightning.pytorch import Callback


class Recorder(Callback):
    """Appends one line a batch to `seen.jsonl` in the run's folder."""

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        experiences = getattr(pl_module, "experiences", None)
        place = batch_idx % trainer.accumulate_grad_batches
        line = {
            "step": trainer.global_step,
            "batch_idx": batch_idx,
            "records": [prompt.record.problem_id for prompt in batch.prompts],
            "loss": float(outputs["loss"]),
            "sampled": [
                response.token_ids.tolist()
                for group in (experiences[place].groups if experiences else ())
                for response in (*group.ordered, *group.shuffled)
            ],
        }
        with (Path(trainer.default_root_dir) / "seen.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


class KillsTheServer(Callback):
    """Kills the run's rollout server once, when two steps are done."""

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        if trainer.global_step == 2:
            ready = Path(trainer.default_root_dir) / "rollout" / "server-0.json"
            os.kill(json.loads(ready.read_text(encoding="utf-8"))["pid"], signal.SIGKILL)


class Sleeps(Callback):
    """Rank 1 sleeps in a step, while the others wait for its gradients."""

    def __init__(self, step: int, seconds: float) -> None:
        self.step, self.seconds = step, seconds

    def on_before_backward(self, trainer, pl_module, loss):
        if trainer.global_rank == 1 and trainer.global_step == self.step:
            self.sleep_in_the_step()

    def sleep_in_the_step(self):
        time.sleep(self.seconds)
