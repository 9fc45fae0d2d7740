"""What is kept of a run: one `result.json`, written when all of it is known."""

from __future__ import annotations

import csv
import hashlib
import json
import os
from pathlib import Path
from statistics import fmean
from typing import Any

from benchmarks.support.ablation.jobs import RESULT, Job
from videor1.errors import UserError
from videor1.evaluation.reports.report import read_report

FAMILIES = ("temporal", "other")  # of the toy world's questions: do they need the order of the frames?
LAST = 20  # steps over which a curve's end is averaged


def collect(job: Job, *, seconds: float) -> dict[str, Any]:
    """The content of `result.json` of a run that is over."""
    folder = job.folder
    result: dict[str, Any] = {"asked": job.asked(), "seconds": round(seconds, 1)}
    result["sft"] = digest((folder if job.arm is None else job.sft) / "hf/model.safetensors")
    if job.trains:
        stage = json.loads((folder / "stage.json").read_text(encoding="utf-8"))
        result |= {"steps": stage["steps"], "train_seconds": stage["train_seconds"]}
    else:
        result |= {"steps": 0, "train_seconds": 0.0}
    if job.examined:
        result |= training(curves(folder / "metrics.csv") if job.trains else {})
        result["accuracy"], result["tasks"] = examination(folder / "validation")
    return result


def training(found: dict[str, list[float]]) -> dict[str, float | None]:
    """Figures of a training from its curves; None where there is no such curve."""
    sampled = found.get("tokens/sampled", [])
    return {
        "sampled_tokens": sum(sampled),
        "changed_groups": _mean(found.get("temporal/changed_groups", [])),
        "response_tokens": _mean(found.get("response/tokens", [])[-LAST:]),
        "train_accuracy": _mean(found.get("reward/accuracy", [])[-LAST:]),
    }


def examination(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Sampled accuracy of each family, and of each task, with frames in order and shuffled.

    Raises:
        UserError: there is no report, or it lacks a family.
    """
    benchmarks = read_report(folder / "report.json")["benchmarks"]
    if missing := set(FAMILIES) - set(benchmarks):
        raise UserError(f"{folder}: no questions of {sorted(missing)[0]!r}; the toy world has some")
    families = {name: _orders(benchmarks[name]["cells"]) for name in FAMILIES}
    tasks = {
        f"{name}/{task}": _orders(cells)
        for name, one in benchmarks.items()
        for task, cells in one["tasks"].items()
    }
    return families, tasks


def curves(path: Path) -> dict[str, list[float]]:
    """Values of each curve of a `metrics.csv`, step by step."""
    found: dict[str, list[float]] = {}
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            for name, cell in row.items():
                if cell and name != "step":
                    found.setdefault(name, []).append(float(cell))
    return found


def write(job: Job, result: dict[str, Any]) -> None:
    unfinished = job.folder / f"{RESULT}.unfinished"
    unfinished.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    os.replace(unfinished, job.folder / RESULT)


def is_done(job: Job) -> bool:
    """Whether a run has a whole result, of the same settings.

    Raises:
        UserError: its result is that of other settings.
    """
    path = job.folder / RESULT
    if not path.is_file():
        return False
    there, here = json.loads(path.read_text(encoding="utf-8"))["asked"], job.asked()
    if different := [key for key in here if there.get(key) != here[key]]:
        key = different[0]
        raise UserError(
            f"{path}: made with {key} {there.get(key)}, now {here[key]}; name another --out or remove it"
        )
    return True


def read_results(out: Path) -> list[dict[str, Any]]:
    """All results below a folder."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(out.glob(f"runs/*/*/{RESULT}"))]


def digest(path: Path) -> str:
    """Tells files of weights apart."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def _orders(cells: dict[str, Any]) -> dict[str, float | None]:
    return {order: cells["sampled"][order] for order in ("ordered", "shuffled")}


def _mean(values: list[float]) -> float | None:
    return fmean(values) if values else None
