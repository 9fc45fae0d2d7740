"""python -m videor1.evaluation.report RUN: what a run of SFT and T-GRPO reached, as table, figure and JSON.

Reads `<RUN>/<stage>/stage.json` (the training) and `<RUN>/<stage>/validation/scores.json` (the examination)
of each stage that was run; writes `report.json`, `report.md` and `report.png` into RUN.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from videor1.errors import RecordError, UserError

STAGES = {"sft": "SFT", "control": "SFT continued", "tgrpo": "T-GRPO"}
REQUIRED = ("sft", "tgrpo")


def build_report(run: Path) -> dict[str, Any]:
    """The content of `report.json`.

    Raises:
        RecordError: a stage that must be there is missing or unreadable.
    """
    present = [stage for stage in STAGES if stage in REQUIRED or (run / stage / "stage.json").is_file()]
    training = {stage: _load(run / stage / "stage.json") for stage in present}
    scores = {stage: _load(run / stage / "validation" / "scores.json") for stage in present}
    return {
        "seed": training["tgrpo"]["seed"],
        "questions": scores["tgrpo"]["questions"],
        "stages": {
            stage: {
                "train_seconds": training[stage]["train_seconds"],
                "steps": training[stage]["steps"],
                **scores[stage]["families"],
                "format_rate": scores[stage]["format_rate"],
                "response_tokens": scores[stage]["response_tokens"],
                "tasks": scores[stage]["sources"],
            }
            for stage in present
        },
        "versions": training["tgrpo"]["versions"],
    }


def markdown(report: dict[str, Any], run: Path) -> str:
    """The report for a person."""
    questions = report["questions"]
    lines = [
        "# videor1: what the run reached",
        "",
        f"Seed {report['seed']}; held out: "
        + ", ".join(
            f"{count} {family} questions" for family, count in sorted(questions.items(), reverse=True)
        )
        + ". *Temporal* questions need the order of the frames, *other* ones do not. *Sampled* is the mean"
        " over samples at temperature 1; each cell reads ordered / shuffled frames.",
        "",
        "| stage | temporal, sampled | gap | temporal, greedy | other, sampled | other, greedy | format "
        "| tokens | train s |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for stage, row in report["stages"].items():
        temporal = row["temporal"]["sampled"]
        lines.append(
            f"| {STAGES[stage]} | {_pair(temporal)} | {temporal['ordered'] - temporal['shuffled']:.3f} "
            f"| {_pair(row['temporal']['greedy'])} | {_pair(row['other']['sampled'])} "
            f"| {_pair(row['other']['greedy'])} | {row['format_rate']:.3f} | {row['response_tokens']:.1f} "
            f"| {row['train_seconds']:.0f} |"
        )
    stages = list(report["stages"])
    lines += [
        "",
        "| task | " + " | ".join(STAGES[stage] for stage in stages) + " |",
        "|---" * (1 + len(stages)) + "|",
    ]
    for task in report["stages"][stages[0]]["tasks"]:
        cells = [_pair(report["stages"][stage]["tasks"][task]["sampled"]) for stage in stages]
        lines.append(f"| {task} | " + " | ".join(cells) + " |")
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
    """Writes the three files and prints the table."""
    report = build_report(run)
    (run / "report.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    text = markdown(report, run)
    (run / "report.md").write_text(text, encoding="utf-8")
    figure(report).savefig(run / "report.png", dpi=120)
    print(text)


def _pair(cell: dict[str, float | None]) -> str:
    return " / ".join(
        "–" if cell[order] is None else f"{cell[order]:.3f}" for order in ("ordered", "shuffled")
    )


def _load(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError) as error:
        raise RecordError(
            f"{path}: cannot be read ({error}); has this stage been run and validated?"
        ) from error
    return content


if __name__ == "__main__":
    try:
        if len(sys.argv) != 2:
            raise UserError("usage: python -m videor1.evaluation.report RUN")
        main(Path(sys.argv[1]))
    except UserError as error:
        sys.exit(f"error: {error}")
