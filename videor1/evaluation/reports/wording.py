"""Scores as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from videor1.table import NOTHING


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
