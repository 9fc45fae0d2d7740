"""The seconds of a whole T-GRPO step by part, and the peak memory of the training process.

    python -m benchmarks.step [--steps 4] [--only image|video|long] [--tokens N ...] [--all]

A model of 42 M parameters trains through Lightning's Trainer on files on disk, on CPU in float32: on an
image of 336×448 (8 responses), and on films of which 16 or 64 frames of 112×168 are seen (8 responses
to the frames in order, 4 to shuffled ones). Every run is a process of its own; figures are medians over
its steps after the first. The parts add up to the step, their medians only nearly. `data` is the wait
for the batch, which a worker makes in the meantime; memory is the training process's, without that
worker. --all adds what takes minutes a step. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.support.measured import last_line, medians
from benchmarks.support.questions import write_questions
from benchmarks.support.workload import Media, write_model

IMAGE = Media(frames=1, height=336, width=448)  # 192 vision tokens
MEDIA = {"image": IMAGE, "video": Media(frames=16), "long": Media(frames=64)}  # 192, 192 and 768
PARTS = ("data", "rollout", "reward", "reference", "forward", "backward", "optimizer", "step")


@dataclass(frozen=True)
class Workload:
    kind: str  # a key of MEDIA
    questions: int  # a step
    tokens: int  # of every response

    def __str__(self) -> str:
        return f"{self.kind} {self.questions}x{self.tokens}"


WORKLOADS = (
    Workload("image", 1, 64),
    Workload("image", 1, 200),
    Workload("video", 1, 64),
    Workload("video", 1, 200),
    Workload("video", 8, 64),
    Workload("video", 8, 200),
    Workload("long", 1, 512),
)
SLOW = (Workload("long", 8, 512),)


def run(model: Path, data: Path, *, questions: int, tokens: int, steps: int) -> dict[str, Any]:
    """What `benchmarks.support.timed_run` tells, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.support.timed_run", "--model", model, "--data", data]
    command += ["--questions", questions, "--tokens", tokens, "--steps", steps]
    return last_line([str(word) for word in command])


def chosen(options: argparse.Namespace) -> list[Workload]:
    """The workloads of a command line, each once."""
    workloads = [
        workload
        for workload in WORKLOADS + (SLOW if options.all else ())
        if options.only in (None, workload.kind)
    ]
    if options.tokens:
        workloads = [replace(one, tokens=tokens) for one in workloads for tokens in options.tokens]
    return list(dict.fromkeys(workloads))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=4, help="at least 2: the first is not counted")
    parser.add_argument("--only", choices=MEDIA, help="only one kind of media")
    parser.add_argument("--tokens", type=int, nargs="+", help="lengths of the responses, for other workloads")
    parser.add_argument("--all", action="store_true", help="also 8 long films a step: minutes a step")
    options = parser.parse_args()
    if options.steps < 2:
        parser.error("--steps must be at least 2: the first is not counted")
    result: dict[str, Any] = {"steps": options.steps, "workloads": {}}
    with tempfile.TemporaryDirectory() as name:
        model = write_model(Path(name) / "model")
        heads = "".join(f"{head:>10}" for head in (*PARTS, "tokens/s", "MB"))
        print(f"{'questions×tokens':<16}{heads}", flush=True)
        for workload in chosen(options):
            data = Path(name) / f"{workload.kind}{workload.questions}"
            if not data.exists():
                write_questions(data, MEDIA[workload.kind], batch=workload.questions, steps=options.steps)
            told = run(model, data, questions=workload.questions, tokens=workload.tokens, steps=options.steps)
            seconds = medians(told["steps"])
            rate = told["tokens"] / seconds["rollout"]
            row = "".join(f"{seconds[part]:>10.3f}" for part in PARTS)
            print(f"{workload!s:<16}{row}{rate:>10.0f}{told['peak_mb']:>10.0f}", flush=True)
            result["workloads"][str(workload)] = {
                "seconds": seconds,
                "tokens_per_second": rate,
                "peak_mb": told["peak_mb"],
                "prompt_tokens": told["prompt_tokens"],
                "tokens": told["tokens"],
            }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
