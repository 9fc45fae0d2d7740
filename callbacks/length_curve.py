"""Response length over a run: mean, quantiles and histogram, by correctness; as curves, CSV and figure."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import matplotlib
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from matplotlib.figure import Figure
from torch import Tensor

from videor1.files import save_figure, write_whole
from videor1.modules import TGRPOModule
from videor1.types import Experience

matplotlib.use("Agg")
_COLUMNS = ("step", "mean", "q10", "q50", "q90", "correct", "wrong", "truncated")


class LengthCurve(Callback):
    """Follows the length, in tokens, of the ordered responses of each step of T-GRPO on this rank.

    Logs `length/…` to TensorBoard and leaves `length_curve.csv` and `length_curve.png` in the run's folder.

    Args:
        correct_above: accuracy above which a response counts as correct.
        histogram_every: steps between two histograms in TensorBoard; 0 for none.
    """

    def __init__(self, *, correct_above: float = 0.1, histogram_every: int = 10) -> None:
        self.correct_above = correct_above
        self.histogram_every = histogram_every
        self.rows: list[dict[str, float]] = []

    def state_dict(self) -> dict[str, Any]:
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.rows = list(state_dict["rows"])

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        assert isinstance(pl_module, TGRPOModule), "LengthCurve belongs to T-GRPO"
        if (batch_idx + 1) % (trainer.accumulate_grad_batches * pl_module.passes_per_block):
            return  # the block's rollouts are counted once, when it is done
        row, lengths = self._row(trainer.global_step, list(pl_module.experiences.values()))
        self.rows.append(row)
        curves = {f"length/{key}": value for key, value in row.items() if key != "step" and value == value}
        for logger in trainer.loggers:
            logger.log_metrics(curves, step=trainer.global_step - 1)  # where the step's other curves are
            if (
                isinstance(logger, TensorBoardLogger)
                and self.histogram_every
                and trainer.global_step % self.histogram_every == 0
            ):
                logger.experiment.add_histogram("length/histogram", lengths, trainer.global_step)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.is_global_zero and self.rows:
            folder = Path(trainer.default_root_dir)
            write_whole(folder / "length_curve.csv", self._csv())
            save_figure(folder / "length_curve.png", self._figure())

    def _row(self, step: int, experiences: list[Experience]) -> tuple[dict[str, float], Tensor]:
        responses = [
            (len(response.token_ids), float(accuracy), response.finished)
            for experience in experiences
            for group, reward in zip(experience.groups, experience.rewards, strict=True)
            for response, accuracy in zip(group.ordered, reward.accuracy, strict=True)
        ]
        lengths = torch.tensor([length for length, _, _ in responses], dtype=torch.float32)
        correct = torch.tensor([accuracy > self.correct_above for _, accuracy, _ in responses])
        q10, q50, q90 = lengths.quantile(torch.tensor([0.1, 0.5, 0.9])).tolist()
        truncated = sum(not finished for _, _, finished in responses) / len(responses)
        values = (
            step,
            lengths.mean().item(),
            q10,
            q50,
            q90,
            lengths[correct].mean().item(),  # NaN, and an empty cell, when none is correct
            lengths[~correct].mean().item(),
            truncated,
        )
        return dict(zip(_COLUMNS, values, strict=True)), lengths

    def _csv(self) -> str:
        file = io.StringIO(newline="")
        writer = csv.DictWriter(file, _COLUMNS)
        writer.writeheader()
        writer.writerows({k: "" if v != v else round(v, 4) for k, v in row.items()} for row in self.rows)
        return file.getvalue()

    def _figure(self) -> Figure:
        figure = Figure(figsize=(7, 4), layout="constrained")
        axes = figure.subplots()
        steps = [row["step"] for row in self.rows]
        low, high = ([row[key] for row in self.rows] for key in ("q10", "q90"))
        axes.fill_between(steps, low, high, alpha=0.2, label="10 % – 90 %")
        for key in ("mean", "correct", "wrong"):
            axes.plot(steps, [row[key] for row in self.rows], label=key)
        axes.set(xlabel="step", ylabel="tokens", title="Response length")
        axes.legend()
        return figure
