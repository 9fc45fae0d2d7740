from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.resume.compared import TGRPO
from tests.runs import ROOT, SHORT


class Driver:
    """Starts runs of the command line in a process that has imported everything."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.resume.driver"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )

    def run(self, words: list[str], folder: Path, *, ranks: int = 1) -> list[int]:
        """Exit statuses of the ranks; what they said is added to `said.txt` in the folder."""
        folder.mkdir(parents=True, exist_ok=True)
        job = {"words": words, "ranks": ranks, "log": str(folder / "said.txt")}
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def run_until_done(self, words: list[str], folder: Path, *, ranks: int = 1) -> list[list[int]]:
        """Starts it again as long as it is killed or terminated; all exit statuses."""
        ends = []
        while len(ends) < 20:
            ends.append(self.run([*words, "--ckpt_path", "last"], folder, ranks=ranks))
            if all(status in (0, 1, 2) for status in ends[-1]):
                break
        return ends


@pytest.fixture(scope="package")
def driver():
    driver = Driver()
    yield driver
    # in words: a loader's worker, forked here meanwhile, may hold the pipe open
    driver.process.communicate("null\n", timeout=30)


@pytest.fixture(scope="session")
def command(world, sft):
    """Words of a fit that writes down what it sees, saves every second step, and harms itself by plan."""

    def words(
        stage: str,
        folder: Path,
        *arguments: str,
        plan: tuple[str, ...] = (),
        trouble: dict[str, Any] | None = None,
        **harm: int,
    ) -> list[str]:
        folder.mkdir(parents=True, exist_ok=True)
        config = yaml.safe_load((ROOT / f"configs/quickstart/{stage}.yaml").read_text(encoding="utf-8"))
        callbacks = {one["class_path"]: one for one in config["trainer"]["callbacks"]}
        callbacks["callbacks.RunCheckpoint"]["init_args"]["every_n_train_steps"] = 2
        if stage == "tgrpo":
            callbacks["callbacks.BenchmarkEval"]["init_args"]["every_n_steps"] = 5
        extra = [{"class_path": "tests.modules.recorder.Recorder"}]
        extra += [{"class_path": "tests.resume.harm.Harm", "init_args": {"plan": list(plan), **harm}}]
        first = [{"class_path": "tests.resume.trouble.Trouble", "init_args": trouble}] if trouble else []
        config["trainer"] |= {"callbacks": [*first, *callbacks.values(), *extra], "log_every_n_steps": 1}
        config["data"]["template"] = str(ROOT / "configs/quickstart/template.yaml")
        (folder / "test.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
        policy = sft / "hf" if stage == "tgrpo" else world / "model"
        return [
            *["fit", "-c", str(folder / "test.yaml"), *SHORT, "--data.batch_size", "3"],
            *["--data.root", str(world), "--model.policy", str(policy)],
            # else some sums depend on the timing of threads, and undisturbed runs differ too
            *["--trainer.deterministic", "true"],
            *["--trainer.default_root_dir", str(folder), *arguments],
        ]

    return words


@pytest.fixture(scope="package")
def whole(driver, command, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    assert driver.run(command("tgrpo", folder, *TGRPO), folder) == [0]
    return folder
