"""Signs that a run of T-GRPO learns something else than it should, while there is time to stop it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from callbacks.signs import CHANGES, SIGNS, Rise, Sign, Thresholds, Windows, is_read, judge
from videor1.errors import ConfigError
from videor1.files import write_whole
from videor1.modules import TGRPOModule


class RewardWatch(Callback):
    """Compares the first steps of a run with the last by the rules of `callbacks/signs`.

    A sign that shows for the first time is one line of warning. `watch/<sign>` in TensorBoard is 1 where it
    shows, and `reward_watch.json` in the run's folder tells of all of them. A rise must be more than noise,
    too: more than three standard errors of the difference of two windows.

    `blind_gain` needs accuracy without media: of `blind` among model.rollout.perturbations, or of
    callbacks.BenchmarkEval or a validation with `model.evaluation.blind: true`, of which the first after a
    step and the newest are compared, without a word on noise.

    Args:
        window: steps that are averaged; of those that have a value.
        thresholds: of the rules.
    """

    def __init__(self, *, window: int = 20, thresholds: Thresholds = Thresholds()) -> None:
        if window < 2:
            raise ConfigError(
                f"callbacks.RewardWatch.window must be at least 2, got {window}: noise is told from how steps"
                " differ"
            )
        self.thresholds = thresholds
        self.windows = Windows(window)
        self.examined: dict[str, list[float]] = {}  # first and newest value of an examination's curve
        self.raised: dict[str, int] = {}  # sign: steps done when it first showed

    def state_dict(self) -> dict[str, Any]:
        return {"windows": self.windows.state(), "examined": self.examined, "raised": self.raised}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.windows.load(state_dict["windows"])
        self.examined = {name: list(ends) for name, ends in state_dict["examined"].items()}
        self.raised = dict(state_dict["raised"])

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        assert isinstance(pl_module, TGRPOModule), "RewardWatch belongs to T-GRPO"
        if (batch_idx + 1) % trainer.accumulate_grad_batches:
            return
        found = {name: float(value) for name, value in trainer.callback_metrics.items() if _of_media(name)}
        self.see(pl_module.figures, found)
        signs = self.signs(pl_module)
        for logger in trainer.loggers:
            shown = {f"watch/{name}": float(sign.shows) for name, sign in signs.items()}
            logger.log_metrics(shown, step=trainer.global_step - 1)  # where the step's other curves are
        for line in self.warnings(signs, trainer.global_step):
            pl_module.print(line)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # comes after training, and when a resumed run has no step left to train
        assert isinstance(pl_module, TGRPOModule)
        if trainer.is_global_zero:
            path = Path(trainer.default_root_dir) / "reward_watch.json"
            report = self.report(self.signs(pl_module), credit=pl_module.credit)
            write_whole(path, json.dumps(report, indent=2) + "\n")

    def see(self, figures: Mapping[str, float], examined: Mapping[str, float]) -> None:
        """The curves of one more step, and what examinations have found so far."""
        self.windows.add({name: value for name, value in figures.items() if is_read(name)})
        for name, value in examined.items():
            self.examined[name] = [self.examined.get(name, [value])[0], value]

    def signs(self, module: TGRPOModule) -> dict[str, Sign]:
        """Those that there are figures for."""
        examined = {name: Rise(first=ends[0], last=ends[1]) for name, ends in self.examined.items()}
        return judge(
            self.windows,
            examined,
            self.thresholds,
            credit=module.credit != "none",
            omega=module.rewards.omega,
        )

    def warnings(self, signs: Mapping[str, Sign], step: int) -> list[str]:
        """A line for each sign that shows for the first time."""
        new = [name for name, sign in signs.items() if sign.shows and name not in self.raised]
        self.raised |= dict.fromkeys(new, step)
        return [f"Warning at step {step}, {name}: {signs[name].seen}; {signs[name].advice}" for name in new]

    def report(self, signs: Mapping[str, Sign], *, credit: str) -> dict[str, Any]:
        """The content of `reward_watch.json`."""
        return {
            "window": self.windows.size,
            "credit": credit,
            "temporal": {name.split("/")[1]: self.windows.latest(name) for name in CHANGES},
            "signs": {name: self._told(name, signs.get(name)) for name in SIGNS},
        }

    def _told(self, name: str, sign: Sign | None) -> dict[str, Any]:
        step = self.raised.get(name)
        if sign is None:
            return {"raised": step is not None, "step": step, "shows": None, "seen": None, "figures": {}}
        now = {"shows": sign.shows, "seen": sign.seen, "figures": sign.figures}
        return {"raised": step is not None, "step": step, **now}


def _of_media(name: str) -> bool:
    """Whether it is an examination's accuracy with or without media."""
    return name.endswith(("/ordered", "/blind")) and not is_read(name)
