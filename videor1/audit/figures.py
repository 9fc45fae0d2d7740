"""The figures of `audit.md`; each shows all splits one below the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

Splits = dict[str, dict[str, Any]]  # "splits" of audit.json
_MOST_SOURCES = 25
_MANY = 100  # records in a bin, beside which one alone would not be seen
_BLUE, _GREY, _RED = "#3b6ea5", "#b8c4d0", "#c0392b"


def prompt_lengths(splits: Splits) -> Figure:
    """How many records have prompts of which length, before and after the budget rule."""
    return _figure(splits, _lengths, heights=[2.8] * len(splits))


def sources(splits: Splits) -> Figure:
    """Records by data_source, unusable ones marked."""
    rows = [min(len(split["sources"]), _MOST_SOURCES + 1) for split in splits.values()]
    return _figure(splits, _sources, heights=[1.2 + 0.24 * count for count in rows])


def answer_letters(splits: Splits) -> Figure:
    """How often each letter is right, by the number of options, beside an even share."""
    return _figure(splits, _letters, heights=[2.8] * len(splits))


def _figure(
    splits: Splits, draw: Callable[[Axes, dict[str, Any]], None], *, heights: Sequence[float]
) -> Figure:
    """One panel a split, of these heights in inches."""
    figure = Figure(figsize=(9, sum(heights)), layout="constrained")
    panels = figure.subplots(len(splits), squeeze=False, height_ratios=heights)[:, 0]
    for axes, (name, split) in zip(panels, splits.items(), strict=True):
        draw(axes, split)
        axes.set_title(f"data.{name}", loc="left", fontsize=10)
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def _lengths(axes: Axes, split: dict[str, Any]) -> None:
    prompts = split["prompts"]
    bins, most = prompts["histogram"], prompts["max_prompt_tokens"]
    axes.stairs(bins["after"], bins["edges"], fill=True, color=_GREY, label="within the budget")
    axes.stairs(bins["before"], bins["edges"], color=_BLUE, linewidth=1.5, label="as data.clip has it")
    if prompts["overflow"]:
        axes.axvline(most, color=_RED, linewidth=1, label=f"max_prompt_tokens = {most:,}")
    axes.set(xlabel="tokens of prompt and response", ylabel="records")
    if max(bins["before"]) > _MANY:
        axes.set_yscale("symlog", linthresh=10)  # a few very long ones matter as much as many short ones
    else:
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylim(bottom=0)
    axes.margins(x=0.01)
    axes.legend(frameon=False, fontsize=8)


def _sources(axes: Axes, split: dict[str, Any]) -> None:
    rows = [(name, row["records"], row["unusable"]) for name, row in split["sources"].items()]
    if rest := rows[_MOST_SOURCES:]:
        others = (f"{len(rest)} others", sum(row[1] for row in rest), sum(row[2] for row in rest))
        rows = [*rows[:_MOST_SOURCES], others]
    names, records, unusable = zip(*reversed(rows), strict=True) if rows else ((), (), ())
    sound = [all_ - bad for all_, bad in zip(records, unusable, strict=True)]
    axes.barh(names, sound, color=_BLUE, label="usable")
    ends = axes.barh(names, unusable, left=sound, color=_RED, label="unusable")
    axes.bar_label(ends, [f" {number:,}" for number in records], fontsize=8)
    axes.tick_params(axis="y", labelsize=8)
    axes.set(xlabel="records", xlim=(0, 1.1 * max(records, default=1)))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False, fontsize=8, loc="lower right", bbox_to_anchor=(1, 1), ncols=2)


def _letters(axes: Axes, split: dict[str, Any]) -> None:
    ticks: list[float] = []
    letters: list[str] = []
    at = 0.0
    for options, row in split["answers"]["letters"].items():
        places = [at + place for place in range(len(row["counts"]))]
        shares = [number / row["records"] for number in row["counts"].values()]
        axes.bar(places, shares, 0.8, color=_RED if row["skewed"] else _BLUE)
        axes.hlines(row["even_share"], places[0] - 0.5, places[-1] + 0.5, color="black", linewidth=1)
        axes.annotate(
            f"{options} options\n{row['records']:,} records",
            ((places[0] + places[-1]) / 2, max(shares)),
            xytext=(0, 4),
            textcoords="offset points",
            ha="center",
            fontsize=8,
        )
        ticks += places
        letters += row["counts"]
        at = places[-1] + 2
    axes.set_xticks(ticks, letters)
    axes.set(ylabel="share of right answers")
    axes.margins(y=0.25)
    if not ticks:
        axes.text(0.5, 0.5, "no multiple choice", ha="center", transform=axes.transAxes)
