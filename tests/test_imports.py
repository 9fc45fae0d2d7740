"""Imports point one way, and heavy libraries have one door each."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Who may import whom: each row may import those above it and itself.
ROOMS = [
    {"types", "errors", "table", "last_resort", "stall", "portable", "messages", "files"},
    {"data", "rewards", "objective", "policy"},
    {"toyworld", "rollout", "export", "strategies"},
    {"evaluation"},
    {"modules"},
    {"feasible"},
    {"resume"},
    {"audit", "annotation", "callbacks", "planning"},
    {"trainer", "tools"},
    {"cli"},
]
LEVEL = {room: level for level, rooms in enumerate(ROOMS) for room in rooms}
ONE_DOOR = {
    "decord": {"videor1/data/readers/decord_reader.py"},
    "av": {"videor1/data/readers/pyav_reader.py", "videor1/toyworld/media.py"},
    "pyarrow": {"videor1/data/annotations/rows.py"},
    "diskcache": {"videor1/data/cache.py"},
    "vllm": {"videor1/rollout/vllm.py"},
    "deepspeed": {"videor1/policy/weights.py", "videor1/export/saved.py", "videor1/strategies/zero.py"},
    "peft": {"videor1/policy/adapters.py", "videor1/export/adapters.py"},
    "tokenizers": {"videor1/toyworld/tokenizer.py"},
}
SOURCES = [
    path.relative_to(ROOT)
    for folder in ("videor1", "callbacks")
    for path in sorted((ROOT / folder).rglob("*.py"))
] + [Path("cli.py")]


def imported(path: Path) -> list[str]:
    """Full names of all modules a file imports, wherever in it."""
    names = []
    for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names.append(node.module or "")
    return names


def room(module: str) -> str | None:
    parts = module.split(".")
    if parts[0] == "videor1":
        return parts[1] if len(parts) > 1 else None
    return parts[0] if parts[0] in ("callbacks", "cli") else None


@pytest.mark.parametrize("path", SOURCES, ids=str)
def test_imports_point_one_way(path):
    here = room(".".join(path.with_suffix("").parts))
    for name in imported(path):
        there = room(name)
        if there is None or here in (None, "__init__"):
            continue
        assert LEVEL[there] <= LEVEL[here], f"{path} must not import {name}"
        assert path.parts[0] != "videor1" or there not in ("callbacks", "cli"), f"{path} imports {name}"
        siblings = LEVEL[there] == LEVEL[here] and there != here and there not in ROOMS[0]
        assert not siblings, f"{path} and {name} are neighbours that must not know each other"


@pytest.mark.parametrize("path", SOURCES, ids=str)
def test_heavy_libraries_have_one_door(path):
    for name in imported(path):
        doors = ONE_DOOR.get(name.split(".")[0])
        assert doors is None or path.as_posix() in doors, f"{path} imports {name}"


def test_rewards_and_objective_are_pure():
    allowed = {"__future__", "torch", "rouge_score", "jiwer", "videor1"}
    for folder in ("rewards", "objective"):
        for path in sorted((ROOT / "videor1" / folder).glob("*.py")):
            for name in imported(path.relative_to(ROOT)):
                top = name.split(".")[0]
                standard = top in {
                    "abc",
                    "math",
                    "re",
                    "functools",
                    "dataclasses",
                    "typing",
                    "collections",
                    "unicodedata",
                }
                assert top in allowed or standard, f"{path.name} imports {name}"
