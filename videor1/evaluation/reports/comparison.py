"""Several examinations side by side: scores over the questions in common, and differences to the first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from videor1.evaluation.averages import official_score
from videor1.evaluation.benchmarks import BENCHMARKS, PAPER_MODELS, Benchmark, benchmark_of
from videor1.evaluation.reports.finished import FinishedRun, Question
from videor1.evaluation.scores import Marks
from videor1.evaluation.statistics import bootstrap_interval, mcnemar, paired_difference

_LONGEST = 40  # characters of a setting in a line


def comparison(runs: Sequence[FinishedRun], *, paper: bool) -> dict[str, Any]:
    """The content of `compare.json`; scores are in [0, 1], an average is over all benchmarks or None.

    Args:
        runs: the first one is what the others are compared with.
        paper: with the paper's rows.
    """
    names = _benchmarks(runs)
    shared = {name: _shared([run for run in runs if name in run.marks.benchmarks], name) for name in names}
    marks = {
        run.name: {
            name: run.marks.where([question in shared[name] for question in run.questions])  # in one order
            for name in names
            if name in run.marks.benchmarks
        }
        for run in runs
    }
    scores = {run: {name: _score(one) for name, one in found.items()} for run, found in marks.items()}
    first, *others = runs
    found = {
        "runs": {
            run.name: {
                "folder": str(run.folder),
                "model": run.report["model"],
                "protocol_hash": run.report["protocol_hash"],
                "benchmarks": scores[run.name],
                "average": _average([scores[run.name].get(name, {}).get("score") for name in names]),
            }
            for run in runs
        },
        "questions": {name: len(shared[name]) for name in names},
        "differences": {
            other.name: {
                name: _difference(
                    marks[first.name][name], one, exact=all(run.samples == 1 for run in (first, other))
                )
                for name, one in marks[other.name].items()
                if name in marks[first.name]
            }
            for other in others
        },
        "notes": [*_other_questions(runs, shared), *_unseen(runs), *_other_protocols(runs)],
    }
    return found | ({"paper": _paper(names)} if paper else {})


def _benchmarks(runs: Sequence[FinishedRun]) -> list[str]:
    """All that any run was asked, in the paper's order."""
    names = dict.fromkeys(name for run in runs for name in run.marks.benchmarks)
    return [name for name in BENCHMARKS if name in names] + [name for name in names if name not in BENCHMARKS]


def _shared(runs: Sequence[FinishedRun], benchmark: str) -> frozenset[Question]:
    """The benchmark's questions that all of these runs were asked."""
    return frozenset.intersection(*(_asked(run, benchmark) for run in runs))


def _asked(run: FinishedRun, benchmark: str) -> frozenset[Question]:
    """The questions of a benchmark."""
    pairs = zip(run.questions, run.marks.kinds, strict=True)
    return frozenset(question for question, kind in pairs if benchmark_of(kind.data_source).name == benchmark)


def _score(marks: Marks) -> dict[str, float | None]:
    if not marks.kinds:
        return dict.fromkeys(("score", "low", "high"))
    low, high = bootstrap_interval(*marks.headline) or (None, None)
    return {"score": official_score(*marks.headline).score, "low": low, "high": high}


def _difference(first: Marks, other: Marks, *, exact: bool) -> dict[str, float | None]:
    """Score of `other` minus that of `first` on the same questions, of those that both were shown.

    p is McNemar's, where every question has one response (`exact`) and its mark is 0 or 1.
    """
    nothing = dict.fromkeys(("mean", "low", "high", "p"))
    seen = ~(first.missing | other.missing)
    first, other = first.where(seen), other.where(seen)
    if not first.kinds:
        return nothing
    benchmark, tasks, ours = first.headline
    _, _, theirs = other.headline
    found = paired_difference(benchmark, tasks, theirs, ours)
    binary = exact and bool(np.isin([ours, theirs], (0.0, 1.0)).all())
    return nothing | {
        "mean": official_score(benchmark, tasks, theirs - ours).score,
        "low": found and found.low,
        "high": found and found.high,
        "p": mcnemar(theirs == 1, ours == 1) if binary else None,
    }


def _average(scores: Sequence[float | None]) -> float | None:
    known = [score for score in scores if score is not None]
    return sum(known) / len(known) if known and len(known) == len(scores) else None


def _paper(names: Sequence[str]) -> dict[str, Any]:
    rows = {}
    for place, model in enumerate(PAPER_MODELS):
        scores = {name: _of_paper(benchmark_of(name), place) for name in names}
        rows[model] = {"benchmarks": scores, "average": _average(list(scores.values()))}
    return rows


def _of_paper(benchmark: Benchmark, place: int) -> float | None:
    return None if benchmark.paper is None else benchmark.paper[place] / 100


def _other_questions(runs: Sequence[FinishedRun], shared: Mapping[str, frozenset[Question]]) -> Iterator[str]:
    for name, questions in shared.items():
        asked = {run.name: len(_asked(run, name)) for run in runs if name in run.marks.benchmarks}
        if any(count != len(questions) for count in asked.values()):
            told = ", ".join(f"{run} has {count:,}" for run, count in asked.items())
            yield f"{name}: over the {len(questions):,} questions in common; {told}"


def _unseen(runs: Sequence[FinishedRun]) -> Iterator[str]:
    for run in runs:
        for name in run.marks.benchmarks:
            if count := int(run.marks.of(name).missing.sum()):
                yield (
                    f"{run.name} could not be shown the media of {count:,} questions of {name}: wrong in its"
                    " score, left out of differences"
                )


def _other_protocols(runs: Sequence[FinishedRun]) -> Iterator[str]:
    first, *others = runs
    ours = dict(_settings(first.report["protocol"]))
    for other in others:
        theirs = dict(_settings(other.report["protocol"]))
        keys = [key for key in {**ours, **theirs} if ours.get(key) != theirs.get(key)]
        if keys:
            told = "; ".join(f"{key} {_short(theirs, key)} instead of {_short(ours, key)}" for key in keys)
            yield f"{other.name} has another protocol than {first.name}: {told}"


def _settings(protocol: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """("decoding.sampling.temperature", 1.0) and so on."""
    for key, value in protocol.items():
        if isinstance(value, dict):
            yield from _settings(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _short(settings: Mapping[str, Any], key: str) -> str:
    text = repr(settings[key]) if key in settings else "nothing"
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
