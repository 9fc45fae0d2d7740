"""Published weights are read as they were, and are there whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from videor1.errors import EngineError
from videor1.rollout.server.publication import (
    pack_publication,
    place,
    publication_id,
    publish,
    published,
    unpack_publication,
    withdraw,
)


def test_weights_are_published_in_portions(tmp_path):
    sent = {name: torch.randn(10) for name in "abcde"}
    sent["half"] = torch.randn(3, 5, dtype=torch.bfloat16)
    folder = tmp_path / "weights-3"
    folder.mkdir()
    (folder / "left.safetensors").write_bytes(b"from a run before")
    publish(folder, sent.items(), most=90)
    assert [path.name for path in tmp_path.iterdir()] == ["weights-3"]
    assert sorted(path.name for path in folder.glob("*.safetensors")) == [
        f"{number:05d}.safetensors" for number in range(3)
    ]
    found = dict(published(folder))
    assert found.keys() == sent.keys()
    assert all(torch.equal(found[name], sent[name]) for name in sent)


def test_views_and_reused_buffers_are_published_as_they_were(tmp_path):
    """A gathered tensor is let go of when the next is asked for; tied ones share memory."""
    buffer = torch.empty(4, 4)

    def tensors():
        for value in range(3):
            buffer.fill_(value)
            yield f"own.{value}", buffer
            yield f"turned.{value}", buffer.T

    publish(tmp_path / "weights-0", tensors())
    found = dict(published(tmp_path / "weights-0"))
    assert [int(found[f"own.{value}"].mean()) for value in range(3)] == [0, 1, 2]
    assert len(found) == 6


def test_a_publication_is_told_from_one_of_the_same_name(tmp_path):
    folder = tmp_path / "weights-0"
    seen = set()
    for _ in range(2):
        publish(folder, [("a", torch.zeros(1))])
        seen.add(publication_id(folder))
    assert len(seen) == 2
    with pytest.raises(EngineError, match=r"no published weights.*elsewhere"):
        publication_id(tmp_path / "elsewhere")
    save_file({"a": torch.zeros(1)}, folder / "00001.safetensors")
    (folder / "00001.safetensors").write_bytes((folder / "00001.safetensors").read_bytes()[:-1])
    with pytest.raises(EngineError, match="00001"):
        dict(published(folder))


def test_unfinished_weights_have_no_name(tmp_path):
    def tensors():
        yield "a", torch.zeros(1)
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        publish(tmp_path / "weights-0", tensors())
    assert [path.name for path in tmp_path.iterdir()] == ["weights-0.unfinished"]


def test_where_weights_are_published_arrives(tmp_path, monkeypatch):
    """As a whole path: a server may have been started in another folder."""
    monkeypatch.chdir(tmp_path)
    data = pack_publication(place(Path("rollout"), 3), 3)
    assert unpack_publication(data) == (tmp_path / "rollout" / "weights-3", 3)


def test_weights_are_withdrawn_and_nothing_else(tmp_path):
    for version in (1, 2, 30):
        publish(place(tmp_path, version), [("a", torch.zeros(1))])
    (tmp_path / "weights-4.unfinished").mkdir()
    (tmp_path / "weights-of-others").mkdir()
    (tmp_path / "server-0.log").touch()
    withdraw(tmp_path, but=place(tmp_path, 2))
    others = ["server-0.log", "weights-of-others"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [others[0], "weights-2", others[1]]
    for _ in range(2):
        withdraw(tmp_path)
        assert sorted(path.name for path in tmp_path.iterdir()) == others
    withdraw(tmp_path / "no such folder")
