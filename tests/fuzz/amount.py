"""How many cases a property gets: few and always the same in CI, thousands of new ones at night."""

from __future__ import annotations

import os
from collections.abc import Callable

from hypothesis import HealthCheck, settings

NIGHTLY = settings.get_current_profile_name() == "nightly"
# How many times the nightly numbers; FUZZ=0.1 is a short night, FUZZ=10 a long one.
_LENGTH = float(os.environ.get("FUZZ", "1"))


def cases(usual: int, night: int) -> Callable:
    """Decorator of a property: `usual` cases in CI, `night` at night."""
    return settings(
        max_examples=max(1, int(night * _LENGTH)) if NIGHTLY else usual,
        derandomize=not NIGHTLY,  # CI must not fail for what nobody has changed
        database=settings().database if NIGHTLY else None,
        deadline=None,  # machines that tests share are slow at times
        suppress_health_check=list(HealthCheck),
    )
