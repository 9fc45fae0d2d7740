"""Judgements of a record file → a CoT file that SFT reads as it is, and what came of the annotation."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from videor1.annotation.filter import FilterSettings, choose, process, verdict
from videor1.data.record_file import RecordFile
from videor1.evaluation.journal import read_predictions
from videor1.evaluation.judge import Judgement
from videor1.files import whole_file
from videor1.table import Table


def annotate(
    records: RecordFile, predictions: Path, output: Path, settings: FilterSettings
) -> dict[str, Any]:
    """Writes the CoT file, one JSON object a line in the order of `records`.

    Returns:
        The statistics: "records" and "kept" in all, by problem type and by data source; "responses" by
        verdict; "chains" that were written, "inexact" ones with an accuracy below 1 among them; "tokens",
        "accuracy" and "temporal" of these.
    """
    counts: dict[str, dict[str, Counter[str]]] = {
        "problem_type": defaultdict(Counter),
        "data_source": defaultdict(Counter),
    }
    verdicts: Counter[str] = Counter()
    kept: list[Judgement] = []
    with whole_file(output) as file:
        for judgements in _by_question(predictions):
            verdicts.update(verdict(one, settings) for one in judgements)
            chosen = choose(judgements, settings)
            for field, by_value in counts.items():
                cell = by_value[getattr(judgements[0], field)]
                cell["records"] += 1
                cell["kept"] += bool(chosen)
            for nth, one in enumerate(chosen, start=1):
                record = replace(records[one.question], process=process(one.response))
                if nth > 1:  # a record file holds an id once
                    record = replace(record, problem_id=f"{record.problem_id}#{nth}")
                file.write(json.dumps(asdict(record), ensure_ascii=False).encode() + b"\n")
                kept.append(replace(one, response="", problem=""))  # their text is written
    total = sum(counts["problem_type"].values(), Counter())
    return {
        "records": total["records"],
        "kept": total["kept"],
        "chains": len(kept),
        "inexact": sum(one.accuracy < 1 for one in kept),
        "responses": dict(verdicts.most_common()),
        **{
            f"by_{field}": {value: dict(cell) for value, cell in sorted(by.items())}
            for field, by in counts.items()
        },
        "tokens": _quantiles([one.tokens for one in kept]),
        "accuracy": _mean([one.accuracy for one in kept]),
        "temporal": _mean([one.temporal for one in kept]),
        "filter": asdict(settings),
    }


def markdown(statistics: dict[str, Any]) -> str:
    """The statistics for a person."""
    lines = [
        f"{statistics['kept']} of {statistics['records']} records have a chain of thought"
        f" ({statistics['chains']} chains).",
        "",
        *_counts("verdict", {name: {"responses": n} for name, n in statistics["responses"].items()}),
    ]
    for field in ("problem_type", "data_source"):
        lines += ["", *_counts(field, statistics[f"by_{field}"])]
    if statistics["chains"]:
        tokens = ", ".join(f"{name} {value:.0f}" for name, value in statistics["tokens"].items())
        lines += [
            "",
            f"Tokens of the chains: {tokens}. Mean accuracy {statistics['accuracy']:.3f};"
            f" {statistics['temporal']:.1%} reason about time.",
        ]
    if statistics["inexact"]:
        lines += [
            "",
            f"{statistics['inexact']} of the chains lead to an answer that is only near the solution, which"
            " SFT teaches as the answer; a higher filter.accuracy_above leaves them out.",
        ]
    return "\n".join(lines) + "\n"


def _counts(named: str, cells: dict[str, dict[str, int]]) -> list[str]:
    columns = list(dict.fromkeys(column for cell in cells.values() for column in cell))
    rows = [
        [name or "(none)", *(f"{cell.get(column, 0):,}" for column in columns)]
        for name, cell in cells.items()
    ]
    return Table(head=[named, *columns], rows=rows).markdown()


def _by_question(predictions: Path) -> Iterator[list[Judgement]]:
    for _, judgements in groupby(read_predictions(predictions), key=lambda one: one.question):
        yield list(judgements)


def _quantiles(values: Sequence[float]) -> dict[str, float]:
    if not values:
        return {}
    levels = {"least": 0.0, "median": 0.5, "p90": 0.9, "most": 1.0}
    return {name: float(np.quantile(values, level)) for name, level in levels.items()}


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None
