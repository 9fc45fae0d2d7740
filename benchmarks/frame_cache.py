"""How much faster a kept clip is than decoding it again, at the recipe's training settings.

    python -m benchmarks.frame_cache [--video PATH] [--repeats 20]

Without --video it writes a film of 22 s at 640×360. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from benchmarks.support.films import write_film
from videor1.data.cache import FrameCache
from videor1.data.frames import ClipSettings, read_media
from videor1.data.isolate import Decoder, DecodeSettings
from videor1.types import Clip


def median_ms(action: Callable[[], Clip | None], repeats: int) -> float:
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        action()
        times.append(time.perf_counter() - started)
    return 1000 * statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--video", type=Path)
    parser.add_argument("--repeats", type=int, default=20)
    arguments = parser.parse_args()
    torch.set_num_threads(1)  # as in a loader's worker
    settings = ClipSettings()
    with tempfile.TemporaryDirectory() as folder:
        video = arguments.video or write_film(Path(folder) / "film.mp4", seconds=22)
        clip = read_media(video, "video", settings)
        cache = FrameCache(Path(folder) / "cache", 1.0)
        cache.put(cache.key(video, "video", settings), clip)
        decoder = Decoder(DecodeSettings())
        decoder.read(video, "video", settings)
        milliseconds = {
            "decode": median_ms(lambda: read_media(video, "video", settings), arguments.repeats),
            "decode in its own process": median_ms(
                lambda: decoder.read(video, "video", settings), arguments.repeats
            ),
            "cached": median_ms(
                lambda: cache.get(cache.key(video, "video", settings), video), arguments.repeats
            ),
        }
    for name, value in milliseconds.items():
        print(f"{name:28s}{value:8.2f} ms")
    speedup = milliseconds["decode"] / milliseconds["cached"]
    print(f"a kept clip is read {speedup:.1f} times faster than it is decoded")
    shape = list(clip.frames.shape)
    print(
        json.dumps(
            {"milliseconds": milliseconds, "speedup": speedup, "frames": shape, "repeats": arguments.repeats}
        )
    )


if __name__ == "__main__":
    main()
