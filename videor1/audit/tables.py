"""Tables and numbers as text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Table:
    """Cells with a head above them; all but the first column and those of words stand right."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    words: frozenset[int] = frozenset({0})  # columns that stand left

    def markdown(self) -> list[str]:
        """Lines of a Markdown table."""
        rule = "|".join("---" if place in self.words else "---:" for place in range(len(self.head)))
        rows = ["| " + " | ".join(map(_cell, row)) + " |" for row in (self.head, *self.rows)]
        return [rows[0], f"|{rule}|", *rows[1:]]

    def plain(self, width: int) -> list[str]:
        """Lines in aligned columns, indented by two, of at most `width` characters."""
        lines = [self.head, *self.rows] if any(self.head) else self.rows
        widths = [max(len(line[place]) for line in lines) for place in range(len(self.head))]
        aligned = [
            "   ".join(
                cell.ljust(room) if place in self.words else cell.rjust(room)
                for place, (cell, room) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in lines
        ]
        return [f"  {shorten(line, width - 2)}" for line in aligned]


def shorten(text: str, width: int) -> str:
    """At most `width` characters; "…" ends a text that had more."""
    return text if len(text) <= width else f"{text[: width - 1]}…"


def count(number: int) -> str:
    """12,345."""
    return f"{number:,}"


def many(number: int, noun: str) -> str:
    """1 record, 12,345 records."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def percent(share: float) -> str:
    """12.3 %, or 0.0012 % where one decimal would read as nothing."""
    return f"{100 * share:.1f} %" if share == 0 or share >= 0.0005 else f"{100 * share:.2g} %"


def size(number: int) -> str:
    """Bytes as 12.3 MB, in powers of 1000."""
    value = number / 1000
    for unit in ("kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def _cell(text: str) -> str:
    return text.replace("|", r"\|").replace("\n", " ") or " "
