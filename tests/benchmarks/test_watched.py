"""The soak's eye: a process that grows is told from one that does not."""

from __future__ import annotations

import subprocess
import sys

import pytest

from benchmarks.support.watched import Watched, by_quarter, slope

GROW = """
import subprocess, sys
kept = []
child = subprocess.Popen([sys.executable, "-S", "-c", "input()"], stdin=subprocess.PIPE)
print("ready", flush=True)
for line in sys.stdin:
    megabytes = int(line)
    if megabytes:
        kept.append((bytearray(megabytes << 20), open("/dev/null")))
    print("done", flush=True)
"""


@pytest.mark.parametrize("megabytes", [0, 4])
def test_growth_is_seen_from_outside(megabytes):
    words = [sys.executable, "-S", "-c", GROW]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        watched = Watched(process.pid)
        for step in range(0, 3000, 100):
            process.stdin.write(f"{megabytes}\n")
            process.stdin.flush()
            assert process.stdout.readline() == "done\n"
            watched.look(step)
        process.stdin.close()
    found = watched.figures(after=500)
    assert found.keys() == {"trainer", "trainer/1", "all"}
    assert found["trainer"]["samples"] == 25
    assert found["trainer"]["mb_per_1000_steps"]["slope"] == pytest.approx(10 * megabytes, abs=0.5)
    assert found["all"]["mb_per_1000_steps"]["slope"] == pytest.approx(10 * megabytes, abs=0.5)
    assert found["trainer/1"]["mb_per_1000_steps"]["slope"] == pytest.approx(0, abs=0.1)
    first, last = (found["trainer"]["descriptors"]["medians"][place] for place in (0, -1))
    assert (last > first) == bool(megabytes)
    assert found["trainer"]["threads"] == {"medians": [1.0] * 4, "most": 1.0}


def test_a_slope_is_of_a_thousand_steps_and_knows_its_doubt():
    steps = list(range(0, 2000, 10))
    assert slope(steps, [0.002 * step for step in steps]) == {"slope": 2.0, "low": 2.0, "high": 2.0}
    noisy = slope(steps, [100 + (-1) ** number for number, _ in enumerate(steps)])
    assert noisy["low"] <= 0 <= noisy["high"]


def test_quarters():
    assert by_quarter([1, 1, 2, 2, 3, 3, 9, 9]) == {"medians": [1.0, 2.0, 3.0, 9.0], "most": 9.0}
