"""Results of runs → figures of arms and of the differences between them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from benchmarks.support.ablation.arms import ARMS, BASELINE
from benchmarks.support.ablation.statistics import Difference, Mean, Pair, difference, holm, mean_of

Results = Sequence[Mapping[str, Any]]


def _accuracy(family: str, order: str) -> Callable[[Mapping[str, Any]], float]:
    return lambda result: result["accuracy"][family][order]


def _gap(result: Mapping[str, Any]) -> float:
    temporal = result["accuracy"]["temporal"]
    return temporal["ordered"] - temporal["shuffled"]


MEASURES: dict[str, Callable[[Mapping[str, Any]], float | None]] = {
    "ordered": _accuracy("temporal", "ordered"),
    "shuffled": _accuracy("temporal", "shuffled"),
    "gap": _gap,
    "other": _accuracy("other", "ordered"),
    "sampled_tokens": lambda result: result["sampled_tokens"],
    "changed_groups": lambda result: result["changed_groups"],
    "response_tokens": lambda result: result["response_tokens"],
    "train_accuracy": lambda result: result["train_accuracy"],
    "train_seconds": lambda result: result["train_seconds"],
}
TESTED = ("ordered", "gap", "other")  # in which arms are compared


@dataclass(frozen=True, kw_only=True)
class Screening:
    """Which runs chose a form; all others confirm it or do not."""

    checkpoints: Collection[int]
    seeds: Collection[int]

    def split(self, results: Iterable[Mapping[str, Any]]) -> dict[str, Results]:
        parts: dict[str, list[Mapping[str, Any]]] = {"screening": [], "confirmation": []}
        for result in results:
            asked = result["asked"]
            chose = asked["checkpoint"] in self.checkpoints and asked["seed"] in self.seeds
            parts["screening" if chose else "confirmation"].append(result)
        return dict(parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One arm against another; `holm` is p_t adjusted over all arms compared with the same one."""

    arm: str
    other: str
    by_measure: dict[str, Difference]  # see TESTED
    holm: float | None = None


def arms_of(results: Results) -> list[str]:
    """Names in the order of the table; those that it does not have come last."""
    there = {result["asked"]["arm"] for result in results}
    return [*(arm for arm in ARMS if arm in there), *sorted(there - set(ARMS))]


def values(results: Results, arm: str, measure: str) -> dict[Pair, float]:
    """A measure of each run of an arm that has it."""
    found = {}
    for result in results:
        asked, value = result["asked"], MEASURES[measure](result)
        if asked["arm"] == arm and value is not None:
            found[asked["checkpoint"], result["sft"], asked["seed"]] = value
    return found


def means(results: Results, arm: str) -> dict[str, Mean]:
    """The mean of each measure that some run of the arm has."""
    found = {measure: list(values(results, arm, measure).values()) for measure in MEASURES}
    return {measure: mean_of(of_runs) for measure, of_runs in found.items() if of_runs}


def compare(results: Results, arm: str, other: str) -> Comparison | None:
    """None where they share no pair."""
    found = {
        measure: difference(values(results, arm, measure), values(results, other, measure))
        for measure in TESTED
    }
    by_measure = {measure: one for measure, one in found.items() if one is not None}
    return Comparison(arm=arm, other=other, by_measure=by_measure) if "ordered" in by_measure else None


def against(results: Results, other: str = BASELINE) -> list[Comparison]:
    """All arms that train from SFT against one, with Holm's correction over them."""
    return adjusted(
        [
            one
            for arm in arms_of(results)
            if arm != other and arm in ARMS and ARMS[arm].trains and ARMS[arm].from_sft
            if (one := compare(results, arm, other)) is not None
        ]
    )


def twins(results: Results) -> list[Comparison]:
    """Each arm against the one that differs only in not measuring the effect of frame order."""
    pairs = [(arm, twin) for arm in arms_of(results) if arm in ARMS and (twin := ARMS[arm].twin)]
    return adjusted([one for arm, twin in pairs if (one := compare(results, arm, twin)) is not None])


def adjusted(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """With Holm's p of the ordered accuracy; those of a single pair have none."""
    tested = [one for one in comparisons if one.by_measure["ordered"].p_t is not None]
    ps = holm([p for one in tested if (p := one.by_measure["ordered"].p_t) is not None])
    by_pair = {(one.arm, one.other): p for one, p in zip(tested, ps, strict=True)}
    return [replace(one, holm=by_pair.get((one.arm, one.other))) for one in comparisons]
