"""A whole step of GRPO beside TRL's GRPOTrainer: the same model, image, question and settings.

    python -m benchmarks.peer_trl [--python PATH] [--tokens 64 200] [--steps 4] [--torch-index URL]

One image of 336×448, one question, 8 responses of exactly --tokens tokens, beta 0.04, temperature 1,
AdamW, clipping at 5, CPU, float32; both sample with the model that they train. The programs take turns.
Every run is a process of its own, and its first step is not counted; memory is its peak. videor1 prepares
the image in a worker, whose memory is left out. The last line is one JSON object.

TRL runs in an environment of its own: that of --python, or `.venv-trl`, made from
`benchmarks/peer/requirements.txt` when it is missing (--torch-index is the Makefile's TORCH_INDEX). Of
its defaults, those that would only cost time here are off: bf16, gradient checkpointing, logging. Two
things stay as TRL does them: every response has its own copy of the prompt and the image, in sampling
and in scoring; and without a GPU the head is applied to the prompt's tokens too, about 7 % of the work
of its scoring.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.step import IMAGE, run
from benchmarks.support.measured import ROOT, last_line, medians
from benchmarks.support.questions import write_questions
from benchmarks.support.workload import write_model
from videor1.data.prompts import PromptTemplate
from videor1.data.record_file import RecordFile

ROUNDS = 2  # runs of each program
VENV = ROOT / ".venv-trl"
REQUIREMENTS = ROOT / "benchmarks/peer/requirements.txt"
PARTS = ("data", "rollout", "reward", "reference", "forward", "backward", "optimizer", "other", "step")


def make_environment(torch_index: str | None) -> Path:
    """The interpreter of `.venv-trl`, which is made anew when its requirements have changed."""
    python, stamp, wanted = VENV / "bin/python", VENV / "installed.txt", REQUIREMENTS.read_text()
    if stamp.is_file() and stamp.read_text() == wanted:
        return python
    print(f"Installing TRL into {VENV.name}: a few minutes, once", flush=True)
    subprocess.run([sys.executable, "-m", "venv", "--clear", VENV], check=True)
    install = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "-qq"]
    torch, torchvision = [line for line in wanted.splitlines() if line.startswith("torch")]
    # torch goes first: a CPU wheel that pip finds (in the index or a wheel folder) then satisfies the rest.
    first = ["--index-url", torch_index, torchvision, torch] if torch_index else [torch]
    subprocess.run([*install, *first], check=True)
    subprocess.run([*install, "-r", str(REQUIREMENTS)], check=True)
    subprocess.run([python, ROOT / "tools/cpu_torchvision.py"], check=True)
    stamp.write_text(wanted)
    return python


def run_trl(
    python: Path, model: Path, image: Path, question: str, *, tokens: int, steps: int
) -> dict[str, Any]:
    """What `benchmarks.peer.trl_step` tells, in a process of its own."""
    command = [python, "-m", "benchmarks.peer.trl_step", "--model", model, "--image", image]
    command += ["--question", question, "--tokens", tokens, "--steps", steps]
    return last_line([str(word) for word in command])


def together(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The figures of all runs of one program."""
    return {
        "seconds": medians(*(one["steps"] for one in runs)),
        "peak_mb": max(one["peak_mb"] for one in runs),
    }


def compare(
    python: Path, model: Path, data: Path, question: str, *, tokens: int, steps: int
) -> dict[str, Any]:
    """Both programs in turns, their figures and what TRL's are as a multiple of ours."""
    runs: dict[str, list[dict[str, Any]]] = {"videor1": [], "trl": []}
    for _ in range(ROUNDS):
        runs["videor1"].append(run(model, data, questions=1, tokens=tokens, steps=steps))
        runs["trl"].append(run_trl(python, model, data / "0.png", question, tokens=tokens, steps=steps))
    for figure in ("tokens", "prompt_tokens"):  # both programs read and wrote the same amount
        found = {name: sorted({one[figure] for one in of_one}) for name, of_one in runs.items()}
        if found["videor1"] != found["trl"]:
            raise RuntimeError(f"the programs differ in {figure}: {found}")
    ours, trl = together(runs["videor1"]), together(runs["trl"])
    ratio = {
        "step": trl["seconds"]["step"] / ours["seconds"]["step"],
        "peak_mb": trl["peak_mb"] / ours["peak_mb"],
    }
    return {"videor1": ours, "trl": trl, "ratio": ratio}


def show(tokens: int, found: dict[str, Any]) -> None:
    ours, trl = found["videor1"], found["trl"]
    print(f"{f'{tokens} new tokens':<18}{'videor1':>10}{'TRL':>10}{'TRL / videor1':>16}")
    for part in PARTS:
        mine, other = ours["seconds"].get(part), trl["seconds"].get(part)
        cells = "".join(f"{'-' if one is None else f'{one:.3f} s':>10}" for one in (mine, other))
        ratio = f"{other / mine:.2f}" if mine and other else ""
        print(f"{part:<18}{cells}{ratio:>16}")
    print(
        f"{'peak memory':<18}{ours['peak_mb']:>7.0f} MB{trl['peak_mb']:>7.0f} MB"
        f"{found['ratio']['peak_mb']:>16.2f}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--python", type=Path, help="interpreter that has TRL; default: that of .venv-trl")
    parser.add_argument("--tokens", type=int, nargs="+", default=[64, 200], help="lengths of the responses")
    parser.add_argument("--steps", type=int, default=4, help="at least 2: the first is not counted")
    parser.add_argument("--torch-index", help="package index of torch, for making .venv-trl")
    options = parser.parse_args()
    if options.steps < 2:
        parser.error("--steps must be at least 2: the first is not counted")
    python = options.python.absolute() if options.python else make_environment(options.torch_index)
    result: dict[str, Any] = {"steps": options.steps, "rounds": ROUNDS, "tokens": {}}
    with tempfile.TemporaryDirectory() as name:
        model = write_model(Path(name) / "model")
        data = write_questions(Path(name) / "data", IMAGE, batch=1, steps=options.steps)
        question = PromptTemplate().render(RecordFile.open(data / "records.json")[0])
        for tokens in options.tokens:
            found = compare(python, model, data, question, tokens=tokens, steps=options.steps)
            show(tokens, found)
            result["tokens"][str(tokens)] = found
    print(json.dumps(result))


if __name__ == "__main__":
    main()
