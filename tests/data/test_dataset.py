"""Batches of prompts out of files, in this process and out of a loader's worker."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from tests.data.videos import COLOURS, write_video
from videor1.data.batch import PromptBatch
from videor1.data.dataset import PromptDataset
from videor1.data.frames import ClipSettings
from videor1.data.maker import PromptMaker
from videor1.data.media import MediaReader
from videor1.data.record_file import RecordFile
from videor1.errors import MediaError, RecordError

SETTINGS = ClipSettings(max_frames=4, video_max_pixels=8 * 784, image_max_pixels=8 * 784)
KINDS = [  # file, kind of answer, what the clip's grid of patches comes to
    ("square.mp4", "multiple choice", [2, 4, 4]),  # 2 s x 2 fps = 4 frames of 56 x 56
    ("red.png", "OCR", [1, 4, 4]),
    ("wide.mp4", "regression", [2, 4, 8]),  # 56 x 112, just in the budget
    ("tall.png", "numerical", [1, 8, 4]),
    ("missing.mp4", "free-form", None),
    ("broken.png", "free-form", None),
]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("media")
    write_video(folder / "square.mp4")
    write_video(folder / "wide.mp4", width=112)
    Image.new("RGB", (56, 56), tuple(COLOURS[0].tolist())).save(folder / "red.png")
    Image.new("RGB", (56, 112)).save(folder / "tall.png")
    (folder / "broken.png").write_bytes((folder / "red.png").read_bytes()[:60])
    return folder


def write_records(path, names_and_kinds):
    records = [
        {
            "problem_id": number,
            "problem": f"Question {number}?",
            "data_type": "video" if name.endswith(".mp4") else "image",
            "problem_type": kind,
            "options": ["A. yes", "B. no"] if kind == "multiple choice" else [],
            "solution": "<answer>A</answer>",
            "path": f"./{name}",
            "data_source": "test",
        }
        for number, (name, kind) in enumerate(names_and_kinds)
    ]
    path.write_text(json.dumps(records))
    return RecordFile.open(path)


@pytest.fixture(scope="module")
def maker(root, prompt_builder):
    return PromptMaker(
        MediaReader(root), clip=SETTINGS, builder=prompt_builder, max_tokens=16384, response_tokens=768
    )


@pytest.fixture(scope="module")
def dataset(root, maker):
    records = write_records(root / "records.json", [(name, kind) for name, kind, _ in KINDS])
    return PromptDataset(records, maker, on_bad="raise")


def loader(dataset, batches):
    return DataLoader(dataset, sampler=batches, batch_size=None, num_workers=1)


def test_a_batch_mixes_kinds_and_keeps_the_order_asked_for(dataset, tiny_processor):
    assert len(dataset) == len(KINDS)
    batch = dataset[[3, 0, 2, 1]]
    assert len(batch) == 4
    for number, prompt in zip([3, 0, 2, 1], batch.prompts, strict=True):
        grid = KINDS[number][2]
        assert prompt.record == dataset.records[number]
        assert prompt.grid_thw.tolist() == [grid]
        assert prompt.patches.shape == (int(np.prod(grid)), 1176)
        text = tiny_processor.tokenizer.decode(prompt.input_ids)
        assert f"Question {number}?" in text
        assert ("Options:\nA. yes\nB. no" in text) == (number == 0)
        assert text.count("<|video_pad|>") == (np.prod(grid) // 4 if number in (0, 2) else 0)
        assert text.count("<|image_pad|>") == (np.prod(grid) // 4 if number in (1, 3) else 0)
    assert (batch.prompts[3].clip.frames == COLOURS[0]).all()
    assert batch.prompts[1].clip.indices == (0, 5, 10, 15)


def test_a_batch_moves_its_tensors_and_nothing_else(dataset):
    batch = dataset[[0, 1]]
    moved = batch.to("meta")  # a device that every machine has
    assert isinstance(moved, PromptBatch)
    for before, after in zip(batch.prompts, moved.prompts, strict=True):
        for field in ("input_ids", "patches", "grid_thw"):
            assert getattr(after, field).device.type == "meta"
            assert getattr(after, field).shape == getattr(before, field).shape
            assert getattr(before, field).device.type == "cpu"
        assert after.record is before.record
        assert after.clip is before.clip


def test_a_worker_gives_the_same_batches(dataset):
    batches = list(loader(dataset, [[0, 1], [3]]))
    assert [len(batch) for batch in batches] == [2, 1]
    for batch, numbers in zip(batches, [[0, 1], [3]], strict=True):
        for got, expected in zip(batch.prompts, dataset[numbers].prompts, strict=True):
            assert got.record == expected.record
            assert got.clip.indices == expected.clip.indices
            np.testing.assert_array_equal(got.clip.frames, expected.clip.frames)
            assert torch.equal(got.input_ids, expected.input_ids)
            assert torch.equal(got.patches, expected.patches)


@pytest.mark.parametrize(("number", "name"), [(4, "missing.mp4"), (5, "broken.png")])
def test_a_media_error_names_its_file(dataset, root, number, name):
    with pytest.raises(MediaError) as caught:
        dataset[[0, number]]
    assert str(caught.value).startswith(f"{root / name}: ")


@pytest.mark.parametrize(("number", "name"), [(4, "missing.mp4"), (5, "broken.png")])
def test_a_media_error_stays_one_on_its_way_out_of_a_worker(dataset, root, number, name):
    batches = iter(loader(dataset, [[0], [1, number], [3]]))
    assert len(next(batches)) == 1
    with pytest.raises(MediaError) as caught:
        next(batches)
    assert f"{root / name}: " in str(caught.value)
    assert [batch.prompts[0].record.problem_id for batch in batches] == [3]  # the worker goes on


LIKE = [  # the same kind twice over, some of it unusable
    ("square.mp4", "regression"),  # 0
    ("missing.mp4", "regression"),
    ("wide.mp4", "OCR"),  # 2
    ("gone.mp4", "regression"),
    ("wide.mp4", "regression"),  # 4
    ("broken.png", "OCR"),
    ("red.png", "OCR"),  # 6
    ("lost.png", "free-form"),
]


@pytest.fixture
def like(root):
    return write_records(root / "like.json", LIKE)


def ids(batch):
    return [prompt.record.problem_id for prompt in batch.prompts]


def test_the_next_record_of_the_same_kind_takes_the_place_of_an_unusable_one(like, maker):
    dataset = PromptDataset(like, maker)
    batch = dataset[[0, 1, 5, 2]]
    assert ids(batch) == [0, 4, 6, 2]
    assert [(one.record, one.path, one.cause) for one in batch.quarantined][:2] == [
        (1, "./missing.mp4", "no such file"),
        (3, "./gone.mp4", "no such file"),
    ]
    assert [one.record for one in batch.quarantined] == [1, 3, 5]
    assert ids(PromptDataset(like, maker)[[3]]) == [4]  # the same, whoever asks first and for what
    assert ids(dataset[[3]]) == [4]


def test_what_comes_out_does_not_depend_on_what_is_known(like, maker):
    knowing = PromptDataset(like, maker, known_bad=[1, 3, 5])
    batch = knowing[[0, 1, 5, 2]]
    assert ids(batch) == [0, 4, 6, 2]
    assert batch.quarantined == ()  # whoever knew has already told


def test_a_place_may_stay_empty(like, maker):
    dataset = PromptDataset(like, maker, on_bad="skip")
    batch = dataset[[0, 1, 2]]
    assert ids(batch) == [0, 2]
    assert [one.record for one in batch.quarantined] == [1]
    empty = next(iter(loader(dataset, [[1, 3]])))
    assert len(empty) == len(empty.to("meta")) == 0
    assert [one.record for one in empty.quarantined] == [1, 3]


def test_where_a_kind_is_not_there_at_all_the_next_of_its_types_comes(like, maker):
    batch = PromptDataset(like, maker)[[7, 0]]
    assert ids(batch) == [0, 0]  # no other free-form question is usable, so the next of all
    assert [one.record for one in batch.quarantined] == [7]


def test_no_stand_in_comes_from_what_the_mixture_leaves_out(like, maker):
    videos = np.array([0, 1, 2, 3, 4])
    dataset = PromptDataset(like, maker, stand_ins=videos)
    assert ids(dataset[[5]]) == [0]  # 6, an image of the same kind, is left out, and so are all images
    assert ids(dataset[[3]]) == [4]
    assert ids(PromptDataset(like, maker, stand_ins=videos[[1, 3]])[[1]]) == []


def test_where_nothing_is_there_the_batch_still_tells_why(root, maker):
    nothing = write_records(root / "nothing.json", [("lost.mp4", "OCR"), ("gone.mp4", "OCR")])
    batch = PromptDataset(nothing, maker)[[1, 0]]
    assert len(batch) == 0
    assert sorted(one.record for one in batch.quarantined) == [0, 1]


def test_prompts_over_the_budget_see_less_and_are_never_cut(dataset, maker):
    video = dataset.records[2]  # 4 frames of 56 x 112: 2 rows of 8 tokens
    whole = maker.make(video)
    words = len(whole.input_ids) - 16
    for room, grid in [(16, [2, 4, 8]), (15, [2, 2, 6]), (8, [2, 2, 4])]:
        tight = PromptMaker(
            maker.media,
            clip=replace(SETTINGS, min_pixels=784),
            builder=maker.builder,
            max_tokens=words + room + 100,
            response_tokens=100,
        )
        prompt = tight.make(video)
        tokens = int(np.prod(prompt.grid_thw[0].tolist())) // 4
        assert tokens <= room
        assert prompt.grid_thw[0].tolist() == grid
        assert len(prompt.input_ids) == words + tokens
    with pytest.raises(RecordError, match=r"record 2: 0 of \d+ tokens are left"):
        PromptMaker(
            maker.media, clip=SETTINGS, builder=maker.builder, max_tokens=words + 100, response_tokens=101
        ).make(video)


def test_the_budget_counts_the_target_of_a_record(dataset, maker):
    record = replace(dataset.records[0], process="<think>" + "because " * 50 + "</think>")
    words = len(maker.make(record).input_ids) - 8
    target = maker.builder.target_tokens(record)
    assert target > 50

    def sft(max_tokens):
        return PromptMaker(
            maker.media, clip=SETTINGS, builder=maker.builder, max_tokens=max_tokens, response_tokens=None
        )

    assert len(sft(words + 8 + target).make(record).input_ids) == words + 8
    with pytest.raises(RecordError, match="tokens are left"):
        sft(words + 7 + target).make(record)  # min_pixels keeps 4 tokens a frame
    with pytest.raises(RecordError, match="needs 'process'"):
        sft(16384).make(dataset.records[0])


@pytest.mark.parametrize("word", ["<|video_pad|>", "<|im_end|>", "<|vision_start|>"])
def test_words_that_are_special_tokens_are_refused(dataset, maker, word):
    record = dataset.records[1]
    for field, value in (("problem", f"What is {word}?"), ("options", (f"A. {word}", "B. no"))):
        with pytest.raises(RecordError, match=r"record 1: its text contains the special token"):
            maker.make(replace(record, **{field: value}))
