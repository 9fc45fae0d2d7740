"""Pytest's own option chooses how much is tried: `--hypothesis-profile nightly`, as `make fuzz` does."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("nightly")
