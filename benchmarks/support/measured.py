"""What a measured process tells: figures as JSON on its last line, medians of its steps, its peak of memory.

Only the standard library: programs of another environment import this too.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]

Steps = Mapping[str, Sequence[float]]  # seconds of each part, step by step


def last_line(command: Sequence[str]) -> dict[str, Any]:
    """Runs a program from the repository's root and reads the JSON on the last line that it prints."""
    environment = os.environ | {"HF_HUB_OFFLINE": "1"}  # everything runs on local files
    done = subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def peak_mb() -> float:
    """Peak resident memory of this process, in MB; Linux only.

    `ru_maxrss` will not do: a process starts it with the peak of the one that started it.
    """
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None, "Linux tells VmHWM of every process"
    return int(found[1]) / 1024


def restart_peak() -> float:
    """Lets `peak_mb` begin again from what is resident now, and tells that; Linux only."""
    Path("/proc/self/clear_refs").write_text("5")
    return peak_mb()


def medians(*runs: Steps) -> dict[str, float]:
    """The median of each part over all steps of all runs but the first of each, which warms up."""
    return {part: statistics.median(seconds for run in runs for seconds in run[part][1:]) for part in runs[0]}
