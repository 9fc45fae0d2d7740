"""One process and two, by strategy: seconds and memory of a T-GRPO step, and what its collectives move.

    python -m benchmarks.scale [--steps 5] [--only ddp zero2 ...] [--tokens 32]

A model of 42 M parameters trains by `cli.py fit` with each overlay of configs/strategy, on CPU in float32, a
thread a process. A step is two questions about films, of which 16 frames are seen, 8 + 4 responses each:
one process does both, two do one each, so twice as fast is the most there is. Seconds are medians over the
steps but the first and the last; tokens are those read, by both frame orders, and those generated; memory is
a process's peak above what it has before it loads weights, of the process that has most. Traffic is counted
in the last step and does not depend on the machine: volumes are in units of Ψ, the bytes of all parameters,
an all-reduce counts twice (see `benchmarks.support.traffic`). The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import transformers
import yaml

from benchmarks.support.measured import ROOT
from benchmarks.support.questions import write_questions
from benchmarks.support.workload import Media, write_model

QUESTIONS = 2  # a step, over all processes
STRATEGIES = {name: [name] for name in ("ddp", "zero2", "zero3", "fsdp2")} | {"lora": ["ddp", "lora"]}
SHARDED = ("zero3", "fsdp2")
PARTS = ("rollout", "reference", "forward", "backward", "optimizer")
KINDS = ("all_reduce", "all_gather", "reduce_scatter", "broadcast")
FLOAT = 4  # bytes


def config(model: Path, data: Path, *, tokens: int, steps: int) -> dict[str, Any]:
    """The run that the overlays of strategies are laid over; the recipe's settings but for sizes."""
    return {
        "trainer": {
            "accelerator": "cpu",
            "max_steps": steps,
            "gradient_clip_val": 5.0,
            "limit_val_batches": 0,
            "logger": False,
            "enable_checkpointing": False,
            "enable_progress_bar": False,
            "enable_model_summary": False,
            "callbacks": [{"class_path": "benchmarks.support.scaling.Scaling"}],
        },
        "model": {
            "class_path": "benchmarks.support.scaling.CountedModule",
            "init_args": {
                "policy": str(model),
                "rollout": {
                    "sampling": {"max_new_tokens": tokens},
                    "agreement": {
                        "every": 0
                    },  # the engine never ends a response, the trainer knows no better
                },
                "optimizer": {
                    "class_path": "torch.optim.AdamW",
                    "init_args": {"lr": 1e-6, "weight_decay": 0.01, "fused": True},
                },
                "schedule": {"shape": "constant"},
            },
        },
        "data": {
            "root": str(data),
            "train": "records.json",
            "workers": 1,
            "clip": {"max_frames": 64},
            "cache": {"folder": str(data / "cache")},
        },
    }


def run(base: Path, overlays: list[str], processes: int, folder: Path) -> list[dict[str, Any]]:
    """What each rank tells."""
    words = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    words += ["--nproc-per-node", str(processes), "cli.py", "fit", "-c", str(base)]
    words += [word for name in overlays for word in ("-c", f"configs/strategy/{name}.yaml")]
    words += ["--trainer.devices", str(processes), "--data.batch_size", str(QUESTIONS // processes)]
    words += ["--trainer.default_root_dir", str(folder)]
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)}\n{done.stderr}")
    return [json.loads((folder / f"rank{rank}.json").read_text()) for rank in range(processes)]


def summary(ranks: list[dict[str, Any]]) -> dict[str, Any]:
    """Figures of one run; bytes and volumes are a rank's, all have the same."""
    first, whole = ranks[0], FLOAT * ranks[0]["parameters"]
    kinds: Counter[str] = Counter()
    parts: Counter[str] = Counter()
    for part, kind, count in first["bytes"]:
        kinds[kind] += count
        parts[part] += count * (2 if kind == "all_reduce" else 1)
    seconds = statistics.median(first["seconds"])
    found = {
        "seconds": seconds,
        "tokens_per_second": sum(rank["tokens"] for rank in ranks) / seconds,
        "peak_mb": max(rank["peak_mb"] for rank in ranks),
        "baseline_mb": max(rank["baseline_mb"] for rank in ranks),
        "parameters": first["parameters"],
        "trained": first["trained"],
    }
    if len(ranks) > 1:  # alone, a process has nobody to send to
        found |= {"bytes": dict(kinds), "volume": {part: parts[part] / whole for part in PARTS}}
    return found


def textbook(strategy: str, found: dict[str, Any]) -> float:
    """Volume of a step in Ψ (arXiv 1910.02054), with what T-GRPO adds where weights are cut up."""
    gradients = found["trained"] / found["parameters"]
    if strategy in SHARDED:  # gathered for rollout, reference, forward and backward pass; scattered
        return 4 + gradients
    return 2 * gradients


def print_traffic(runs: dict[str, dict[int, dict[str, Any]]]) -> None:
    """MB by kind and Ψ by part, of a step of two processes."""
    print(f"\n{'':<7}" + "".join(f"{f'MB {kind}':>18}" for kind in KINDS))
    for strategy, found in runs.items():
        print(f"{strategy:<7}" + "".join(f"{found[2]['bytes'].get(kind, 0) / 1e6:>18.1f}" for kind in KINDS))
    print(f"\n{'Ψ':<7}" + "".join(f"{part:>11}" for part in (*PARTS, "in all", "textbook")))
    for strategy, found in runs.items():
        volumes = list(found[2]["volume"].values())
        volumes += [sum(volumes), textbook(strategy, found[2])]
        print(f"{strategy:<7}" + "".join(f"{volume:>11.2f}" for volume in volumes))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=5, help="at least 3: the first and last are not timed")
    parser.add_argument("--only", nargs="+", choices=STRATEGIES, default=list(STRATEGIES))
    parser.add_argument("--tokens", type=int, default=32, help="of every response")
    options = parser.parse_args()
    if options.steps < 3:
        parser.error("--steps must be at least 3: the first and the last are not timed")
    chosen = options.only
    if importlib.util.find_spec("deepspeed") is None:
        chosen = [name for name in chosen if not name.startswith("zero")]
        print("DeepSpeed is not installed, so ZeRO is left out")
    runs: dict[str, dict[int, dict[str, Any]]] = {name: {} for name in chosen}
    transformers.logging.disable_progress_bar()
    with tempfile.TemporaryDirectory() as name:
        model = write_model(Path(name) / "model")
        data = write_questions(Path(name) / "data", Media(frames=16), batch=QUESTIONS, steps=options.steps)
        base = Path(name) / "base.yaml"
        base.write_text(yaml.safe_dump(config(model, data, tokens=options.tokens, steps=options.steps)))
        heads = ("processes", "s a step", "tokens/s", "ratio", "peak MB")
        print(f"{'':<7}" + "".join(f"{head:>11}" for head in heads), flush=True)
        for strategy, found in runs.items():
            for processes in (1, 2):
                folder = Path(name) / f"{strategy}{processes}"
                one = found[processes] = summary(run(base, STRATEGIES[strategy], processes, folder))
                cells = (
                    f"{strategy:<7}{processes:>11}{one['seconds']:>11.2f}{one['tokens_per_second']:>11.0f}"
                )
                print(
                    f"{cells}{found[1]['seconds'] / one['seconds']:>11.2f}{one['peak_mb']:>11.0f}", flush=True
                )
    print_traffic(runs)
    print(json.dumps({"steps": options.steps, "tokens": options.tokens, "runs": runs}))


if __name__ == "__main__":
    main()
