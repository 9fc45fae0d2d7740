"""Commands that two CPU processes run one after another: imports cost more than these runs.

    python -m tests.strategies.ranks COMMANDS.json

starts the processes; the file holds a list of command lines of `cli.py`, each a list of words.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.runs import ROOT, SHORT

THIS = "tests.strategies.ranks"


def fitting(stage: str, world: Path, policy: Path, folder: Path, *words: str) -> list[str]:
    """`fit` with the quickstart's config, its own checkpoints and exports left out unless asked for."""
    return [
        *("fit", "-c", str(ROOT / f"configs/quickstart/{stage}.yaml"), *SHORT),
        *("--data.root", str(world), "--model.policy", str(policy)),
        *("--trainer.default_root_dir", str(folder), "--trainer.log_every_n_steps", "1", *words),
    ]


def overlay(name: str) -> list[str]:
    """Two processes by this strategy; "single" is one."""
    if name == "single":
        return []
    return ["-c", str(ROOT / f"configs/strategy/{name}.yaml"), "--trainer.devices", "2"]


def run(folder: Path, commands: Sequence[Sequence[str]], *, timeout: float = 280) -> None:
    """Runs them all on two processes; fails with what they wrote if one of them does."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "commands.json").write_text(json.dumps(commands), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone"]
        + ["-m", THIS, str(folder / "commands.json")],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    told = done.stderr.split("torch.distributed.elastic.multiprocessing.errors")[0]
    assert done.returncode == 0, told[-6000:]


def main(path: str) -> None:
    import cli

    for words in json.loads(Path(path).read_text(encoding="utf-8")):
        cli.main(words)


if __name__ == "__main__":
    main(sys.argv[1])
