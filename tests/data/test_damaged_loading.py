"""Hundreds of damaged files through the real loader: each set apart with its cause, and no other lost."""

from __future__ import annotations

import json
import os

import pytest
from torch.utils.data import DataLoader

from tests.data.damage import damaged_files
from tests.data.videos import write_video
from videor1.data.dataset import PromptDataset
from videor1.data.frames import ClipSettings
from videor1.data.isolate import DecodeSettings
from videor1.data.maker import PromptMaker
from videor1.data.media import MediaReader
from videor1.data.quarantine import Quarantine, read_quarantine
from videor1.data.record_file import RecordFile

BATCH = 6


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("loading")


@pytest.fixture(scope="module")
def records(folder):
    """Every third record is sound; the others are about damaged files."""
    write_video(folder / "sound.mp4")
    (folder / "files").mkdir()
    damaged = damaged_files(folder / "files")
    secret = folder / "files" / "forbidden.mp4"
    secret.write_bytes((folder / "sound.mp4").read_bytes())
    secret.chmod(0)
    rows = []
    for number, file in enumerate(damaged):
        rows.append(
            (file.data_type, os.path.relpath(file.path, folder) if "\0" not in str(file.path) else "\0")
        )
        if number % 2:
            rows.append(("video", "sound.mp4"))
    rows.append(("video", "files/forbidden.mp4"))
    lines = [
        {
            "problem": "What happens?",
            "data_type": data_type,
            "problem_type": "free-form",
            "solution": "<answer>nothing</answer>",
            "path": path,
            "data_source": "s",
        }
        for data_type, path in rows
    ]
    (folder / "records.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return RecordFile.open(folder / "records.jsonl")


def test_every_damaged_file_is_set_apart_and_no_sound_record_is_lost(records, folder, prompt_builder):
    maker = PromptMaker(
        MediaReader(folder, decode=DecodeSettings(timeout=20.0)),
        clip=ClipSettings(max_frames=4, video_max_pixels=8 * 784, image_max_pixels=8 * 784),
        builder=prompt_builder,
        max_tokens=16384,
        response_tokens=768,
    )
    numbers = list(range(len(records)))
    batches = [numbers[start : start + BATCH] for start in range(0, len(numbers), BATCH)]
    dataset = PromptDataset(records, maker, on_bad="skip")
    loader = DataLoader(dataset, sampler=batches, batch_size=None, num_workers=2)
    quarantine = Quarantine(folder / "quarantine.jsonl", records=len(records), max_bad_share=1.0)
    seen = []
    for batch in loader:
        quarantine.admit(batch.quarantined, seen=len(batch))
        seen += [prompt.record.problem_id for prompt in batch.prompts]
    found = read_quarantine(folder / "quarantine.jsonl")
    assert len(found) >= 300
    set_apart = {one.record for one in found}
    assert sorted([*seen, *set_apart]) == numbers  # each record exactly once, here or there
    assert all(one.cause.strip() and len(one.cause.splitlines()) == 1 for one in found)
    sound = {number for number in numbers if records[number].path == "sound.mp4"}
    assert sound <= set(seen)
    if os.geteuid() != 0:  # root may read everything
        assert len(records) - 1 in set_apart
