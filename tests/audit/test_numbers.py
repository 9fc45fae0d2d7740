"""Every number of an audit against a corpus that holds each defect once."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest

from tests.audit.corpus import BIG, CLIP, IMAGE, RESPONSE, ROOM, TEMPLATE, USABLE, VIDEO, words
from videor1.data.cache import CacheSettings
from videor1.data.datamodule import VideoDataModule
from videor1.data.mixture import Share
from videor1.data.record_file import RecordFile


@pytest.fixture(scope="module")
def train(audited):
    return json.loads((audited / "audit.json").read_text(encoding="utf-8"))["splits"]["train"]


def test_records(train):
    assert train["records"] == {
        "all": 16,
        "usable": 10,
        "unusable": 6,
        "excluded": 0,
        "unusable_share": 6 / 16,
    }
    found = {fault: (row["records"], len(row["causes"])) for fault, row in train["faults"].items()}
    assert found == dict.fromkeys(("malformed", "outside", "missing", "damaged", "text", "budget"), (1, 1))
    causes = {fault: row["causes"][0]["cause"] for fault, row in train["faults"].items()}
    assert causes["missing"] == "no such file"
    assert "problem_type" in causes["malformed"]
    assert "special token <|im_end|>" in causes["text"]
    assert "tokens are left for its media" in causes["budget"]
    kinds = {(row["data_type"], row["problem_type"]): row["records"] for row in train["kinds"]}
    assert kinds == {
        ("image", "free-form"): 1,
        ("image", "multiple choice"): 4,
        ("image", "numerical"): 1,
        ("video", "OCR"): 1,
        ("video", "multiple choice"): 7,
        ("video", "regression"): 1,
    }
    assert list(train["sources"].items()) == [
        ("clean", {"records": 9, "unusable": 0}),
        ("broken", {"records": 5, "unusable": 5}),
        ("unknown", {"records": 1, "unusable": 0}),
    ]
    assert train["unknown_source"] == 1


def test_media(train, corpus):
    there = ("videos/a.mp4", "videos/copy.mp4", "videos/cut.mp4", "videos/b.mp4", "images/red.png")
    sizes = [(corpus.root / path).stat().st_size for path in (*there, "images/big.png")]
    assert train["media"] == {"paths": 8, "files": 6, "bytes": sum(sizes)}
    # the first file of the process is not timed, nor are those that did not come to be clips
    assert train["speed"]["files_timed"] == 4
    assert train["speed"]["clips_per_second_a_worker"] > 0


def test_prompt_lengths(train, corpus, tiny_processor):
    vision = {position: VIDEO for position in (0, 1, 2, 13, 14, 15)}
    vision |= {position: IMAGE for position in (8, 9, 10, 11)} | {12: BIG}
    text = {position: words(corpus.root, tiny_processor, position) for position in vision}
    before = [text[position] + tokens for position, tokens in vision.items()]
    after = [text[position] + min(vision[position], ROOM) for position in USABLE]
    prompts = train["prompts"]
    assert prompts["max_prompt_tokens"] == text[12] + ROOM + RESPONSE
    assert (prompts["overflow"], prompts["lowered"]) == (2, 1)
    assert set(prompts["response"].values()) == {RESPONSE}
    for key, lengths, room in (("prompt", before, 0), ("full", before, RESPONSE)):
        told = prompts[key]["before"]
        assert (told["0 %"], told["100 %"]) == (min(lengths) + room, max(lengths) + room)
        assert told["50 %"] == sorted(lengths)[5] + room  # the sixth of eleven
    assert prompts["full"]["after"]["100 %"] == max(after) + RESPONSE == prompts["max_prompt_tokens"]
    edges = prompts["histogram"]["edges"]
    assert prompts["max_prompt_tokens"] + 1 in edges
    for when, lengths in (("before", before), ("after", after)):
        for (low, high), count in zip(pairwise(edges), prompts["histogram"][when], strict=True):
            assert count == sum(low <= length + RESPONSE < high for length in lengths)
        assert sum(prompts["histogram"][when]) == len(lengths)


def test_answers(train):
    flaws = {flaw: row["examples"] for flaw, row in train["answers"]["flaws"].items()}
    assert flaws == {
        "empty": [14],
        "no_answer_tags": [10],
        "letter_is_no_option": [9],
        "options_without_letters": [15],
        "no_number": [8],
    }
    assert all(row["records"] == 1 for row in train["answers"]["flaws"].values())
    assert train["answers"]["options"] == {"2": 10, "4": 1}
    two, four = train["answers"]["letters"]["2"], train["answers"]["letters"]["4"]
    assert two["counts"] == {"A": 7, "B": 2}
    assert (two["records"], two["largest_share"], two["even_share"]) == (9, 7 / 9, 1 / 2)
    assert (two["chance"], two["skewed"]) == (None, False)  # nine answers say nothing
    assert four["counts"] == {"A": 0, "B": 0, "C": 1, "D": 0}


def test_duplicates(train):
    assert train["duplicates"] == {
        "questions": {
            "asked_again": 1,
            "records_too_many": 1,
            "with_other_solutions": 1,
            "examples": [[0, 1]],
        },
        "media": {
            "under_several_paths": 1,
            "paths_too_many": 1,
            "examples": [["videos/a.mp4", "videos/copy.mp4"]],
        },
    }


def test_overlap_by_path_and_by_content(train, corpus):
    held_out, bench = train["overlaps"]
    assert held_out == {
        "file": str(corpus.root / "validate.json"),
        "records": 2,
        "malformed": 0,
        "media_missing": 0,
        "same_path": 0,
        "same_content": 1,
        "same_path_only": 0,
        "same_question": 0,
        "records_here": 4,  # all about b.mp4
        "examples": [
            {
                "here": "videos/b.mp4",
                "there": "videos/same_as_b.mp4",
                "same_path": False,
                "same_content": True,
            }
        ],
    }
    assert bench == {
        "file": str(corpus.root.parent / "bench/bench.json"),
        "records": 5,
        "malformed": 1,
        "media_missing": 1,
        "same_path": 2,
        "same_content": 2,
        "same_path_only": 1,
        "same_question": 1,
        "records_here": 10,  # four about red.png, four about b.mp4, two about the path of another video
        "examples": [
            {
                "here": "images/red.png",
                "there": "images/red.png",
                "same_path": True,
                "same_content": True,
            },
            {
                "here": "videos/b.mp4",
                "there": "elsewhere/b.mp4",
                "same_path": False,
                "same_content": True,
            },
            {"here": "videos/a.mp4", "there": "videos/a.mp4", "same_path": True, "same_content": False},
        ],
    }


def test_epoch(train, corpus, tmp_path):
    """Two ranks of three batches of two make a step; the mixture decides how many records there are."""
    assert train["epoch"] == {
        "records": 15,
        "steps": 2,
        "ranks": 2,
        "batch_size": 2,
        "accumulate": 3,
        "passes": 1,
        "sources": {"broken": 5, "clean": 9, "unknown": 1},
    }
    mixture = (Share(data_source="broken", weight=0.0), Share(data_source="clean", count=24))
    mixed = corpus.audit(tmp_path, mixture=mixture, validate=None)["splits"]["train"]["epoch"]
    assert (mixed["records"], mixed["steps"], mixed["sources"]) == (25, 3, {"clean": 24, "unknown": 1})


def test_lengths_hold_against_the_prompts_of_training(corpus, audited, tiny_processor):
    """The findings' `fitted` are the lengths that a training run's own maker comes to."""
    cache = CacheSettings(folder=str(audited / "cache"))
    data = VideoDataModule(
        str(corpus.root),
        clip=CLIP,
        template=TEMPLATE,
        cache=cache,
        max_prompt_tokens=corpus.max_prompt_tokens,
    )
    maker = data.maker(tiny_processor, RESPONSE)
    records = RecordFile.open(corpus.root / "train.json")
    lines = [json.loads(line) for line in (audited / "findings.jsonl").read_text().splitlines()][1:]
    fitted = {one["record"]: one.get("fitted") for one in lines if one["split"] == "train"}
    for number, position in enumerate(records.positions.tolist()):
        if position in USABLE:
            assert fitted[position] == len(maker.make(records[number]).input_ids)
        else:
            assert fitted[position] is None
