"""python -m videor1.evaluation.reports.stages RUN: what SFT and T-GRPO reached, as table, figure and JSON.

Reads `<RUN>/<stage>/stage.json` (the training) and `<RUN>/<stage>/validation/report.json` (the examination)
of each stage that was run, and `<RUN>/tgrpo/reward_watch.json` where there is one; writes `report.json`,
`report.md` and `report.png` into RUN.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from videor1.errors import RecordError, UserError
from videor1.evaluation.reports.report import read_report
from videor1.evaluation.reports.watch import read_watch, watch_section
from videor1.files import save_figure, write_whole
from videor1.portable import portable
from videor1.table import NOTHING, Table

STAGES = {"sft": "SFT", "control": "SFT continued", "tgrpo": "T-GRPO"}
REQUIRED = ("sft", "tgrpo")
BENCHMARKS = ("temporal", "other")  # of the toy world


def build_stages(run: Path) -> dict[str, Any]:
    """The content of `report.json`.

    Raises:
        RecordError: a stage that must be there is missing or unreadable.
        UserError: its examination is.
    """
    present = [stage for stage in STAGES if stage in REQUIRED or (run / stage / "stage.json").is_file()]
    training = {stage: _training(run / stage / "stage.json") for stage in present}
    examined = {stage: _examined(run / stage / "validation" / "report.json") for stage in present}
    watch = read_watch(run / "tgrpo" / "reward_watch.json")
    return {
        "seed": training["tgrpo"]["seed"],
        "questions": {name: examined["tgrpo"]["questions"][name] for name in BENCHMARKS},
        "stages": {stage: _stage(training[stage], examined[stage]) for stage in present},
        **({} if watch is None else {"watch": watch}),
        "versions": training["tgrpo"]["versions"],
    }


def markdown(report: dict[str, Any], run: Path) -> str:
    """The report for a person."""
    questions, stages = report["questions"], report["stages"]
    rows = [
        [
            STAGES[stage],
            _pair(row["temporal"]["sampled"]),
            _interval(row["intervals"]["temporal"]),
            _gap(row["temporal"]["sampled"]),
            _pair(row["temporal"]["greedy"]),
            _pair(row["other"]["sampled"]),
            _interval(row["intervals"]["other"]),
            _pair(row["other"]["greedy"]),
            _share(row["format_rate"]),
            _share(row["temporal_reasoning"]),
            f"{row['response_tokens']:.1f}",
            f"{row['train_seconds']:.0f}",
        ]
        for stage, row in stages.items()
    ]
    head = ["stage", "temporal, sampled", "95 %", "gap", "temporal, greedy", "other, sampled", "95 %"]
    head += ["other, greedy", "format", "temporal reasoning", "tokens", "train s"]
    tasks = [
        [task, *(_pair(stages[stage]["tasks"][task]["sampled"]) for stage in stages)]
        for task in stages["tgrpo"]["tasks"]
    ]
    lines = [
        "# videor1: what the run reached",
        "",
        f"Seed {report['seed']}; held out: "
        + ", ".join(f"{count} {name} questions" for name, count in questions.items())
        + ". *Temporal* questions need the order of the frames, *other* ones do not. *Sampled* is the mean"
        " over samples at temperature 1; each cell reads ordered / shuffled frames. *95 %* is the interval of"
        " a bootstrap over questions of the frames in order. *Temporal reasoning* is the share of responses"
        " that reason about time, told by their words.",
        "",
        *Table(head=head, rows=rows).markdown(),
        "",
        *Table(head=["task", *(STAGES[stage] for stage in stages)], rows=tasks).markdown(),
    ]
    if "watch" in report:
        lines += ["", *watch_section(report["watch"])]
    lines += ["", "![Accuracy by task](report.png)", "", f"Curves: `tensorboard --logdir {run}`", ""]
    return "\n".join(lines)


def figure(report: dict[str, Any]) -> Figure:
    """Sampled accuracy by task: full bars saw the frames in order, hatched ones shuffled."""
    stages = list(report["stages"])
    tasks = list(report["stages"][stages[0]]["tasks"])
    tasks.sort(key=lambda task: (not task.startswith("temporal/"), task))
    fig = Figure(figsize=(10, 4), layout="constrained")
    axes = fig.subplots()
    width = 0.8 / (2 * len(stages))
    for i, stage in enumerate(stages):
        for j, order in enumerate(("ordered", "shuffled")):
            cells = [report["stages"][stage]["tasks"][task]["sampled"][order] for task in tasks]
            places = [k + (2 * i + j - len(stages) + 0.5) * width for k in range(len(tasks))]
            axes.bar(
                places,
                [float("nan") if cell is None else cell for cell in cells],
                width,
                color=f"C{i}",
                alpha=1.0 if order == "ordered" else 0.35,
                hatch=None if order == "ordered" else "///",
                label=f"{STAGES[stage]}, {order}",
            )
    axes.set_xticks(range(len(tasks)), tasks, rotation=20, ha="right")
    axes.set(ylabel="held-out accuracy, sampled", ylim=(0, 1))
    fig.legend(loc="outside upper center", ncols=len(stages))
    return fig


def main(run: Path) -> None:
    """Writes the three files and prints the tables."""
    report = build_stages(run)
    write_whole(run / "report.json", portable(json.dumps(report, indent=2)) + "\n")
    text = portable(markdown(report, run))
    write_whole(run / "report.md", text)
    save_figure(run / "report.png", figure(report))
    print(text)


def _stage(training: dict[str, Any], examined: dict[str, Any]) -> dict[str, Any]:
    benchmarks, manner = examined["benchmarks"], examined["manner"]
    officials = {name: benchmarks[name]["official"] for name in BENCHMARKS}
    return {
        "train_seconds": training["train_seconds"],
        "steps": training["steps"],
        **{name: _both_orders(benchmarks[name]["cells"]) for name in BENCHMARKS},
        "intervals": {name: [official["low"], official["high"]] for name, official in officials.items()},
        "format_rate": manner["format"],
        "response_tokens": manner["tokens"],
        "temporal_reasoning": manner["temporal"],
        "tasks": {
            f"{name}/{task}": _both_orders(cells)
            for name in BENCHMARKS
            for task, cells in benchmarks[name]["tasks"].items()
        },
    }


def _both_orders(cells: dict[str, Any]) -> dict[str, dict[str, float | None]]:
    return {
        decoding: {order: cells[decoding][order] for order in ("ordered", "shuffled")}
        for decoding in ("sampled", "greedy")
    }


def _pair(cell: dict[str, float | None]) -> str:
    return f"{_share(cell['ordered'])} / {_share(cell['shuffled'])}"


def _gap(cell: dict[str, float | None]) -> str:
    ordered, shuffled = cell["ordered"], cell["shuffled"]
    return _share(None if ordered is None or shuffled is None else ordered - shuffled)


def _interval(ends: list[float | None]) -> str:
    return NOTHING if ends[0] is None else f"{_share(ends[0])} … {_share(ends[1])}"


def _share(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.3f}"


def _training(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError) as error:
        raise RecordError(f"{path}: cannot be read ({error}); has this stage been run?") from error
    return content


def _examined(path: Path) -> dict[str, Any]:
    """The report of an examination that asked the toy world's questions."""
    report = read_report(path)
    for name in BENCHMARKS:
        if name not in report["benchmarks"]:
            raise RecordError(f"{path}: no questions of {name!r}; the toy world has some")
    return report


if __name__ == "__main__":
    try:
        if len(sys.argv) != 2:
            raise UserError("usage: python -m videor1.evaluation.reports.stages RUN")
        main(Path(sys.argv[1]))
    except UserError as error:
        sys.exit(f"error: {error}")
