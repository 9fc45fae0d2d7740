"""Differences of all arms from the baseline, with their intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from benchmarks.support.ablation.arms import BASELINE
from benchmarks.support.ablation.compare import Comparison

_PANELS = {"ordered": "temporal accuracy", "gap": "gap, ordered − shuffled", "other": "other tasks"}


def forest(parts: Mapping[str, Sequence[Comparison]]) -> Figure:
    """One panel a measure, one line an arm, one colour for screening and one for confirmation."""
    arms = list(dict.fromkeys(one.arm for found in parts.values() for one in found))
    figure = Figure(figsize=(10, 1.6 + 0.28 * len(arms)), layout="constrained")
    panels = figure.subplots(1, len(_PANELS), sharey=True)
    for axes, (measure, title) in zip(panels, _PANELS.items(), strict=True):
        axes.axvline(0, color="0.6", linewidth=1)
        for i, (part, found) in enumerate(parts.items()):
            shift = (i - (len(parts) - 1) / 2) * 0.3
            known = [one for one in found if measure in one.by_measure]
            gains = [one.by_measure[measure].gain for one in known]
            reach = [0.0 if gain.high is None else gain.high - gain.mean for gain in gains]
            axes.errorbar(
                [gain.mean for gain in gains],
                [arms.index(one.arm) + shift for one in known],
                xerr=reach,
                fmt="o",
                color=f"C{i}",
                markersize=4,
                capsize=2,
                label=part,
            )
        axes.set_title(title, fontsize=10)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_yticks(range(len(arms)), arms, fontsize=8)
    panels[0].invert_yaxis()
    figure.supxlabel(f"difference from {BASELINE}, paired by checkpoint and seed, 95 %", fontsize=9)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=len(parts))
    return figure
