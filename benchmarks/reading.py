"""How the time of reading a response grows with its length, for texts that are made to cost much.

Each text is read at five lengths, each twice the one before. The slope of log seconds over log length is 1
where time is linear and 2 where it is quadratic; a single doubling would tell the processor's caches. The
last line is JSON: the worst slope of each reader, and the seconds of a megabyte.

    python benchmarks/reading.py [longest, in characters]
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import linear_regression

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.fuzz.attacks import ATTACKS, READERS, attack

REPEATS, LENGTHS, LEAST = 3, 5, 1e-3  # seconds below which a slope is noise


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
        slopes, slowest = {}, 0.0
        for name in ATTACKS:
            texts = [attack(name, longest >> halvings) for halvings in reversed(range(LENGTHS))]
            found = [seconds(read, text) for text in texts]
            slowest = max(slowest, found[-1])
            if found[-1] >= LEAST:
                slopes[name] = linear_regression(
                    [math.log(len(text)) for text in texts], [math.log(one) for one in found]
                ).slope
        name = max(slopes, key=slopes.__getitem__, default=None)
        slope = slopes[name] if name else None
        shown = "below a millisecond" if slope is None else f"grows with length to the {slope:.2f} ({name})"
        print(f"{reader:16} {slowest:7.3f} s at most; {shown}")
        worst[reader] = {"slope": slope, "text": name, "seconds": slowest}
    print(json.dumps({"characters": longest, "readers": worst}))


if __name__ == "__main__":
    main()
