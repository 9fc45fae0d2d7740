"""How the time of reading a response grows with its length, for texts that are made to cost much.

Each text is read at doubling lengths; the ratio of the times of the last two is 2 where time is linear and 4
where it is quadratic. The last line is JSON: the worst ratio of each reader, and the seconds of a megabyte.

    python benchmarks/reading.py [longest, in characters]
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.fuzz.attacks import ATTACKS, READERS, attack

REPEATS, LEAST = 3, 1e-3  # seconds below which a ratio is noise


def seconds(read: Callable[[str], object], text: str) -> float:
    """CPU time of one reading, the least of a few."""
    found = []
    for _ in range(REPEATS):
        start = time.process_time()
        read(text)
        found.append(time.process_time() - start)
    return min(found)


def main() -> None:
    longest = int(sys.argv[1]) if len(sys.argv) > 1 else 1 << 20
    worst = {}
    for reader, read in READERS.items():
        ratios, slowest = {}, 0.0
        for name in ATTACKS:
            half, whole = (seconds(read, attack(name, length)) for length in (longest // 2, longest))
            slowest = max(slowest, whole)
            if whole >= LEAST:
                ratios[name] = whole / half
        name = max(ratios, key=ratios.__getitem__, default=None)
        ratio = ratios[name] if name else None
        shown = "below a millisecond" if ratio is None else f"{ratio:.2f} times as long ({name})"
        print(f"{reader:16} {slowest:7.3f} s at most; twice the length: {shown}")
        worst[reader] = {"ratio": ratio, "text": name, "seconds": slowest}
    print(json.dumps({"characters": longest, "readers": worst}))


if __name__ == "__main__":
    main()
