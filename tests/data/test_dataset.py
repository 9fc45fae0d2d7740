"""Batches of prompts out of files, in this process and out of a loader's worker."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from torchdata.stateful_dataloader import StatefulDataLoader

from tests.data.videos import COLOURS, write_video
from videor1.data.dataset import PromptBatch, PromptDataset
from videor1.data.frames import ClipSettings
from videor1.errors import MediaError
from videor1.types import Record

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


@pytest.fixture(scope="module")
def dataset(root, prompt_builder):
    records = [
        Record(
            problem_id=number,
            problem=f"Question {number}?",
            data_type="video" if name.endswith(".mp4") else "image",
            problem_type=kind,
            options=("A. yes", "B. no") if kind == "multiple choice" else (),
            solution="<answer>A</answer>",
            path=f"./{name}",
            data_source="test",
        )
        for number, (name, kind, _) in enumerate(KINDS)
    ]
    return PromptDataset(records, root=root, clip=SETTINGS, builder=prompt_builder)


def loader(dataset, batches):
    return StatefulDataLoader(dataset, sampler=batches, batch_size=None, num_workers=1)


def test_a_batch_mixes_kinds_and_keeps_the_order_asked_for(dataset, tiny_processor):
    assert len(dataset) == len(KINDS)
    batch = dataset[[3, 0, 2, 1]]
    assert len(batch) == 4
    for number, prompt in zip([3, 0, 2, 1], batch.prompts, strict=True):
        grid = KINDS[number][2]
        assert prompt.record is dataset.records[number]
        assert prompt.grid_thw.tolist() == [grid]
        assert prompt.pixel_values.shape == (int(np.prod(grid)), 1176)
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
        for field in ("input_ids", "pixel_values", "grid_thw"):
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
            assert torch.equal(got.pixel_values, expected.pixel_values)


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
