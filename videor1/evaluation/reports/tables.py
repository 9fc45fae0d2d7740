"""Tables and scores as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

NOTHING = "–"  # in a cell that has no value


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Cells with a head above them; the first column stands left, the others right."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]

    def filled(self, always: int) -> Table:
        """Without the columns behind the first `always` that have no value in any row."""
        filled = [any(row[i] != NOTHING for row in self.rows) for i in range(len(self.head))]
        kept = [i for i, value in enumerate(filled) if value or i < always]
        return Table(
            head=[self.head[i] for i in kept],
            rows=[[row[i] for i in kept] for row in self.rows],
        )

    def markdown(self) -> list[str]:
        """Lines of a Markdown table."""
        rule = "|".join(["---", *["---:"] * (len(self.head) - 1)])
        head, *rows = [f"| {' | '.join(map(_cell, row))} |" for row in (self.head, *self.rows)]
        return [head, f"|{rule}|", *rows]

    def plain(self) -> list[str]:
        """Lines in aligned columns."""
        lines = (self.head, *self.rows)
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.head))]
        return [
            "   ".join(
                cell.rjust(width) if i else cell.ljust(width)
                for i, (cell, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in lines
        ]


def percent(share: float | None) -> str:
    """0.6132 → 61.3; the head of the column says that it is percent."""
    return NOTHING if share is None else f"{100 * share:.1f}"


def points(difference: float | None) -> str:
    """0.0132 → +1.3, with a minus sign below zero."""
    if difference is None:
        return NOTHING
    return f"{round(100 * difference, 1) or 0.0:+.1f}".replace("-", "−")  # no −0.0


def scored(score: Mapping[str, Any] | None) -> str:
    """{"score", "low", "high"} → 61.3 [58.0, 64.4]; without the brackets where it has no interval."""
    if score is None or score["score"] is None:
        return NOTHING
    told = percent(score["score"])
    return told if score["low"] is None else f"{told} [{percent(score['low'])}, {percent(score['high'])}]"


def _cell(text: str) -> str:
    return text.replace("|", r"\|").replace("\n", " ") or " "
