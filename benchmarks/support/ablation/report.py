"""The report of the ablation: `ablation.md`, written from the results alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.support.ablation.arms import BASELINE, EQUAL_STEPS, UNTRAINED, WO_IMAGE
from benchmarks.support.ablation.compare import (
    Comparison,
    Results,
    Screening,
    adjusted,
    against,
    arms_of,
    compare,
    means,
    twins,
)
from benchmarks.support.ablation.figure import forest
from benchmarks.support.ablation.statistics import Difference, Mean
from videor1.table import NOTHING, Table

_MEANS = {"ordered": "ordered", "shuffled": "shuffled", "gap": "gap", "other": "other tasks"}
_PLAIN = {
    "sampled_tokens": ("sampled tokens", 0),
    "changed_groups": ("groups changed", 2),
    "response_tokens": ("tokens a response", 1),
    "train_accuracy": ("training accuracy", 3),
    "train_seconds": ("train s", 0),
}
_HOW = (
    "*Ordered* and *shuffled*: held-out accuracy on questions that need the order of the frames, of responses"
    " sampled at temperature 1, with frames in order and shuffled; *gap* is their difference; *other tasks*"
    " do not need the order. Each cell is the mean over runs and its 95 % t-interval. *Groups changed*: share"
    " of video groups whose advantages the temporal term moved. *Tokens a response* and *training accuracy*"
    " are those of the last 20 steps."
)
_TESTS = (
    "Differences are paired: both runs of a pair have the same SFT checkpoint and seed. * marks a 95 %"
    " t-interval that excludes zero. *p* of ordered accuracy: of the paired t-test, of the exact sign-flip"
    " permutation test, and of the t-test after Holm's correction over the arms of the table."
)


def write_report(folder: Path, results: Results, screening: Screening, *, full: Sequence[str]) -> str:
    """Writes `ablation.md` and `ablation.png`; returns the text.

    Args:
        full: arms that stand for the whole method where the paper's order is looked at.
    """
    parts = {name: part for name, part in screening.split(results).items() if part}
    folder.mkdir(parents=True, exist_ok=True)
    comparisons = {name: against(part) for name, part in parts.items()}
    drawn = any(comparisons.values())
    if drawn:
        forest(comparisons).savefig(folder / "ablation.png", dpi=120)
    text = markdown(results, parts, full=full, drawn=drawn)
    (folder / "ablation.md").write_text(text, encoding="utf-8")
    return text


def markdown(results: Results, parts: dict[str, Results], *, full: Sequence[str], drawn: bool) -> str:
    lines = ["# Ablation on the toy world", "", "Written by `make ablation` from its runs.", ""]
    lines += [_made_of(results), "", _HOW, "", _TESTS, ""]
    for name, part in parts.items():
        lines += [f"## {name.capitalize()}", "", _runs_of(part), "", *_means(part).markdown(), ""]
        for other, title in ((BASELINE, "equal sampled tokens"), (EQUAL_STEPS, "equal steps")):
            if found := against(part, other):
                lines += [f"### Against `{other}`: {title}", "", *_differences(found).markdown(), ""]
                lines += [_verdict(found), ""]
        if found := twins(part):
            lines += ["### Against the twin that measures no effect of frame order", ""]
            lines += [*_differences(found).markdown(), "", _verdict(found), ""]
    for arm in full:
        if found := _order(results, arm):
            lines += [f"## The paper's order, with `{arm}` as the full method", ""]
            lines += ["All runs together. The paper finds each of these differences above zero.", ""]
            lines += [*_differences(found).markdown(), "", *map(_finding, found), ""]
    if drawn:
        lines += [f"![Differences from {BASELINE}](ablation.png)", ""]
    return "\n".join(lines)


def _made_of(results: Results) -> str:
    steps = sorted({result["steps"] for result in results if result["steps"]})
    told = ", ".join(map(str, steps))
    return f"{len(results)} runs of {len(arms_of(results))} arms; steps of training: {told or 'none'}."


def _runs_of(part: Results) -> str:
    checkpoints = sorted({result["asked"]["checkpoint"] for result in part})
    seeds = sorted({result["asked"]["seed"] for result in part})
    return f"SFT checkpoints {', '.join(map(str, checkpoints))}; seeds {', '.join(map(str, seeds))}."


def _means(part: Results) -> Table:
    rows = []
    for arm in arms_of(part):
        found = means(part, arm)
        rows.append(
            [
                f"`{arm}`",
                str(found["ordered"].n if "ordered" in found else 0),
                *(_interval(found.get(measure)) for measure in _MEANS),
                *(
                    f"{found[measure].mean:,.{digits}f}" if measure in found else NOTHING
                    for measure, (_, digits) in _PLAIN.items()
                ),
            ]
        )
    head = ["arm", "n", *_MEANS.values(), *(name for name, _ in _PLAIN.values())]
    return Table(head=head, rows=rows)


def _differences(found: Sequence[Comparison]) -> Table:
    head = ["arm", "pairs", "ordered", "p (t)", "p (flip)", "p (Holm)", "gap", "other tasks"]
    rows = []
    for one in found:
        ordered = one.by_measure["ordered"]
        rows.append(
            [
                f"`{one.arm}` − `{one.other}`",
                str(ordered.gain.n),
                _gain(ordered),
                *(_p(p) for p in (ordered.p_t, ordered.p_flip, one.holm)),
                *(_gain(one.by_measure.get(measure)) for measure in ("gap", "other")),
            ]
        )
    return Table(head=head, rows=rows)


def _order(results: Results, arm: str) -> list[Comparison]:
    others = [other for other in (EQUAL_STEPS, BASELINE, WO_IMAGE, UNTRAINED) if other != arm]
    return adjusted([one for other in others if (one := compare(results, arm, other)) is not None])


def _verdict(found: Sequence[Comparison]) -> str:
    """Which arms differ, as the figures have it."""
    if all(one.holm is None for one in found):
        return "Nothing is tested: no arm has two pairs."
    above, below = (
        [
            f"`{one.arm}`"
            for one in found
            if one.holm is not None and one.holm < 0.05 and (one.by_measure["ordered"].gain.mean > 0) == up
        ]
        for up in (True, False)
    )
    if not above and not below:
        return "After Holm's correction no arm differs in ordered accuracy at the 5 % level."
    told = [f"{name}: {', '.join(arms)}" for name, arms in (("above", above), ("below", below)) if arms]
    return f"After Holm's correction these differ in ordered accuracy at the 5 % level; {'; '.join(told)}."


def _finding(one: Comparison) -> str:
    gain = one.by_measure["ordered"].gain
    if gain.low is None or gain.high is None:
        told = "a single pair shows nothing"
    elif gain.excludes_zero:
        told = "as in the paper" if gain.mean > 0 else "against the paper"
    else:
        told = "undecided: the interval holds zero"
    return f"- `{one.arm}` > `{one.other}`: {told}."


def _interval(mean: Mean | None, *, sign: str = "") -> str:
    if mean is None:
        return NOTHING
    if mean.low is None or mean.high is None:
        return f"{mean.mean:{sign}.3f}"
    return f"{mean.mean:{sign}.3f} [{mean.low:{sign}.3f}, {mean.high:{sign}.3f}]"


def _gain(one: Difference | None) -> str:
    if one is None:
        return NOTHING
    return _interval(one.gain, sign="+") + (" *" if one.gain.excludes_zero else "")


def _p(p: float | None) -> str:
    return NOTHING if p is None else f"{p:.3f}" if p >= 0.001 else "< 0.001"
