"""Names and places of checkpoints at every moment that a kill could come."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from videor1.resume.events import cut_back, event_files
from videor1.resume.folder import find_last, name_of, point, prune, put, set_aside, tidy


def write(path: Path, step: int, **more: object) -> Path:
    torch.save({"global_step": step, "callbacks": {}, **more}, path)
    return path


def write_folder(path: Path, step: int) -> Path:
    """As ModelParallelStrategy writes it."""
    path.mkdir()
    (path / ".metadata").touch()
    write(path / "meta.pt", step)
    return path


def test_the_newest_complete_checkpoint_is_found(tmp_path):
    assert find_last(tmp_path) is None
    wanted = write(tmp_path / name_of(9), 9)
    write(tmp_path / name_of(8), 8)
    write(tmp_path / "within.ckpt", 10, run={"whole": False})
    torch.save({"global_step": 11, "state_dict": {}}, tmp_path / "weights.ckpt")
    (tmp_path / name_of(12)).write_bytes(wanted.read_bytes()[:300])  # as a power failure may leave it
    (tmp_path / f"{name_of(13)}.partial").write_bytes(wanted.read_bytes())
    (tmp_path / name_of(14)).mkdir()
    point(tmp_path / "last.ckpt", tmp_path / name_of(8))
    assert find_last(tmp_path) == wanted
    folder = write_folder(tmp_path / name_of(20), 20)
    assert find_last(tmp_path) == folder


@pytest.mark.parametrize("make", [write, write_folder])
@pytest.mark.parametrize("before", [write, write_folder, None])
def test_put_replaces_whatever_was_there(tmp_path, make, before):
    path = tmp_path / "last.ckpt"
    if before is not None:
        before(path, 1)
    put(make(tmp_path / "last.ckpt.partial", 2), path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["last.ckpt"]
    assert find_last(tmp_path) == path
    target = make(tmp_path / name_of(3), 3)
    point(path, target)
    assert path.is_symlink()
    assert path.resolve() == target.resolve()


def test_a_folder_that_was_about_to_be_replaced_comes_back(tmp_path):
    write_folder(tmp_path / "last.ckpt.old", 1)
    write_folder(tmp_path / "last.ckpt.partial", 2)
    tidy(tmp_path)
    assert find_last(tmp_path) == tmp_path / "last.ckpt"
    write_folder(tmp_path / "last.ckpt.old", 0)
    tidy(tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["last.ckpt"]


def test_pruning_keeps_the_newest_and_the_multiples(tmp_path):
    for step in (2, 4, 6, 8, 10):
        (write_folder if step == 2 else write)(tmp_path / name_of(step), step)
    foreign = write(tmp_path / "epoch=0-step=3.ckpt", 3)
    prune(tmp_path, keep=2, keep_every=4)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {name_of(4), name_of(8), name_of(10), foreign.name}


def test_another_past_is_set_aside_and_not_found(tmp_path):
    kept = write(tmp_path / name_of(2), 2)
    for _ in range(2):
        write(tmp_path / name_of(4), 4)
        set_aside(tmp_path, after=2)
    assert find_last(tmp_path) == kept
    assert {path.parent.name for path in tmp_path.glob("*/*.ckpt")} == {"superseded-1", "superseded-2"}
    assert set_aside(tmp_path, after=2) is None


def test_event_files_are_cut_back(tmp_path):
    for name in "abc":
        (tmp_path / f"events.out.tfevents.{name}").write_bytes(b"0123456789")
    before = {"events.out.tfevents.a": 4}
    cut_back(tmp_path, before, spare={"events.out.tfevents.c"})
    assert event_files(tmp_path) == {**before, "events.out.tfevents.c": 10}
