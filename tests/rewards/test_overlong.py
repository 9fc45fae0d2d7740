"""The soft over-long penalty, and its settings."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from videor1.errors import ConfigError
from videor1.rewards import OverlongSettings, overlong_penalty


def test_it_falls_linearly_over_the_margin() -> None:
    lengths = torch.tensor([0, 300, 301, 325, 399, 400, 401, 9999])
    got = overlong_penalty(lengths, longest=400, margin=100)
    assert got.dtype == torch.float32
    assert got.tolist() == pytest.approx([0, 0, -0.01, -0.25, -0.99, -1, -1, -1])


def test_paper_figures() -> None:
    lengths = torch.tensor([16384, 18432, 20480, 20481])
    got = overlong_penalty(lengths, longest=20480, margin=4096)
    assert got.tolist() == [0, -0.5, -1, -1]


@pytest.mark.parametrize(
    ("key", "value"),
    [("margin", 0), ("margin", 401), ("longest", 99), ("weight", -1.0), ("weight", float("nan"))],
)
def test_settings_errors_name_the_config_key(key: str, value: Any) -> None:
    good = {"longest": 400, "margin": 100, "weight": 1.0}
    with pytest.raises(ConfigError, match=rf"model\.rewards\.overlong\.{key}\b"):
        OverlongSettings(**good | {key: value})
