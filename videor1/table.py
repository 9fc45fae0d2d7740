"""A table as text: Markdown for a report, aligned columns for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

NOTHING = "–"  # in a cell that has no value


@dataclass(frozen=True, kw_only=True)
class Table:
    """Cells with a head above them; all but the first column and those of words stand right."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    words: frozenset[int] = frozenset({0})  # columns that stand left

    def filled(self, always: int) -> Table:
        """Without the columns behind the first `always` that have no value in any row."""
        kept = [
            place
            for place in range(len(self.head))
            if place < always or any(row[place] != NOTHING for row in self.rows)
        ]
        return Table(
            head=[self.head[place] for place in kept],
            rows=[[row[place] for place in kept] for row in self.rows],
            words=frozenset(new for new, old in enumerate(kept) if old in self.words),
        )

    def markdown(self) -> list[str]:
        """Lines of a Markdown table."""
        rule = "|".join("---" if place in self.words else "---:" for place in range(len(self.head)))
        rows = ["| " + " | ".join(map(_cell, row)) + " |" for row in (self.head, *self.rows)]
        return [rows[0], f"|{rule}|", *rows[1:]]

    def plain(self) -> list[str]:
        """Lines in aligned columns; a head without words is left out."""
        lines = [self.head, *self.rows] if any(self.head) else self.rows
        widths = [max(len(line[place]) for line in lines) for place in range(len(self.head))]
        return [
            "   ".join(
                cell.ljust(room) if place in self.words else cell.rjust(room)
                for place, (cell, room) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in lines
        ]


def _cell(text: str) -> str:
    return text.replace("|", r"\|").replace("\n", " ") or " "
