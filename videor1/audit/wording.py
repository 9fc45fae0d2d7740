"""Numbers as text."""

from __future__ import annotations


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
