"""What an audit leaves behind, and when it is not content."""

from __future__ import annotations

import json

import pytest

from tests.audit.corpus import USABLE, mc, timeless, write_records
from videor1.data.cache import CacheSettings
from videor1.data.datamodule import VideoDataModule
from videor1.data.mixture import Share
from videor1.data.quarantine import BadShareError, read_quarantine
from videor1.errors import ConfigError, RecordError


def test_what_is_left_behind(audited, capsys, corpus):
    page = (audited / "audit.md").read_text(encoding="utf-8")
    for told in (
        "## data.train",
        "| media missing | 1 | 6.2 % | 1 × no such file |",
        "| broken | 5 | 5 | 5 |",
    ):
        assert told in page
    for name in ("prompt_lengths", "sources", "answer_letters"):
        assert f"({name}.png)" in page
        assert (audited / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    findings = [json.loads(line) for line in (audited / "findings.jsonl").read_text().splitlines()]
    assert sorted((one["split"], one["record"]) for one in findings[1:]) == [
        *(("train", position) for position in range(16) if position != 3),
        ("validate", 0),
        ("validate", 1),
    ]


def test_screen_is_short_and_says_what_matters(corpus, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    corpus.audit(tmp_path)
    shown = capsys.readouterr().out
    assert f"data.train: {corpus.root / 'train.json'}" in shown
    assert "media damaged" in shown
    assert "1 × numerical or regression: the solution is no number, such as record 8" in shown
    assert f"The whole report: {tmp_path / 'audit/audit.md'}" in shown
    table = [line for line in shown.splitlines() if line.startswith("  ") and "/" not in line]
    assert max(map(len, table)) <= 100


def test_workers_change_nothing(audited, corpus, tmp_path):
    parallel = corpus.audit(tmp_path, benchmarks=("bench.json",), workers=2)
    assert timeless(parallel) == timeless(json.loads((audited / "audit.json").read_text(encoding="utf-8")))


def test_quarantine_leaves_the_records_out_of_runs_and_of_audits(audited, corpus, tmp_path):
    file = audited / "quarantine.jsonl"
    assert [one.record for one in read_quarantine(file)] == [3, 4, 5, 6, 7, 11]
    assert [one.path for one in read_quarantine(file)[:3]] == ["", "videos/gone.mp4", "../outside.png"]
    cache = CacheSettings(folder=str(tmp_path / "cache"))
    data = VideoDataModule(str(corpus.root), train="train.json", exclude=[str(file)], cache=cache)
    split = data.open("train.json", folder=tmp_path)  # raises if the malformed record still counted
    assert split.records.positions[split.numbers()].tolist() == list(USABLE)
    again = corpus.audit(tmp_path, exclude=[str(file)], max_bad_share=0.0)["splits"]["train"]
    assert again["records"] == {
        "all": 16,
        "usable": 10,
        "unusable": 0,
        "excluded": 6,
        "unusable_share": 0.0,
    }
    assert again["epoch"]["records"] == 10
    assert read_quarantine(tmp_path / "audit/quarantine.jsonl") == read_quarantine(file)


def test_too_many_unusable_records_end_in_one_line_after_all_is_written(corpus, tmp_path):
    assert (
        corpus.audit(tmp_path / "tolerant", max_bad_share=6 / 16)["splits"]["train"]["records"]["unusable"]
        == 6
    )
    with pytest.raises(BadShareError) as caught:
        corpus.audit(tmp_path, max_bad_share=0.37)
    told = str(caught.value)
    assert len(told.splitlines()) == 1
    assert "data.train: 6 of 16 records are unusable, more than data.max_bad_share = 0.37: 1 × " in told
    assert str(tmp_path / "audit/audit.md") in told
    assert "data.validate" not in told
    for name in ("audit.json", "audit.md", "quarantine.jsonl", "sources.png"):
        assert (tmp_path / "audit" / name).is_file()


def test_strict_runs_tolerate_nothing(corpus, tmp_path):
    with pytest.raises(BadShareError, match=r"6 of 16.*data\.strict allows.*1 records have no data_source"):
        corpus.audit(tmp_path, strict=True)


def test_what_is_wrong_with_the_config_is_told_before_anything_is_read(corpus, tmp_path):
    with pytest.raises(RecordError, match=r"none\.json"):
        corpus.audit(tmp_path, benchmarks=("none.json",))
    with pytest.raises(ConfigError, match=r"data\.mixture"):
        corpus.audit(tmp_path, mixture=(Share(data_source="cleen", weight=1.0),))
    with pytest.raises(ConfigError, match=r"data\.train and data\.validate"):
        corpus.audit(tmp_path, train=None, validate=None)
    assert not (tmp_path / "audit").exists()


def test_a_file_without_a_sound_record_is_audited(corpus, tmp_path):
    write_records(corpus.root / "nothing.json", [mc("videos/a.mp4", "Which?", "A", problem_type="riddle")])
    split = corpus.audit(tmp_path, train="nothing.json", validate=None)["splits"]["train"]
    assert split["records"]["unusable"] == split["records"]["all"] == 1
    assert split["epoch"] is None
