"""Where mistakes are made: commands on a small world with one thing wrong in files."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.runs import ROOT, SHORT, asking

TINY = [
    *("--model.rollout.group_size", "2", "--model.rollout.shuffled_size", "1"),
    *("--model.rollout.sampling.max_new_tokens", "4"),
]


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a mistake is made."""

    world: Path
    sft: Path  # the folder of a run that is done
    free: Path  # an empty folder

    def fit(self, stage: str, *words: str, **other: Path | str) -> list[str]:
        """`fit` with the quickstart's config; `other` names another root, policy or folder."""
        return [
            *["fit", "-c", config(f"quickstart/{stage}"), *SHORT, *(TINY if stage == "tgrpo" else [])],
            *["--data.root", str(other.get("root", self.world)), "--data.batch_size", "2"],
            *["--model.policy", str(other.get("policy", self.world / "model"))],
            *["--trainer.default_root_dir", str(other.get("folder", self.free / "run"))],
            *["--trainer.max_steps", "1", "--trainer.callbacks", "[]", *words],
        ]

    def ask(self, *words: str) -> list[str]:
        return asking("validate", self.world, self.world / "model", self.free / "run", *words)

    def yaml(self, text: str) -> list[str]:
        (self.free / "own.yaml").write_text(text, encoding="utf-8")
        return ["-c", str(self.free / "own.yaml")]

    def records(self, change: Callable[[dict], Any] | str, *, of: str = "train.json") -> list[str]:
        """A record file of text, or of changed records, some of which a change that gives None leaves out."""
        path = self.free / "records.json"
        if isinstance(change, str):
            path.write_text(change, encoding="utf-8")
        else:
            changed = map(change, json.loads((self.world / of).read_text(encoding="utf-8")))
            path.write_text(json.dumps([one for one in changed if one is not None]), encoding="utf-8")
        return ["--data.train", str(path)]

    def model(self, **content: str | bytes | None) -> Path:
        """A copy of the tiny model with other content in some files, named with _ for the dot."""
        folder = shutil.copytree(self.world / "model", self.free / "model")
        for name, text in content.items():
            path = folder / name.replace("_json", ".json").replace("_safetensors", ".safetensors")
            if text is None:
                path.unlink()
            else:
                path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return folder


def config(name: str) -> str:
    return str(ROOT / f"configs/{name}.yaml")


def without_solution(record: dict) -> dict:
    return {key: value for key, value in record.items() if key != "solution"}


def without_letters(record: dict) -> dict:
    return record | {"options": [option[3:] for option in record["options"]]}


def chosen_without_options(record: dict) -> dict | None:
    return record | {"options": []} if record["options"] else None


def without_vision_tokens(place: Place) -> str:
    known = json.loads((place.world / "model/tokenizer.json").read_text(encoding="utf-8"))
    kept = [token for token in known["added_tokens"] if "_pad" not in token["content"]]
    return json.dumps(known | {"added_tokens": kept})


def no_media(place: Place) -> Path:
    shutil.copy(place.world / "cot.json", place.free)
    return place.free


def a_file(place: Place) -> Path:
    (place.free / "file").write_text("", encoding="utf-8")
    return place.free / "file"
