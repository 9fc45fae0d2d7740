"""The world of the ablation, as configs/ablation/world.yaml describes it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NoReturn

from benchmarks.support.measured import ROOT
from videor1.toyworld.__main__ import main


def build_world(folder: Path) -> NoReturn:
    """Writes what is missing of it and ends the process: its exit status is not 0 where that failed."""
    sys.exit(main(["--config", str(ROOT / "configs/ablation/world.yaml"), "--out", str(folder)]))
