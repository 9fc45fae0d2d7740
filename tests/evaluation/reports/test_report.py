"""The report of an examination: its numbers by hand, its tables, its figures, and what lies beside it."""

from __future__ import annotations

import json

import pytest
from PIL import Image

from tests.evaluation.support import answers, examined, judged, marks_of, protocol_with, table
from videor1.errors import UserError
from videor1.evaluation.protocol import digest
from videor1.evaluation.reports.report import build_report, by_frames, read_report, write_report
from videor1.evaluation.reports.text import markdown, screen
from videor1.evaluation.statistics import bootstrap_interval

MVBENCH = ("Action Sequence", "Action Prediction")


def questions() -> list:
    """Two tasks of MVBench, 10 questions each, 8 and 5 right; MMVU, 3 right, 1 wrong, 1 missing."""
    return [
        *answers(f"MVBench/{MVBENCH[0]}", "1111111100", tokens=30, temporal=True),
        *answers(f"MVBench/{MVBENCH[1]}", "1111100000", start=10, tokens=10),
        *answers("MMVU/Art", "1110x", start=20, tokens=100, reflective=True),
    ]


def report_of(judgements, **more) -> dict:
    told = {"model": "models/x", "protocol": protocol_with(), "questions_digest": "d"} | more
    return build_report(marks_of(judgements), **told)


@pytest.fixture
def report() -> dict:
    return report_of(questions())


def test_a_report_says_what_was_examined_and_how(report):
    assert report["model"] == "models/x"
    assert report["questions"] == {"MVBench": 20, "MMVU": 5}
    assert report["questions_digest"] == "d"
    assert report["protocol"] == protocol_with()
    assert report["protocol_hash"] == digest(protocol_with())


def test_official_scores_have_the_bootstrap_interval(report):
    marks = marks_of(questions()).of("MVBench")
    low, high = bootstrap_interval(*marks.headline)
    official = report["benchmarks"]["MVBench"]["official"]
    assert official["score"] == pytest.approx(0.65)
    assert (official["low"], official["high"]) == (low, high)
    assert 0.4 < low < 0.65 < high < 0.9
    assert official["why"].startswith("MVBench: no questions of Action Antonym, ")
    assert report["benchmarks"]["MMVU"]["official"] == {"score": 0.6, "low": None, "high": None, "why": None}


def test_overall_manner_is_the_mean_over_all_that_was_answered(report):
    manner = report["manner"]
    assert manner["tokens"] == pytest.approx((10 * 30 + 10 * 10 + 4 * 100) / 24)
    assert manner["temporal"] == pytest.approx(10 / 24)
    assert manner["reflective"] == pytest.approx(4 / 24)
    assert (manner["format"], manner["finished"]) == (1.0, 1.0)


def test_nothing_answered_has_no_manner():
    found = report_of(answers("MMVU/Art", "xx"))
    assert set(found["manner"].values()) == {None}
    assert found["benchmarks"]["MMVU"]["answered"] is None
    cells = table(markdown(found, {}), "benchmark | format")["all questions"]
    assert cells["tokens"] == cells["cut off"] == "–"


def test_what_nobody_was_asked_is_in_no_number():
    found = build_report(
        marks_of(answers("MMVU/Art", "10"), unasked=["MMVU/Art", "VideoMME/short"]),
        model="models/x",
        protocol={},
        questions_digest="d",
    )
    assert found["questions"] == {"MMVU": 2}
    assert found["manner"]["format"] == 1.0


def test_headline_table(report):
    rows = table(markdown(report, {}), "benchmark | questions")
    official = report["benchmarks"]["MVBench"]["official"]
    assert rows["MVBench"] == {
        "questions": "20",
        "missing": "0",
        "score": f"65.0 [{100 * official['low']:.1f}, {100 * official['high']:.1f}]",
        "without missing": "–",
        "released accuracy": "65.0",
        "Qwen2.5-VL-7B (CoT)": "59.2",
        "Qwen2.5-VL-7B-SFT": "60.6",
        "Video-R1-7B": "64.8",
    }
    assert rows["MMVU"]["score"] == "60.0"
    assert rows["MMVU"]["without missing"] == "75.0"
    assert rows["MMVU"]["missing"] == "1"
    assert rows["MMVU"]["Video-R1-7B"] == "63.8"


def test_other_orders_have_columns_when_they_were_asked():
    judgements = [
        *answers("temporal/first", "1110"),
        *answers("temporal/first", "1000", order="shuffled"),
        *answers("temporal/first", "0001", order="blind"),
        *answers("temporal/first", "1111", decoding="greedy"),
    ]
    text = markdown(report_of(judgements), {})
    expected = {"greedy": "100.0", "shuffled": "25.0", "gap": "+50.0", "blind": "25.0"}
    row = table(text, "benchmark | questions")["temporal"]
    assert {name: row[name] for name in expected} == expected
    assert "Video-R1-7B" not in row, "no row of the paper for it"
    row = table(text, "task")["temporal/first"]
    assert row == {"questions": "4", "score": "75.0"} | expected


