"""python cli.py compare RUN RUN …: examinations side by side, as one table, differences and figures."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from videor1.errors import UserError
from videor1.evaluation.reports import figures
from videor1.evaluation.reports.comparison import comparison
from videor1.evaluation.reports.finished import FinishedRun, read_runs
from videor1.evaluation.reports.report import apart_from_frames, frames_of
from videor1.evaluation.reports.wording import percent, points, scored
from videor1.files import save_figure, write_whole
from videor1.portable import portable
from videor1.table import NOTHING, Table


def compare(runs: list[str], output: str | None = None, paper: bool = False) -> None:
    """Compares examinations with the first of them, on the questions that they have in common.

    Prints Markdown: official scores with their 95 % intervals, then the differences to the first run with
    the interval of a paired bootstrap, and McNemar's p where each question has one response that is right or
    wrong.

    Args:
        runs: folders with report.json and predictions.jsonl, as `validate` leaves them, or runs with such a
            folder called validation.
        output: folder for compare.md, compare.json and compare.png, and frames.png where runs differ in the
            number of frames only.
        paper: with the results of arXiv 2503.21776, 64 frames.

    Raises:
        UserError: a folder is named twice, or holds no finished examination.
    """
    if not runs:
        raise UserError("compare: name the folder of at least one run")
    finished = read_runs(runs)
    found = comparison(finished, paper=paper)
    text = portable(markdown(found))
    print(text)
    if output is not None:
        folder = Path(output)
        write_whole(folder / "compare.md", text)
        content = json.dumps(found, indent=2, ensure_ascii=False) + "\n"
        write_whole(folder / "compare.json", portable(content))
        scores = _scores(found)
        save_figure(folder / "compare.png", figures.runs(scores, paper=paper))
        if series := _by_frames(finished, scores):
            save_figure(folder / "frames.png", figures.frames(series))


def markdown(found: Mapping[str, Any]) -> str:
    """A `comparison` for a person."""
    names = list(found["questions"])
    rows = [
        [run, *(scored(one["benchmarks"].get(name)) for name in names), percent(one["average"])]
        for run, one in found["runs"].items()
    ]
    rows += [
        [f"{model} (paper, 64 frames)", *(percent(one["benchmarks"][name]) for name in names)]
        + [percent(one["average"])]
        for model, one in found.get("paper", {}).items()
    ]
    first = next(iter(found["runs"]))
    lines = [
        "Official scores in percent, sampled responses to frames in order, with 95 % intervals.",
        "",
        *Table(head=["run", *names, "average"], rows=rows).markdown(),
    ]
    if found["differences"]:
        changes = [
            [run, *(_change(one.get(name)) for name in names)] for run, one in found["differences"].items()
        ]
        lines += [
            "",
            f"Difference to {first} in points, with the 95 % interval of a paired bootstrap; p is McNemar's.",
            "",
            *Table(head=["run", *names], rows=changes).markdown(),
        ]
    notes = [f"* {note}" for note in found["notes"]]
    return "\n".join([*lines, *([""] if notes else []), *notes, ""])


def _change(one: Mapping[str, float | None] | None) -> str:
    if one is None or one["mean"] is None:
        return NOTHING
    told = points(one["mean"])
    if one["low"] is not None:
        told += f" [{points(one['low'])}, {points(one['high'])}]"
    if (p := one["p"]) is not None:
        told += ", p < 0.001" if p < 0.001 else f", p = {p:.3f}"
    return told


def _scores(found: Mapping[str, Any]) -> dict[str, figures.Scores]:
    return {run: one["benchmarks"] for run, one in found["runs"].items()}


def _by_frames(
    runs: Sequence[FinishedRun], scores: Mapping[str, figures.Scores]
) -> dict[str, dict[int, figures.Scores]]:
    """Of each model that was examined with several numbers of frames and all else alike: scores by number."""
    groups: dict[str, list[FinishedRun]] = {}
    for run in runs:
        groups.setdefault(apart_from_frames(run.report), []).append(run)
    several = [group for group in groups.values() if len({frames_of(run.report) for run in group}) > 1]
    models = Counter(group[0].report["model"] for group in several)
    series = {}
    for first, *rest in several:
        model = first.report["model"]
        line = {frames_of(run.report): scores[run.name] for run in (first, *rest)}
        series[model if models[model] == 1 else f"{model}, as {first.name}"] = dict(sorted(line.items()))
    return series
