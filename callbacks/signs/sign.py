"""What a rule found: whether its sign shows, with figures, and what to do."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """What a rule found in the windows."""

    shows: bool
    figures: dict[str, float]  # that it was judged by
    seen: str  # the same in words
    advice: str
