"""Figures of examinations: scores beside the paper's, by task, by number of frames, and of several runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from videor1.evaluation.benchmarks import PAPER_MODELS, benchmark_of

Score = Mapping[str, Any]  # "score", "low" and "high" in [0, 1] or None
Scores = Mapping[str, Score]  # by benchmark

_BLUE, _GREY = "#3b6ea5", "#b8c4d0"
_GREYS = ("#d9d9d9", "#b0b0b0", "#878787")  # of the paper's rows
_NAN = float("nan")


def benchmarks(report: Mapping[str, Any]) -> Figure:
    """Official scores with their intervals, the paper's beside them."""
    return runs({"this model": {name: found["official"] for name, found in report["benchmarks"].items()}})


def runs(scores: Mapping[str, Scores], *, paper: bool = True) -> Figure:
    """Official scores of several runs by benchmark, with their intervals.

    Args:
        scores: of each run.
        paper: with the paper's, in grey.
    """
    names = list(dict.fromkeys(name for one in scores.values() for name in one))
    rows = [(run, one, f"C{i}") for i, (run, one) in enumerate(scores.items())]
    if paper and any(benchmark_of(name).paper for name in names):
        rows = [*_paper(names), *rows]
    width = 0.8 / len(rows)
    figure = Figure(figsize=(min(max(6.0, 1 + 0.35 * len(names) * len(rows)), 18), 4.5), layout="constrained")
    axes = figure.subplots()
    for i, (label, one, colour) in enumerate(rows):
        known = [(k, one[name]) for k, name in enumerate(names) if name in one]
        places = [k + (i - (len(rows) - 1) / 2) * width for k, _ in known]
        values, spread = _values([score for _, score in known])
        axes.bar(places, values, width, color=colour, label=label)
        axes.errorbar(places, values, yerr=spread, fmt="none", ecolor="black", capsize=2, linewidth=1)
    axes.set_xticks(range(len(names)), list(map(_plain, names)))
    axes.set(ylabel="score, %", ylim=(0, 100))
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside upper center", ncols=min(len(rows), 4), fontsize=8)
    return figure


def tasks(report: Mapping[str, Any]) -> Figure:
    """Scores by task, one panel a benchmark; pale bars saw the frames shuffled."""
    panels = {name: found["tasks"] for name, found in report["benchmarks"].items()}
    heights = [0.8 + 0.26 * len(cells) for cells in panels.values()]
    figure = Figure(figsize=(8, max(sum(heights), 1)), layout="constrained")
    if not panels:
        return figure
    every = [cell["sampled"] for cells in panels.values() for cell in cells.values()]
    orders = [order for order in ("ordered", "shuffled") if any(cell[order] is not None for cell in every)]
    column = figure.subplots(len(panels), squeeze=False, height_ratios=heights)[:, 0]
    for axes, (name, cells) in zip(column, panels.items(), strict=True):
        for j, order in enumerate(orders):
            places = [i + (j - (len(orders) - 1) / 2) * 0.4 for i in range(len(cells))]
            values = [_percent(cell["sampled"][order]) for cell in cells.values()]
            axes.barh(
                places, values, 0.8 / len(orders), color=_BLUE if order == "ordered" else _GREY, label=order
            )
        axes.set_yticks(range(len(cells)), [_plain(task or name) for task in cells], fontsize=8)
        axes.set(xlim=(0, 100), ylim=(len(cells) - 0.4, -0.6))
        axes.set_title(f"{_plain(name)}, %", loc="left", fontsize=10)
        axes.spines[["top", "right"]].set_visible(False)
    if len(orders) > 1:
        handles, labels = column[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper right", ncols=2, fontsize=8)
    return figure


def frames(series: Mapping[str, Mapping[int, Scores]]) -> Figure:
    """Official scores by number of frames, one panel a benchmark, one line a model.

    Args:
        series: of each model, its scores at each number of frames.
    """
    every = [scores for line in series.values() for scores in line.values()]
    names = list(dict.fromkeys(name for scores in every for name in scores))
    columns = min(3, len(names)) or 1
    rows = -(-len(names) // columns) or 1
    figure = Figure(figsize=(1 + 3 * columns, 0.5 + 2.7 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    counts = sorted({count for line in series.values() for count in line})
    for axes, name in zip(panels, names, strict=False):
        for i, (model, line) in enumerate(series.items()):
            present = {count: scores[name] for count, scores in line.items() if name in scores}
            values, spread = _values(list(present.values()))
            axes.errorbar(
                list(present), values, yerr=spread, color=f"C{i}", marker="o", capsize=3, label=_plain(model)
            )
        axes.set_xscale("log", base=2)
        axes.set_xticks(counts, [str(count) for count in counts])
        axes.set_title(f"{_plain(name)}, %", loc="left", fontsize=10)
        axes.set_xlabel("frames", fontsize=9)
        axes.spines[["top", "right"]].set_visible(False)
    for axes in panels[len(names) :]:
        axes.set_visible(False)
    if len(series) > 1:
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=len(series))
    return figure


def _paper(names: Sequence[str]) -> list[tuple[str, Scores, str]]:
    """Label, scores and colour of the paper's rows."""
    rows: list[tuple[str, Scores, str]] = []
    for place, (model, colour) in enumerate(zip(PAPER_MODELS, _GREYS, strict=True)):
        known = {name: paper[place] / 100 for name in names if (paper := benchmark_of(name).paper)}
        scores = {name: {"score": score, "low": None, "high": None} for name, score in known.items()}
        rows.append((f"{model}, paper", scores, colour))
    return rows


def _values(scores: Sequence[Score]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Percent (N,), and how far the interval reaches below and above (2, N); NaN for what is not known."""
    values, low, high = np.array(
        [[_percent(one[key]) for one in scores] for key in ("score", "low", "high")], dtype=np.float64
    )
    return values, np.maximum([values - low, high - values], 0.0)  # equal marks: no width, but for rounding


def _percent(value: float | None) -> float:
    return _NAN if value is None else 100 * value


def _plain(text: str) -> str:
    """Without what matplotlib would take for a formula."""
    return text.replace("$", r"\$")
