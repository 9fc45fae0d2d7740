"""Examined split → its numbers in `audit.json`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from videor1.audit.examined import Examined
from videor1.audit.finding import FAULTS, Finding

QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)
_BINS = 40
_MOST_CAUSES = 10
_PARTICULAR = re.compile(r"\S*/\S*|\d+")  # paths and numbers differ where causes are the same


def summarise(examined: Examined, *, max_prompt_tokens: int) -> dict[str, Any]:
    """Everything about one split that its own records tell."""
    return {
        "file": str(examined.subject.records.path),
        "records": _records(examined),
        "faults": _faults(examined),
        "kinds": _kinds(examined),
        "sources": _sources(examined),
        "unknown_source": sum(kind.data_source == "unknown" for kind in examined.kinds),
        "media": _media(examined),
        "prompts": _prompts(examined.findings, max_prompt_tokens),
        "answers": examined.subject.survey.answers,
        "speed": _speed(examined.findings),
    }


def top_causes(causes: Iterable[str]) -> list[dict[str, Any]]:
    """The most frequent causes; those that differ in a path or a number only are counted as one."""
    groups: dict[str, list[str]] = {}
    for cause in causes:
        groups.setdefault(_PARTICULAR.sub("…", cause), []).append(cause)
    largest = sorted(groups.items(), key=lambda group: -len(group[1]))[:_MOST_CAUSES]
    return [
        {"records": len(same), "cause": same[0] if len(set(same)) == 1 else general}
        for general, same in largest
    ]


def _records(examined: Examined) -> dict[str, Any]:
    return {
        "all": examined.subject.total,
        "usable": sum(finding.fault is None for finding in examined.findings),
        "unusable": examined.unusable,
        "excluded": examined.subject.excluded,
        "unusable_share": examined.unusable / max(examined.subject.total, 1),
    }


def _faults(examined: Examined) -> dict[str, Any]:
    causes: dict[str, list[str]] = {"malformed": [one.cause for one in examined.subject.rejected]}
    causes |= {fault: [] for fault in FAULTS}
    for finding in examined.findings:
        if finding.fault is not None and finding.cause is not None:
            causes[finding.fault].append(finding.cause)
    return {fault: {"records": len(told), "causes": top_causes(told)} for fault, told in causes.items()}


def _kinds(examined: Examined) -> list[dict[str, Any]]:
    counts = Counter((kind.data_type, kind.problem_type) for kind in examined.kinds)
    return [
        {"data_type": data_type, "problem_type": problem_type, "records": count}
        for (data_type, problem_type), count in sorted(counts.items())
    ]


def _sources(examined: Examined) -> dict[str, dict[str, int]]:
    """By data_source, the largest first."""
    sources = [kind.data_source for kind in examined.kinds]
    faulty = Counter(
        source
        for source, finding in zip(sources, examined.findings, strict=True)
        if finding.fault is not None
    )
    counts = sorted(Counter(sources).items(), key=lambda item: (-item[1], item[0]))
    return {source: {"records": count, "unusable": faulty[source]} for source, count in counts}


def _media(examined: Examined) -> dict[str, Any]:
    sizes = {
        path: finding.size
        for path, finding in zip(examined.subject.survey.paths, examined.findings, strict=True)
        if finding.size is not None
    }
    return {
        "paths": len(set(examined.subject.survey.paths)),
        "files": len(sizes),
        "bytes": sum(sizes.values()),
    }


def _prompts(findings: Sequence[Finding], most: int) -> dict[str, Any]:
    """Lengths in tokens; `full` is what the budget allots: the prompt and the room for its response."""
    built = [(one.tokens, one.reserved, one.fitted) for one in findings if one.tokens is not None]
    before = [(tokens, tokens + room) for tokens, room, _ in built if tokens is not None and room is not None]
    after = [(fitted, fitted + room) for _, room, fitted in built if fitted is not None and room is not None]
    prompts = {"before": [one[0] for one in before], "after": [one[0] for one in after]}
    full = {"before": [one[1] for one in before], "after": [one[1] for one in after]}
    lengths = [*full["before"], *full["after"]]
    least, longest = min(lengths, default=0), max(lengths, default=0)
    width = -(-(longest - least + 1) // _BINS)  # a bin holds so many lengths
    edges = least - (least - most - 1) % width + width * np.arange(_BINS + 2)  # the limit ends a bin
    return {
        "max_prompt_tokens": most,
        "overflow": sum(length > most for length in full["before"]),
        "lowered": sum(fitted is not None and fitted != tokens for tokens, _, fitted in built),
        "prompt": {when: _quantiles(lengths) for when, lengths in prompts.items()},
        "response": _quantiles([room for _, room, _ in built if room is not None]),
        "full": {when: _quantiles(lengths) for when, lengths in full.items()},
        "histogram": {
            "edges": edges.tolist(),
            **{when: np.histogram(found, bins=edges)[0].tolist() for when, found in full.items()},
        },
    }


def _quantiles(values: Sequence[int]) -> dict[str, int] | None:
    if not values:
        return None
    found = np.quantile(values, QUANTILES, method="inverted_cdf")  # values that occur, nothing in between
    return {f"{100 * share:g} %": int(value) for share, value in zip(QUANTILES, found, strict=True)}


def _speed(findings: Sequence[Finding]) -> dict[str, Any]:
    """Seconds a clip; with `data.cache`, frames that were kept already count as they were read, fast."""
    reading = [one.read_seconds for one in findings if one.read_seconds is not None]
    making = [one.prompt_seconds for one in findings if one.prompt_seconds is not None]
    seconds = float(np.mean(reading) + np.mean(making)) if reading and making else None
    return {
        "files_timed": len(reading),
        "read_seconds": float(np.mean(reading)) if reading else None,
        "read_seconds_95": float(np.quantile(reading, 0.95)) if reading else None,
        "prompt_seconds": float(np.mean(making)) if making else None,
        "clips_per_second_a_worker": 1 / seconds if seconds else None,
    }
