"""Clips a second out of the loader against its number of workers, cold and with the frame cache full.

    python -m benchmarks.loader [--clips 48] [--seconds 10] [--workers 0 1 2 4]

Films of 640×360 at the recipe's training settings (16 frames, 128·28·28 pixels), whole prompts as the trainer
gets them. The tokenizer is the toy world's. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

from torch.utils.data import DataLoader

from benchmarks.support.films import write_film
from videor1.data.cache import CacheSettings
from videor1.data.dataset import PromptDataset
from videor1.data.frames import ClipSettings
from videor1.data.maker import PromptMaker
from videor1.data.media import MediaReader
from videor1.data.prompts import PromptBuilder, PromptTemplate
from videor1.data.record_file import RecordFile
from videor1.policy.loading import load_processor
from videor1.toyworld.corpus import world_corpus
from videor1.toyworld.tiny_model import write_tiny_model


def write_data(folder: Path, clips: int, seconds: float) -> RecordFile:
    """A record file and its films, each of other content: the cache would keep copies once."""
    records = []
    for number in range(clips):
        write_film(folder / f"{number}.mp4", seconds=seconds, seed=number)
        records.append(
            {
                "problem": "What happens?",
                "data_type": "video",
                "problem_type": "free-form",
                "solution": "<answer>nothing</answer>",
                "path": f"{number}.mp4",
                "data_source": "films",
            }
        )
    (folder / "records.json").write_text(json.dumps(records))
    return RecordFile.open(folder / "records.json")


def clips_a_second(records: RecordFile, maker: PromptMaker, workers: int) -> float:
    """Over one epoch, from the first batch on: starting the workers is paid once a run."""
    batches = [[number] for number in range(len(records))]
    loader = iter(
        DataLoader(PromptDataset(records, maker), sampler=batches, batch_size=None, num_workers=workers)
    )
    next(loader)
    started = time.perf_counter()
    rest = sum(1 for _ in loader)
    return rest / (time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=48)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 1, 2, 4])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_tiny_model(folder / "model", world_corpus(0, ()), seed=0)
        records = write_data(folder, arguments.clips, arguments.seconds)
        builder = PromptBuilder(load_processor(str(folder / "model")), PromptTemplate())
        rates: dict[str, dict[str, float]] = {}
        for workers in arguments.workers:
            cache = CacheSettings(folder=str(folder / f"cache{workers}"), gigabytes=10.0).frames()
            for state, kept in (("no cache", None), ("cold", cache), ("cached", cache)):
                maker = PromptMaker(
                    MediaReader(folder, cache=kept),
                    clip=ClipSettings(),
                    builder=builder,
                    max_tokens=16384,
                    response_tokens=768,
                )
                rates.setdefault(state, {})[str(workers)] = clips_a_second(records, maker, workers)
                print(f"{workers} workers, {state:9s}{rates[state][str(workers)]:8.1f} clips/s", flush=True)
    print(json.dumps({"clips_per_second": rates, "clips": arguments.clips, "seconds": arguments.seconds}))


if __name__ == "__main__":
    main()
