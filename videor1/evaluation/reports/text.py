"""The content of a `report.json` as text: `report.md`, and a table for the terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from videor1.evaluation.benchmarks import PAPER_MODELS, benchmark_of
from videor1.evaluation.reports.wording import percent, points, scored
from videor1.table import NOTHING, Table

Report = Mapping[str, Any]

_PAPER_REASONING = {"T-GRPO": 0.750, "GRPO": 0.602}  # share of responses that reason about time
_SCORE = (
    "*Score* is the benchmark's own, of sampled responses to frames in order, with the 95 % interval of a"
    " bootstrap over questions. *Released* are the two means of Video-R1's script. All scores are percent."
)
_REFERENCE = "The last three columns are the paper's results with 64 frames (arXiv 2503.21776)."


def markdown(report: Report, frames: Mapping[int, Report]) -> str:
    """The report for a person.

    Args:
        report: the content of `report.json`.
        frames: reports that differ in the number of frames only, this one included.
    """
    tasks = _tasks(report)
    sections = [
        [f"# {report['model']}", "", *_headline(report)],
        ["## By task", "", *tasks.markdown(), "", "![Score by task](tasks.png)"] if tasks.rows else [],
        ["## By number of frames", "", *_frames(frames), "", "![Score by number of frames](frames.png)"]
        if len(frames) > 1
        else [],
        ["## How responses were written", "", *_manner(report)],
        ["## Missing", "", _missing(report)],
        [f"## Protocol `{report['protocol_hash']}`", "", *_protocol(report)],
    ]
    return "\n".join(line for section in sections if section for line in [*section, ""])


def screen(report: Report) -> str:
    """The headline table for the terminal."""
    rows = [
        [name, f"{found['questions']:,}", f"{found['missing']:,}", scored(found["official"]), *_orders(found)]
        for name, found in report["benchmarks"].items()
    ]
    head = ["benchmark", "questions", "missing", "score %", *_ORDERS]
    return "\n".join(
        [
            f"{report['model']}, protocol {report['protocol_hash']}",
            *Table(head=head, rows=rows).filled(4).plain(),
        ]
    )


_ORDERS = ("greedy", "shuffled", "gap", "blind")


def _orders(found: Mapping[str, Any]) -> list[str]:
    """What a benchmark or task earned in the other ways of asking."""
    sampled, greedy = found["cells"]["sampled"], found["cells"]["greedy"]
    ordered, shuffled = sampled["ordered"], sampled["shuffled"]
    gap = None if ordered is None or shuffled is None else ordered - shuffled
    return [percent(greedy["ordered"]), percent(shuffled), points(gap), percent(sampled["blind"])]


def _headline(report: Report) -> list[str]:
    rows = []
    for name, found in report["benchmarks"].items():
        released, paper = found["released"], benchmark_of(name).paper
        rows.append(
            [
                name,
                f"{found['questions']:,}",
                f"{found['missing']:,}",
                scored(found["official"]),
                percent(found["answered"]) if found["missing"] else NOTHING,
                percent(released["accuracy"]),
                percent(released["mra"]),
                *_orders(found),
                *(map(str, paper) if paper else [NOTHING] * len(PAPER_MODELS)),
            ]
        )
    head = ["benchmark", "questions", "missing", "score", "without missing"]
    head += ["released accuracy", "released MRA", *_ORDERS, *PAPER_MODELS]
    table = Table(head=head, rows=rows).filled(4)
    reasons = [found["official"]["why"] for found in report["benchmarks"].values()]
    told = f"{_SCORE} {_REFERENCE}" if PAPER_MODELS[0] in table.head else _SCORE
    lines = [*table.markdown(), "", told, *(f"\n* {why}" for why in reasons if why)]
    return [*lines, "", "![Scores](benchmarks.png)"]


def _tasks(report: Report) -> Table:
    rows = [
        [f"{name}/{task}", f"{found['questions']:,}", percent(found["sampled"]["ordered"])]
        + _orders({"cells": found})
        for name, benchmark in report["benchmarks"].items()
        for task, found in benchmark["tasks"].items()
        if task
    ]
    return Table(head=["task", "questions", "score", *_ORDERS], rows=rows).filled(3)


def _frames(frames: Mapping[int, Report]) -> list[str]:
    names = list(next(iter(frames.values()))["benchmarks"])
    rows = [
        [str(count), *(scored(report["benchmarks"][name]["official"]) for name in names)]
        for count, report in frames.items()
    ]
    return Table(head=["frames", *names], rows=rows).markdown()


def _manner(report: Report) -> list[str]:
    named = {name: found["manner"] for name, found in report["benchmarks"].items()}
    rows = []
    for name, manner in (named | {"all questions": report["manner"]}).items():
        shares = [percent(manner[key]) for key in ("format", "temporal", "reflective")]
        cut = percent(None if manner["finished"] is None else 1 - manner["finished"])
        tokens = NOTHING if manner["tokens"] is None else f"{manner['tokens']:.1f}"
        rows.append([name, *shares, tokens, cut])
    head = ["benchmark", "format", "temporal reasoning", "aha", "tokens", "cut off"]
    paper = " and ".join(f"{percent(share)} % for {name}" for name, share in _PAPER_REASONING.items())
    return [
        *Table(head=head, rows=rows).markdown(),
        "",
        "Shares are percent of the sampled responses to frames in order. *Temporal reasoning* and *aha*"
        f" (second thoughts) are told by their words; of temporal reasoning the paper reports {paper}."
        " *Cut off* are responses that did not end before the last token they were allowed.",
    ]


def _missing(report: Report) -> str:
    missing = sum(found["missing"] for found in report["benchmarks"].values())
    questions = sum(report["questions"].values())
    if not missing:
        return "None: the media of all questions could be read."
    return (
        f"{missing:,} of {questions:,} questions: their media could not be read, so they count as answered"
        " wrongly. `quarantine.jsonl` has each with its cause."
    )


def _protocol(report: Report) -> list[str]:
    return [
        "Scores can be compared where this is the same; the hash stands for it.",
        "",
        "```json",
        *json.dumps(report["protocol"], indent=2, ensure_ascii=False).splitlines(),
        "```",
    ]
