"""Videos to measure with, written on the spot: decoding them costs what it does in life."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np


def write_film(
    path: Path, *, seconds: float, height: int = 360, width: int = 640, rate: int = 25, seed: int = 0
) -> Path:
    """An H.264 mp4 with a textured ground that drifts under grain, a key frame every 10 s as encoders do."""
    random = np.random.default_rng(seed)
    ground = (
        random.integers(0, 256, (height // 8 + 16, width // 8 + 64, 3), dtype=np.uint8)
        .repeat(8, 0)
        .repeat(8, 1)
    )
    grain = random.integers(0, 24, (8, height, width, 3), dtype=np.uint8)
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=rate, options={"preset": "veryfast", "crf": "26"})
        stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
        for number in range(round(seconds * rate)):
            x, y = number % 448, (number // 4) % 96
            picture = ground[y : y + height, x : x + width] // 2 + grain[number % 8]
            file.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")))
        file.mux(stream.encode(None))
    return path
