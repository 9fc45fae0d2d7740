"""What an examination found, in its folder: `report.json`, `report.md` for a person, and figures.

Reports that differ in nothing but the number of frames belong together: one that is written beside others
shows how the scores change with it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from videor1.errors import UserError
from videor1.evaluation.protocol import digest
from videor1.evaluation.reports import figures
from videor1.evaluation.reports.text import markdown
from videor1.evaluation.scores import MANNERS, Marks, scores
from videor1.evaluation.statistics import bootstrap_interval
from videor1.files import save_figure, write_whole

FILE = "report.json"


def build_report(
    marks: Marks, *, model: str, protocol: dict[str, Any], questions_digest: str
) -> dict[str, Any]:
    """The content of `report.json`; two runs of one examination give the same.

    Args:
        marks: of all questions; those that nobody asked are left out.
        model: folder or hub name.
        protocol: how the questions were asked and judged.
        questions_digest: stands for the questions.
    """
    asked = marks.where(~np.isnan(marks.accuracy[:, 0, 0]))
    benchmarks = scores(asked)
    for name, found in benchmarks.items():
        low, high = bootstrap_interval(*asked.of(name).headline) or (None, None)
        official = found["official"]
        found["official"] = {"score": official["score"], "low": low, "high": high, "why": official["why"]}
    return {
        "model": model,
        "questions": {name: found["questions"] for name, found in benchmarks.items()},
        "questions_digest": questions_digest,
        "protocol": protocol,
        "protocol_hash": digest(protocol),
        "benchmarks": benchmarks,
        "manner": _manner(asked.where(~asked.missing)),
    }


def write_report(folder: Path, report: dict[str, Any]) -> None:
    """Writes `report.json`, `report.md` and the figures.

    `frames.png` is drawn where folders beside this one hold reports that differ in the number of frames only.
    """
    write_whole(folder / FILE, json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    frames = by_frames([report, *_beside(folder)], like=report)
    drawn = {"benchmarks": figures.benchmarks(report), "tasks": figures.tasks(report)}
    if len(frames) > 1:
        drawn["frames"] = figures.frames({report["model"]: {n: officials(one) for n, one in frames.items()}})
    for name, figure in drawn.items():
        save_figure(folder / f"{name}.png", figure)
    write_whole(folder / "report.md", markdown(report, frames))


def read_report(file: Path) -> dict[str, Any]:
    """The content of a `report.json`.

    Raises:
        UserError: it is missing, damaged, or not that of an examination.
    """
    found = _load(file)
    if not _is_report(found):
        raise UserError(f"{file}: not the report of an examination")
    return found


def officials(report: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The official score of each benchmark."""
    return {name: found["official"] for name, found in report["benchmarks"].items()}


def frames_of(report: Mapping[str, Any]) -> int:
    """Most frames of a video that the model was shown."""
    return report["protocol"]["frames_and_pixels"]["max_frames"]


def apart_from_frames(report: Mapping[str, Any]) -> str:
    """The same for reports of one model and the same questions that differ in `max_frames` only."""
    clip = {
        key: value for key, value in report["protocol"]["frames_and_pixels"].items() if key != "max_frames"
    }
    protocol = report["protocol"] | {"frames_and_pixels": clip}
    return digest([report["model"], report["questions_digest"], report["questions"], protocol])


def by_frames(reports: Iterable[dict[str, Any]], *, like: Mapping[str, Any]) -> dict[int, dict[str, Any]]:
    """The reports that differ from one in the number of frames only, by that number; the first of each."""
    found: dict[int, dict[str, Any]] = {}
    for report in reports:
        if apart_from_frames(report) == apart_from_frames(like):
            found.setdefault(frames_of(report), report)
    return dict(sorted(found.items()))


def _beside(folder: Path) -> list[dict[str, Any]]:
    """Reports of examinations in the folders beside this one; what else lies there is not its business."""
    here, reports = folder.resolve(), []
    for file in sorted(here.parent.glob(f"*/{FILE}")):
        with suppress(UserError):
            if file.parent != here:
                reports.append(read_report(file))
    return reports


def _load(file: Path) -> Any:
    try:
        return json.loads(file.read_bytes())
    except OSError as error:
        raise UserError(f"{file}: {error.strerror}; has this run been validated?") from error
    except ValueError as error:
        raise UserError(f"{file}: no JSON ({error}); validate the run again to write it anew") from error


def _is_report(found: Any) -> bool:
    return isinstance(found, dict) and {"model", "protocol", "questions_digest", "benchmarks"} <= found.keys()


def _manner(marks: Marks) -> dict[str, float | None]:
    """Means over all questions of how the responses were written."""
    if not len(marks.kinds):
        return dict.fromkeys(MANNERS)
    return dict(zip(MANNERS, marks.manner.mean(axis=0).tolist(), strict=True))