def test_tasks_manner_missing_and_protocol_are_told(report):
    text = markdown(report, {})
    tasks = table(text, "task")
    assert tasks == {
        "MVBench/Action Prediction": {"questions": "10", "score": "50.0"},
        "MVBench/Action Sequence": {"questions": "10", "score": "80.0"},
        "MMVU/Art": {"questions": "5", "score": "60.0"},
    }
    manner = table(text, "benchmark | format")
    assert manner["MVBench"] == {
        "format": "100.0",
        "temporal reasoning": "50.0",
        "aha": "0.0",
        "tokens": "20.0",
        "cut off": "0.0",
    }
    assert manner["all questions"]["temporal reasoning"] == "41.7"
    assert "75.0 % for T-GRPO and 60.2 % for GRPO" in text
    assert "1 of 25 questions: their media could not be read" in text
    assert "quarantine.jsonl" in text
    assert "* MVBench: no questions of Action Antonym" in text
    assert f"## Protocol `{report['protocol_hash']}`" in text
    shown = text.split("```json\n")[1].split("```")[0]
    assert json.loads(shown) == report["protocol"]


def test_a_benchmark_without_a_score_says_why_in_its_place():
    text = markdown(report_of(answers("MVBench/Juggling", "10")), {})
    assert table(text, "benchmark | questions")["MVBench"]["score"] == "–"
    assert "* MVBench: no score, the task of 2 questions is unknown ('Juggling')" in text


def test_screen_is_the_headline_in_columns(report):
    head, names, mvbench, mmvu = screen(report).splitlines()
    assert head == f"models/x, protocol {report['protocol_hash']}"
    assert names.split() == ["benchmark", "questions", "missing", "score", "%"]
    assert mvbench.startswith("MVBench            20         0   65.0 [")
    assert mmvu == f"MMVU                5         1{'60.0':>{len(mvbench) - len(mmvu[:32]) + 1}}"


def test_two_writings_of_one_examination_are_alike(report, tmp_path):
    for name in ("a/x", "b/x"):
        write_report(tmp_path / name, report_of(questions()))
    files = ["report.json", "report.md", "benchmarks.png", "tasks.png"]
    assert sorted(file.name for file in (tmp_path / "a/x").iterdir()) == sorted(files)
    for name in files:
        assert (tmp_path / "a/x" / name).read_bytes() == (tmp_path / "b/x" / name).read_bytes()
    assert read_report(tmp_path / "a/x/report.json") == report
    for name in files[2:]:
        assert f"]({name})" in (tmp_path / "a/x/report.md").read_text()
        with Image.open(tmp_path / "a/x" / name) as picture:
            assert len(picture.convert("RGB").getcolors(maxcolors=1 << 24)) > 10, "something is drawn"


def test_an_examination_of_nothing_has_a_report(tmp_path):
    write_report(tmp_path, report_of([]))
    assert read_report(tmp_path / "report.json")["questions"] == {}
    assert "None: the media of all questions" in (tmp_path / "report.md").read_text()


def test_reports_that_differ_in_frames_only_are_shown_together(tmp_path):
    for frames, right in ((16, "1100"), (32, "1110"), (64, "1111")):
        examined(tmp_path / f"frames{frames}", answers("MMVU/Art", right), max_frames=frames)
    assert not (tmp_path / "frames16/frames.png").exists(), "it was the first"
    text = (tmp_path / "frames64/report.md").read_text()
    rows = table(text, "frames")
    assert rows == {"16": {"MMVU": "50.0"}, "32": {"MMVU": "75.0"}, "64": {"MMVU": "100.0"}}
    assert list(rows) == ["16", "32", "64"]
    assert (tmp_path / "frames64/frames.png").stat().st_size > 5000


@pytest.mark.parametrize(
    "other",
    [
        {"max_frames": 16, "temperature": 0.5},
        {"max_frames": 16, "model": "models/y"},
        {"max_frames": 16, "questions_digest": "e"},
        {"max_frames": 64},
    ],
)
def test_reports_that_differ_in_more_or_in_nothing_are_not(other, tmp_path):
    examined(tmp_path / "a", answers("MMVU/Art", "10"), **other)
    folder = examined(tmp_path / "b", answers("MMVU/Art", "11"), max_frames=64)
    assert not (folder / "frames.png").exists()
    assert "frames.png" not in (folder / "report.md").read_text()


def test_part_of_the_questions_is_not_all_of_them():
    whole, part = (report_of(answers("MMVU/Art", right)) for right in ("1100", "11"))
    assert list(by_frames([whole, part], like=whole)) == [64]
    assert by_frames([part, whole], like=whole)[64] is whole


def test_other_reports_beside_it_are_passed_over_and_damaged_ones_too(tmp_path):
    beside = tmp_path / "stages"
    beside.mkdir()
    (beside / "report.json").write_text('{"stages": {}}')
    examined(tmp_path / "a", answers("MMVU/Art", "10"))
    (beside / "report.json").write_text('{"sta')
    examined(tmp_path / "a", answers("MMVU/Art", "10"))
    assert (tmp_path / "a/report.md").is_file()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "has this run been validated"),
        ("{", "no JSON"),
        ("[]", "not the report"),
        ("{}", "not the report"),
    ],
)
def test_a_report_that_cannot_be_read_says_why(content, told, tmp_path):
    file = tmp_path / "report.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(UserError, match=rf"report\.json: .*{told}"):
        read_report(file)


def test_sampled_means_of_several_responses_have_an_interval_too():
    judgements = [
        judged("MMVU/Art", float((question + sample) % 2), question=question, sample=sample)
        for question in range(12)
        for sample in range(2)
    ]
    official = report_of(judgements)["benchmarks"]["MMVU"]["official"]
    assert official == {"score": 0.5, "low": 0.5, "high": 0.5, "why": None}
