"""One run of the ablation: its folder, and the words with which the command line trains and examines it.

<out>/world                                  the toy world
<out>/see                                    SFT of a model that sees time, kept
<out>/sft/<checkpoint>                       SFT from it with that seed towards cues, its model kept
<out>/runs/<arm>/<checkpoint>-<seed>         a training from it, its model examined and removed
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from benchmarks.support.ablation.arms import ARMS
from benchmarks.support.measured import ROOT

RESULT = "result.json"
QUIET = {"enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False}
KEPT = ({"class_path": "callbacks.HFExport"}, {"class_path": "callbacks.StageRecord"})
COUNTED = {"class_path": "benchmarks.support.ablation.sampled.SampledTokens"}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What all runs of an ablation share.

    Args:
        out: folder of the world and of all runs.
        steps: of the arms' training; None for the config's.
        sft_steps: of SFT; None for the config's.
        samples: responses to each held-out question and frame order.
        workers: data.workers of each run; 0 decodes in its own process.
    """

    out: Path
    steps: int | None = None
    sft_steps: int | None = None
    samples: int = 2
    workers: int = 0

    @property
    def world(self) -> Path:
        return self.out / "world"


@dataclass(frozen=True, kw_only=True)
class Job:
    """One run: an arm that begins with a checkpoint; SFT that makes that where `arm` is None; and the SFT
    before it, which all checkpoints share, where `checkpoint` is None too."""

    settings: Settings
    arm: str | None
    checkpoint: int | None
    seed: int

    @property
    def name(self) -> str:
        return str(self.folder.relative_to(self.settings.out))

    @property
    def folder(self) -> Path:
        if self.arm is None:
            return self.seeing if self.checkpoint is None else self.sft
        return self.settings.out / "runs" / self.arm / f"{self.checkpoint}-{self.seed}"

    @property
    def seeing(self) -> Path:
        """The folder of the SFT that all checkpoints begin with."""
        return self.settings.out / "see"

    @property
    def sft(self) -> Path:
        """The folder of the SFT that it begins with, or is."""
        return self.settings.out / "sft" / str(self.checkpoint)

    @property
    def begins_with(self) -> Path | None:
        """The folder of the run whose model it begins with; None for the world's untrained one."""
        if self.arm is not None:
            return self.sft if ARMS[self.arm].from_sft else None
        return None if self.checkpoint is None else self.seeing

    @property
    def trains(self) -> bool:
        return self.arm is None or ARMS[self.arm].trains

    @property
    def examined(self) -> bool:
        return self.arm is not None

    @property
    def policy(self) -> Path:
        """The model that it begins with."""
        return self.settings.world / "model" if self.begins_with is None else self.begins_with / "hf"

    @property
    def ready(self) -> bool:
        """Whether the SFT is over that it begins with, or whose weights its result names."""
        needed = self.begins_with if self.arm is None else self.sft
        return needed is None or (needed / RESULT).is_file()

    def base(self, stage: str) -> list[str]:
        """The shipped config of a stage, the ablation's overlay and those of the arm."""
        overlays = ARMS[self.arm].overlays if self.arm is not None and stage == "fit" else ()
        if stage == "validate":
            names = ("evaluate", "evaluate")
        elif self.arm is not None:
            names = ("tgrpo", "tgrpo")
        else:
            names = ("sft", "see" if self.checkpoint is None else "sft")
        return [f"configs/quickstart/{names[0]}.yaml", f"configs/ablation/{names[1]}.yaml", *overlays]

    def overlay(self, stage: str) -> dict[str, Any]:
        """What is laid over them: `stage` is fit or validate."""
        steps = self.settings.sft_steps if self.arm is None else self.settings.steps
        trainer: dict[str, Any] = {**QUIET, "default_root_dir": str(self.folder)}
        model: dict[str, Any] = {"policy": str(self.policy)}
        if stage == "fit":
            trainer["callbacks"] = [*KEPT, *([COUNTED] if self.arm is not None else [])]
            trainer["logger"] = _csv(self.folder)
            trainer |= {} if steps is None else {"max_steps": steps}
            model |= ARMS[self.arm].model if self.arm is not None else {}
        else:
            trainer["default_root_dir"] = str(self.folder / "validation")
            model["policy"] = str(self.folder / "hf" if self.trains else self.policy)
            model["evaluation"] = {"samples": self.settings.samples, "greedy": False}
        data = {"root": str(self.settings.world), "workers": self.settings.workers}
        return {
            "seed_everything": self.seed,
            "trainer": trainer,
            "model": {"init_args": model},
            "data": data,
        }

    def words(self, stage: str) -> list[str]:
        """Of the command line; writes the overlay into the run's folder."""
        self.folder.mkdir(parents=True, exist_ok=True)
        own = self.folder / f"{stage}.yaml"
        own.write_text(yaml.safe_dump(self.overlay(stage)), encoding="utf-8")
        files = [*(str(ROOT / name) for name in self.base(stage)), str(own)]
        return [stage, *(word for file in files for word in ("-c", file))]

    def asked(self) -> dict[str, Any]:
        """What a result depends on, but for paths: the same for the same run."""
        stages = [*(["fit"] if self.trains else []), *(["validate"] if self.examined else [])]
        settled = [yaml.safe_load((ROOT / file).read_text()) for stage in stages for file in self.base(stage)]
        digest = hashlib.sha256(json.dumps(settled, sort_keys=True).encode()).hexdigest()
        steps = self.settings.sft_steps if self.arm is None else self.settings.steps
        return {
            "arm": self.arm,
            "model": dict(ARMS[self.arm].model) if self.arm is not None else {},
            "checkpoint": self.checkpoint,
            "seed": self.seed,
            "steps": steps if self.trains else None,
            "samples": self.settings.samples if self.examined else None,
            "configs": digest[:16],
        }


def _csv(folder: Path) -> dict[str, Any]:
    """Curves as `metrics.csv` in the folder itself."""
    settings = {"save_dir": str(folder), "name": "", "version": ""}
    return {"class_path": "lightning.pytorch.loggers.CSVLogger", "init_args": settings}
