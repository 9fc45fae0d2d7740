"""What a record file of the published size costs: seconds and memory of opening it and of reading all of it.

    python -m benchmarks.records [--records 263071]

Every figure comes from a process of its own; memory is its peak above that of a process that only imports.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[1]
PUBLISHED = 263_071
PROBLEM_TYPES = {  # as many records as published
    "multiple choice": 168_769,
    "free-form": 38_722,
    "numerical": 34_354,
    "OCR": 15_886,
    "regression": 5_340,
}
SOURCES = {
    "LLaVA-Video-178K": 40,
    "NeXT-QA": 15,
    "CLEVRER": 15,
    "Math": 14,
    "Chart": 12,
    "": 4,
}  # % of records
TEXT = "what does the person in red do first after they open the left door, and why is the ball behind it?"


def write_records(path: Path, records: int) -> None:
    """A JSON array in the published format: about 670 bytes a record, a third of them images."""
    draw, words = random.Random(0), TEXT.split()
    kinds = draw.choices(list(PROBLEM_TYPES), list(PROBLEM_TYPES.values()), k=records)
    sources = draw.choices(list(SOURCES), list(SOURCES.values()), k=records)
    with path.open("w", encoding="utf-8") as file:
        for number, kind in enumerate(kinds):
            video = draw.random() < 0.66
            record = {
                "problem_id": number,
                "problem": " ".join(draw.choices(words, k=draw.randint(31, 101))) + "?",
                "data_type": "video" if video else "image",
                "problem_type": kind,
                "options": [f"{letter}. {' '.join(draw.choices(words, k=6))}" for letter in "ABCD"]
                if kind == "multiple choice"
                else [],
                "solution": "<answer>B</answer>",
                "path": f"./source/{number % 97:03}/{number:08}{'.mp4' if video else '.jpg'}",
                "data_source": sources[number],
            }
            file.write(("[\n" if number == 0 else ",\n") + json.dumps(record, indent=4, ensure_ascii=False))
        file.write("\n]\n" if records else "[]\n")


def do_nothing(path: Path, folder: Path) -> tuple[int, float]:
    return 0, 0.0


def open_file(path: Path, folder: Path) -> tuple[int, float]:
    from videor1.data.record_file import RecordFile

    start = time.perf_counter()
    return len(RecordFile.open(path, index_folder=folder)), time.perf_counter() - start


def iterate(path: Path, folder: Path) -> tuple[int, float]:
    from videor1.data.record_file import RecordFile

    records = RecordFile.open(path, index_folder=folder)
    start = time.perf_counter()
    return sum(1 for _ in records), time.perf_counter() - start


def load_whole(path: Path, folder: Path) -> tuple[int, float]:
    start = time.perf_counter()
    with path.open(encoding="utf-8") as file:
        return len(json.load(file)), time.perf_counter() - start


# Each gives the number of records it met and the seconds it took; those of importing do not count.
STEPS: dict[str, Callable[[Path, Path], tuple[int, float]]] = {
    "bare": do_nothing,
    "first opening": open_file,
    "second opening": open_file,
    "iterating over all": iterate,
    "json.load": load_whole,
}


def run_step(step: str, path: Path, folder: Path) -> None:
    """In the child: prints records, seconds and the peak of this process in MB."""
    sys.path.insert(0, str(ROOT))
    import videor1.data.record_file  # noqa: F401  # whatever the size of the file, this memory is needed

    records, seconds = STEPS[step](path, folder)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"records": records, "seconds": round(seconds, 3), "peak_mb": round(peak, 1)}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--records", type=int, default=PUBLISHED, help=f"default: {PUBLISHED}, as published")
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        run_step(options.step, options.folder / "records.json", options.folder / "index")
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "records.json"
        write_records(path, options.records)
        result: dict[str, object] = {
            "records": options.records,
            "file_mb": round(path.stat().st_size / 1e6, 1),
        }
        print(f"{options.records} records, {result['file_mb']} MB")
        bare = 0.0
        for step in STEPS:
            command = [sys.executable, __file__, "--step", step, "--folder", folder]
            told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            assert told["records"] in (0, options.records), f"{step} met {told['records']} records"
            bare = bare or told["peak_mb"]
            above = round(told["peak_mb"] - bare, 1)
            result[step] = {"seconds": told["seconds"], "peak_mb_above_bare": above}
            print(f"{step:<28}{told['seconds']:>8.2f} s {above:>8.1f} MB above the bare process")
        result["index_mb"] = round(
            sum(one.stat().st_size for one in Path(folder, "index").iterdir()) / 1e6, 1
        )
        result["bare_mb"] = bare
        print(json.dumps(result))


if __name__ == "__main__":
    main()
