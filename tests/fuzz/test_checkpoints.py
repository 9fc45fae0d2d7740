"""Checkpoints of any bytes: vetted and passed, or refused with a ConfigError of one line; nothing is run."""

from __future__ import annotations

import io
import pickle
import pickletools
import zipfile
from pathlib import Path

import pytest
import torch
import torch.distributed.checkpoint as dcp
from hypothesis import given
from hypothesis import strategies as st
from torch.distributed.checkpoint import FileSystemWriter

from tests.fuzz.amount import cases
from tests.fuzz.outcome import answer
from tests.fuzz.strategies import damaged
from tests.trust.attacks import Mark
from videor1.errors import ConfigError
from videor1.export.vet import vet

pytestmark = [
    pytest.mark.filterwarnings("ignore:Detected pickle protocol"),
    pytest.mark.filterwarnings("ignore:torch.distributed is disabled"),
]
STATE = {
    "state_dict": {"model.x": torch.ones(2)},
    "global_step": 1,
    "optimizer_states": [
        {"state": {0: {"exp_avg": torch.zeros(2)}}, "param_groups": [{"lr": 1e-3, "a": (1, "b")}]}
    ],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("checkpoints")


@pytest.fixture(scope="module")
def file(folder) -> bytes:
    torch.save(STATE, folder / "whole.ckpt")
    return (folder / "whole.ckpt").read_bytes()


def repacked(file: bytes, pickled: bytes) -> bytes:
    """The same archive with another pickle in it, and a checksum that is right."""
    whole = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(file)) as old, zipfile.ZipFile(whole, "w") as new:
        for name in old.namelist():
            new.writestr(name, pickled if name.endswith("data.pkl") else old.read(name))
    return whole.getvalue()


def harmless(pickled: bytes) -> bool:
    """Whether a reader's memory could hold it: a pickle may ask for an array of 2^32 entries."""
    try:
        return all(
            not isinstance(argument, int) or abs(argument) < 10**6 or "PUT" not in code.name
            for code, argument, _ in pickletools.genops(pickled)
        )
    except Exception:  # no pickle: genops documents no errors of its own
        return True


@cases(15, 3000)
@given(data=st.data())
def test_a_damaged_file_is_vetted_or_refused(folder, file, data):
    path = folder / "damaged.ckpt"
    path.write_bytes(data.draw(damaged(file)))
    answer(lambda: vet(path), ConfigError)


@cases(20, 6000)
@given(data=st.data())
def test_a_damaged_pickle_is_vetted_or_refused(folder, file, data):
    with zipfile.ZipFile(io.BytesIO(file)) as archive:
        pickled = archive.read(next(name for name in archive.namelist() if name.endswith("data.pkl")))
    path = folder / "pickled.ckpt"
    path.write_bytes(repacked(file, data.draw(damaged(pickled).filter(harmless))))
    answer(lambda: vet(path), ConfigError)


@pytest.fixture(scope="module")
def shards(folder) -> Path:
    place = folder / "shards"
    state = {"model": {"x": torch.ones(2)}, "step": 3, "name": "text"}
    dcp.save(state, storage_writer=FileSystemWriter(place), no_dist=True)
    torch.save({"global_step": 1}, place / "meta.pt")
    return place


@cases(20, 6000)
@given(data=st.data())
def test_damaged_shards_are_vetted_or_refused(shards, data):
    names = sorted(path.name for path in shards.iterdir() if path.name != "meta.pt")
    place = shards / data.draw(st.sampled_from(names))
    whole = place.read_bytes()
    try:
        place.write_bytes(data.draw(damaged(whole).filter(harmless)))
        answer(lambda: vet(shards), ConfigError)
    finally:
        place.write_bytes(whole)


@cases(10, 2000)
@given(data=st.data())
def test_no_damage_makes_an_attack_work(folder, file, data):
    mark = folder / "was run"
    path = folder / "attack.ckpt"
    pickled = pickle.dumps({"state_dict": Mark(mark)}, protocol=2)
    path.write_bytes(repacked(file, data.draw(st.just(pickled) | damaged(pickled).filter(harmless))))
    answer(lambda: vet(path), ConfigError)
    assert not mark.exists()
