"""What every process of a run needs, looked at from outside, and whether it grows."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import psutil
from scipy.stats import theilslopes


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One process at one moment.

    Args:
        step: of the run.
        resident_mb: memory, with all that it shares with others.
        share_mb: the same, with its share of what it shares; over all processes that is all that they take.
        descriptors: open files, pipes and sockets.
        threads: of the process.
    """

    step: int
    resident_mb: float
    share_mb: float
    descriptors: int
    threads: int


class Watched:
    """The processes of a run: the trainer, its workers, their decoders.

    A process is known by its place: `trainer`, `trainer/1` for its first child that lives, and so on. One
    that takes another's place goes on with its series.
    """

    def __init__(self, pid: int) -> None:
        self.root = psutil.Process(pid)
        self.series: dict[str, list[Sample]] = defaultdict(list)
        self.pids: dict[str, set[int]] = defaultdict(set)

    def look(self, step: int) -> None:
        """Adds a sample of each process that there is, and of all together."""
        found: list[Sample] = []
        self._look(self.root, "trainer", step, found)
        if found:
            summed = {
                field: sum(getattr(sample, field) for sample in found)
                for field in ("resident_mb", "share_mb", "descriptors", "threads")
            }
            self.series["all"].append(Sample(step=step, **summed))

    def _look(self, process: psutil.Process, place: str, step: int, found: list[Sample]) -> None:
        try:
            with process.oneshot():
                memory = process.memory_full_info()
                sample = Sample(
                    step=step,
                    resident_mb=memory.rss / 2**20,
                    share_mb=memory.pss / 2**20,
                    descriptors=process.num_fds(),
                    threads=process.num_threads(),
                )
            children = sorted(process.children(), key=lambda child: child.create_time())
        except psutil.NoSuchProcess:  # it has ended since it was listed
            return
        found.append(sample)
        self.series[place].append(sample)
        self.pids[place].add(process.pid)
        for number, child in enumerate(children, start=1):
            self._look(child, f"{place}/{number}", step, found)

    def figures(self, *, after: int) -> dict[str, dict[str, object]]:
        """Of each process, and of all: memory with its slope, descriptors and threads, by quarter of the run.

        A process's memory is what is resident, that of all their shares; those with fewer than twenty
        samples are left out.

        Args:
            after: steps that warm up and are left out.
        """
        told = {}
        for place, samples in self.series.items():
            steady = [sample for sample in samples if sample.step >= after]
            if len(steady) < 20:
                continue
            memory = [sample.share_mb if place == "all" else sample.resident_mb for sample in steady]
            told[place] = {
                "samples": len(steady),
                "processes": len(self.pids[place]),
                "mb": by_quarter(memory),
                "mb_per_1000_steps": slope([sample.step for sample in steady], memory),
                "descriptors": by_quarter([sample.descriptors for sample in steady]),
                "threads": by_quarter([sample.threads for sample in steady]),
            }
        return told


def by_quarter(values: Sequence[float]) -> dict[str, object]:
    """The median of each quarter, and the most of all."""
    quarter = len(values) // 4
    medians = [statistics.median(values[part * quarter : (part + 1) * quarter]) for part in range(4)]
    return {"medians": [round(float(median), 4) for median in medians], "most": round(float(max(values)), 4)}


def slope(steps: Sequence[int], values: Sequence[float]) -> dict[str, float]:
    """Growth in a thousand steps, by Theil and Sen's median of slopes, with its 95 % interval."""
    found = theilslopes(values, steps)
    return {
        "slope": round(1000 * float(found.slope), 3),
        "low": round(1000 * float(found.low_slope), 3),
        "high": round(1000 * float(found.high_slope), 3),
    }
