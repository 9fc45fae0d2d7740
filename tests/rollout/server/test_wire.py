"""What crosses to a rollout server arrives as it was sent; anything else is refused in one line."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from itertools import chain

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save

from videor1.errors import ConfigError, EngineError
from videor1.rollout.engine import Reading, Sampling
from videor1.rollout.server import publication, wire
from videor1.types import Clip, Prompt, Record, Response


@st.composite
def prompts(draw) -> Prompt:
    video = draw(st.booleans())
    shape = (draw(st.sampled_from([2, 4])) if video else 1, 28 * draw(st.integers(1, 2)), 28, 3)
    pixels = np.random.default_rng(draw(st.integers(0, 9))).integers(0, 256, shape, dtype=np.uint8)
    rate = st.floats(1e-3, 1e3) if video else st.just(0.0)
    return Prompt(
        record=Record(
            problem_id=draw(st.integers() | st.text()),
            problem=draw(st.text()),
            data_type="video" if video else "image",
            problem_type="free-form",
            options=tuple(draw(st.lists(st.text(), max_size=3))),
            solution=draw(st.text()),
            path=draw(st.text()),
            data_source="",
            process=draw(st.none() | st.text()),
        ),
        clip=Clip(
            frames=pixels,
            indices=tuple(draw(st.lists(st.integers(0, 10**9), min_size=shape[0], max_size=shape[0]))),
            fps=draw(rate),
            source_fps=draw(rate),
            total_frames=draw(st.integers(1, 10**9)),
            path=draw(st.text()),
        ),
        input_ids=torch.tensor(draw(st.lists(st.integers(0, 2**40), max_size=5)), dtype=torch.int64),
        patches=torch.zeros(4, 1176, dtype=torch.uint8),
        grid_thw=torch.tensor([[1, 2, 2]])[: draw(st.integers(0, 1))],
    )


@st.composite
def responses(draw) -> Response:
    count = draw(st.integers(0, 4))
    numbers = st.floats(width=32, allow_nan=False)
    return Response(
        token_ids=torch.arange(count),
        logprobs=torch.tensor(draw(st.lists(numbers, min_size=count, max_size=count)), dtype=torch.float32),
        text=draw(st.text()),
        finished=draw(st.booleans()),
    )


def assert_arrived(found: Prompt, sent: Prompt) -> None:
    assert found.record == sent.record
    assert replace(found.clip, frames=None) == replace(sent.clip, frames=None)
    assert found.clip.frames.dtype == np.uint8
    np.testing.assert_array_equal(found.clip.frames, sent.clip.frames)
    for name in ("input_ids", "grid_thw"):
        found_one, sent_one = getattr(found, name), getattr(sent, name)
        assert found_one.dtype == torch.int64
        assert torch.equal(found_one, sent_one)
    assert found.patches.shape == (0, 1176)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(prompts(), max_size=3),
    st.floats(0, 1e3),
    st.floats(0, 1, exclude_min=True),
    st.integers(0, 2**63),
)
def test_requests_arrive(sent, temperature, top_p, seed):
    sampling = Sampling(max_new_tokens=7, temperature=temperature, top_p=top_p)
    counts = list(range(len(sent)))
    found, found_counts, *rest = wire.unpack_request(wire.pack_request(sent, counts, sampling, seed))
    assert (found_counts, rest) == (counts, [sampling, seed])
    for one, other in zip(found, sent, strict=True):
        assert_arrived(one, other)


def test_prompts_arrive(media_prompts):
    """Frames in another order too, which are no longer contiguous, and without their patches' bytes."""
    video = media_prompts["video"]
    backwards = replace(video, clip=replace(video.clip, frames=video.clip.frames[::-1]))
    sent = [*media_prompts.values(), backwards]
    data = wire.pack_prompts(sent)
    for one, other in zip(wire.unpack_prompts(data), sent, strict=True):
        assert_arrived(one, other)
    assert len(data) < sum(prompt.clip.frames.nbytes for prompt in sent) + 10_000


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(responses(), max_size=3), max_size=3))
def test_responses_arrive(sent):
    found = wire.unpack_groups(wire.pack_groups(sent))
    assert [len(group) for group in found] == [len(group) for group in sent]
    for one, other in zip(chain(*found), chain(*sent), strict=True):
        assert (one.text, one.finished) == (other.text, other.finished)
        assert torch.equal(one.token_ids, other.token_ids)
        assert torch.equal(one.logprobs, other.logprobs)
        assert one.logprobs.dtype == torch.float32


def test_readings_arrive():
    sent = [Reading(token_ids=torch.arange(n), positions=torch.arange(3 * n).view(3, n)) for n in (2, 5)]
    for one, other in zip(wire.unpack_readings(wire.pack_readings(sent)), sent, strict=True):
        assert torch.equal(one.token_ids, other.token_ids)
        assert torch.equal(one.positions, other.positions)


UNPACKERS = [
    wire.unpack_request,
    wire.unpack_prompts,
    wire.unpack_groups,
    wire.unpack_readings,
    publication.unpack_publication,
]


def as_rest(value: object) -> bytes:
    return save({"rest": torch.tensor(list(json.dumps(value).encode()), dtype=torch.uint8)})


@pytest.mark.parametrize("unpack", UNPACKERS, ids=lambda unpack: unpack.__name__)
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no safetensors",
        pickle.dumps({"prompts": []}),
        save({"other": torch.zeros(2)}),
        save({"rest": torch.zeros(2, dtype=torch.uint8)}),
        as_rest({}),
        as_rest("text"),
        as_rest({"prompts": [{}], "counts": [1], "sampling": {}, "seed": 0}),
        as_rest({"groups": [[{"text": "", "finished": True}]]}),
        as_rest({"readings": 1}),
        b"[" * 100_000,
    ],
    ids=range(11),
)
def test_other_bytes_are_refused(unpack, data):
    with pytest.raises(EngineError, match=r"^rollout.vllm: .* malformed: \w+: .*$"):
        unpack(data)


@pytest.mark.parametrize(
    "changed",
    [{"counts": [1]}, {"counts": 0}, {"sampling": {"unknown": 1}}, {"seed": "0"}, {"prompts": None}],
)
def test_a_request_that_does_not_add_up_is_refused(changed):
    with pytest.raises(EngineError, match="malformed"):
        wire.unpack_request(as_rest({"prompts": [], "counts": [], "sampling": {}, "seed": 0} | changed))


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_damaged_bytes_are_refused_or_read(media_prompts, data):
    """Never another kind of error: the server would take that for its own fault and end."""
    whole = bytearray(wire.pack_request([media_prompts["image"]], [1], Sampling(), 0))
    header = int.from_bytes(whole[:8], "little") + 8
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(0, header - 1))] = data.draw(st.integers(0, 255))
    try:
        wire.unpack_request(bytes(whole))
    except EngineError as error:
        assert "\n" not in str(error)


def test_impossible_sampling_keeps_its_own_error():
    data = wire.pack_request([], [], Sampling(temperature=0.5), 0)
    with pytest.raises(ConfigError, match=r"sampling\.temperature"):
        wire.unpack_request(data.replace(b'"temperature": 0.5', b'"temperature":-0.5'))
