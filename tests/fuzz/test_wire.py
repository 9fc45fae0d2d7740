"""Bytes that a rollout server and its trainer get from one another, or anyone: read, or one EngineError."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save

from tests.fuzz.amount import cases
from tests.fuzz.outcome import answer
from tests.fuzz.strategies import SOUND_RECORD, VALUES, as_json, changed, damaged
from videor1.errors import ConfigError, EngineError
from videor1.rollout.engine import Reading, Sampling
from videor1.rollout.server import publication, wire
from videor1.types import Clip, Prompt, Record, Response

CLIP = Clip(
    frames=np.zeros((2, 28, 28, 3), np.uint8),
    indices=(0, 1),
    fps=2.0,
    source_fps=2.0,
    total_frames=2,
    path="a",
)
PROMPT = Prompt(
    record=Record(**SOUND_RECORD),
    clip=CLIP,
    input_ids=torch.arange(4),
    patches=torch.zeros(4, 1176, dtype=torch.uint8),
    grid_thw=torch.tensor([[1, 2, 2]]),
)
RESPONSE = Response(token_ids=torch.arange(2), logprobs=torch.zeros(2), text="A", finished=True)
READING = Reading(token_ids=torch.arange(2), positions=torch.zeros(3, 2, dtype=torch.int64))
WHOLE = {
    wire.unpack_request: wire.pack_request([PROMPT], [1], Sampling(), 0),
    wire.unpack_prompts: wire.pack_prompts([PROMPT]),
    wire.unpack_groups: wire.pack_groups([[RESPONSE]]),
    wire.unpack_readings: wire.pack_readings([READING]),
}
REST: dict[Any, dict[str, Any]] = {
    wire.unpack_request: {
        "prompts": [],
        "counts": [],
        "sampling": {"max_new_tokens": 7, "temperature": 1.0, "top_p": 1.0},
        "seed": 0,
    },
    wire.unpack_prompts: {"prompts": []},
    wire.unpack_groups: {"groups": [[{"text": "", "finished": True}]]},
    wire.unpack_readings: {"readings": 1},
}
ODD = {
    "sampling": [
        {"max_new_tokens": value, "temperature": value, "top_p": value} for value in (None, "1", [], 1e400)
    ],
    "counts": [[True], [-1], [2**70], {"0": 0}, "0", [None]],
    "seed": [2**64, -1, None, True, 1.0],
    "readings": [10**12, -1, True, "1", None, 1.5],
    "prompts": [[{}], [None], [{"record": {}, "clip": {}}], "ab", {"a": {}}],
    "groups": [[[]], [None], [[{}]], [[{"text": 1, "finished": "no"}]], "ab"],
}


@pytest.mark.parametrize("unpack", WHOLE, ids=lambda unpack: unpack.__name__)
@cases(15, 5000)
@given(data=st.data())
def test_damaged_bytes_are_read_or_refused(unpack, data):
    answer(lambda: unpack(data.draw(damaged(WHOLE[unpack]))), EngineError, ConfigError)


@pytest.mark.parametrize("unpack", REST, ids=lambda unpack: unpack.__name__)
@cases(15, 5000)
@given(data=st.data())
def test_other_values_are_read_or_refused(unpack, data):
    rest = as_json(data.draw(changed(REST[unpack], ODD) | VALUES))
    tensors = {"rest": torch.tensor(list(rest), dtype=torch.uint8)}
    for name in data.draw(
        st.lists(st.sampled_from(["0.ids", "0.0.ids", "0.0.logprobs", "0.positions"]), max_size=3)
    ):
        kind = data.draw(st.sampled_from([torch.int64, torch.float32, torch.bool]))
        tensors[name] = torch.zeros(data.draw(st.lists(st.integers(0, 3), max_size=3)), dtype=kind)
    answer(lambda: unpack(save(tensors)), EngineError, ConfigError)


@cases(15, 5000)
@given(
    data=st.binary()
    | changed({"folder": "weights-1", "version": 1}, {"version": [1e400, "1", "x", 10**400]}).map(as_json)
    | damaged(json.dumps({"folder": "weights-1", "version": 1}).encode())
)
def test_a_publication_is_read_or_refused(data):
    answer(lambda: publication.unpack_publication(data), EngineError)


@cases(15, 3000)
@given(folder=st.text(st.characters(codec=None), max_size=6))
def test_a_folder_of_any_name_has_weights_or_not(tmp_path_factory, folder):
    place, _ = publication.unpack_publication(as_json({"folder": folder, "version": 1}))
    answer(lambda: publication.publication_id(tmp_path_factory.getbasetemp() / "none" / place), EngineError)
