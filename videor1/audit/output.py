"""What an audit leaves behind, and whether it is content."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from videor1.audit import figures
from videor1.audit.examined import Examined
from videor1.audit.report import FIGURES, markdown, screen
from videor1.audit.summary import top_causes
from videor1.data.quarantine import BadShareError, Quarantined
from videor1.files import save_figure, write_whole
from videor1.portable import portable

_CAUSES = 3


def write(
    report: dict[str, Any], examined: Sequence[Examined], excluded: Sequence[Quarantined], *, folder: Path
) -> None:
    """Writes the report, its figures and the quarantine; prints the short form.

    Args:
        report: the content of `audit.json`.
        examined: the splits.
        excluded: what data.exclude names already; goes into the quarantine too, which then stands for both.
        folder: where to.
    """
    text = json.dumps(report, indent=2, ensure_ascii=False) + "\n"
    write_whole(folder / "audit.json", portable(text))
    write_whole(folder / "audit.md", portable(markdown(report)))
    for name in FIGURES:
        save_figure(folder / f"{name}.png", getattr(figures, name)(report["splits"]))
    unusable = [*excluded, *(bad for one in examined for bad in one.quarantine())]
    lines = [json.dumps(asdict(one), ensure_ascii=False) + "\n" for one in dict.fromkeys(unusable)]
    write_whole(folder / "quarantine.jsonl", "".join(lines))  # data.exclude may name the one it replaces
    print(screen(report))
    print(f"\nThe whole report: {folder / 'audit.md'}")


def judge(examined: Sequence[Examined], *, max_bad_share: float, strict: bool, folder: Path) -> None:
    """Raises BadShareError, in one line, when a split has more unusable records than a run would accept."""
    told = []
    for one in examined:
        subject, limit = one.subject, 0.0 if strict else max_bad_share
        if one.unusable > limit * subject.total:
            causes = top_causes(bad.cause for bad in one.quarantine())[:_CAUSES]
            told.append(
                f"data.{subject.name}: {one.unusable} of {subject.total} records are unusable, more than "
                + ("data.strict allows" if strict else f"data.max_bad_share = {max_bad_share:g}")
                + ": "
                + "; ".join(f"{cause['records']} × {cause['cause']}" for cause in causes)
            )
        nameless = sum(kind.data_source == "unknown" for kind in one.kinds)
        if strict and nameless:
            told.append(
                f"data.{subject.name}: {nameless} records have no data_source, which data.strict refuses"
            )
    if told:
        raise BadShareError(
            f"{'. '.join(told)}. The report is {folder / 'audit.md'}; with {folder / 'quarantine.jsonl'} in"
            " data.exclude a run leaves them out"
        )
