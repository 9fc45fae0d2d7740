"""Fixtures of the tests of rollout servers."""

from __future__ import annotations

import pytest

from videor1.policy.loading import load_policy


@pytest.fixture
def policy(world):
    """A policy that a test may move."""
    return load_policy(str(world / "model")).eval()
