"""The quickstart's report over its stages: what others read of it, and what a person does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.evaluation.support import answers, examined, judged, table
from videor1.errors import RecordError, UserError
from videor1.evaluation.reports.stages import build_stages, main


def asked(temporal: str, shuffled: str) -> list:
    """Ten temporal questions, half of them answered with words of time; an image and a video of the rest."""
    found = [
        *answers("temporal/first", temporal[:5], tokens=20, temporal=True),
        *answers("temporal/grow", temporal[5:], start=5, tokens=40),
        *answers("temporal/first", shuffled[:5], order="shuffled"),
        *answers("temporal/grow", shuffled[5:], start=5, order="shuffled"),
        *answers("temporal/first", "11111", decoding="greedy"),
        *answers("temporal/grow", "11110", start=5, decoding="greedy"),
        *answers("temporal/first", "00000", order="shuffled", decoding="greedy"),
        *answers("temporal/grow", "00001", start=5, order="shuffled", decoding="greedy"),
    ]
    for decoding in ("sampled", "greedy"):
        found += [
            judged("other/colour", 1.0, question=10, data_type="image", decoding=decoding, tokens=30),
            judged("other/count", 1.0, question=11, decoding=decoding, format=0.0, tokens=30),
            judged("other/count", 0.0, question=11, decoding=decoding, order="shuffled"),
        ]
    return found


def stage(run: Path, name: str, judgements: list, *, seconds: float) -> None:
    examined(run / name / "validation", judgements)
    record = {"seed": 7, "steps": 3, "train_seconds": seconds, "versions": {"torch": "x"}}
    (run / name / "stage.json").write_text(json.dumps(record))


@pytest.fixture
def run(tmp_path) -> Path:
    stage(tmp_path, "sft", asked("1111100000", "1100000000"), seconds=12.5)
    stage(tmp_path, "tgrpo", asked("1111111110", "1100000001"), seconds=30.0)
    return tmp_path


def test_report_holds_what_others_read(run):
    report = build_stages(run)
    assert report["seed"] == 7
    assert report["questions"] == {"temporal": 10, "other": 2}
    assert list(report["stages"]) == ["sft", "tgrpo"]
    interval = report["stages"]["tgrpo"].pop("intervals")
    assert report["stages"]["tgrpo"] == {
        "train_seconds": 30.0,
        "steps": 3,
        "temporal": {
            "sampled": {"ordered": 0.9, "shuffled": 0.3},
            "greedy": {"ordered": 0.9, "shuffled": 0.1},
        },
        "other": {
            "sampled": {"ordered": 1.0, "shuffled": 0.5},
            "greedy": {"ordered": 1.0, "shuffled": 0.5},
        },
        "format_rate": pytest.approx(11 / 12),
        "response_tokens": pytest.approx((5 * 20 + 5 * 40 + 2 * 30) / 12),
        "temporal_reasoning": pytest.approx(5 / 12),
        "tasks": {
            "temporal/first": {
                "sampled": {"ordered": 1.0, "shuffled": 0.4},
                "greedy": {"ordered": 1.0, "shuffled": 0.0},
            },
            "temporal/grow": {
                "sampled": {"ordered": 0.8, "shuffled": 0.2},
                "greedy": {"ordered": 0.8, "shuffled": 0.2},
            },
            "other/colour": {
                "sampled": {"ordered": 1.0, "shuffled": 1.0},
                "greedy": {"ordered": 1.0, "shuffled": 1.0},
            },
            "other/count": {
                "sampled": {"ordered": 1.0, "shuffled": 0.0},
                "greedy": {"ordered": 1.0, "shuffled": 0.0},
            },
        },
    }
    assert interval["other"] == [None, None], "two questions have none"
    assert interval["temporal"][0] < 0.9 <= interval["temporal"][1] == 1.0


def test_report_for_a_person(run, capsys):
    main(run)
    text = (run / "report.md").read_text()
    assert capsys.readouterr().out == text + "\n"
    rows = table(text, "stage")
    assert rows["SFT"] | {"95 %": ""} == {
        "temporal, sampled": "0.500 / 0.200",
        "95 %": "",
        "gap": "0.300",
        "temporal, greedy": "0.900 / 0.100",
        "other, sampled": "1.000 / 0.500",
        "other, greedy": "1.000 / 0.500",
        "format": "0.917",
        "temporal reasoning": "0.417",
        "tokens": "30.0",
        "train s": "12",
    }
    assert "| 0.200 … 0.800 | 0.300 |" in text, "5 right of 10 questions"
    assert table(text, "task")["temporal/grow"] == {"SFT": "0.000 / 0.000", "T-GRPO": "0.800 / 0.200"}
    assert "held out: 10 temporal questions, 2 other questions" in text
    assert f"tensorboard --logdir {run}" in text
    assert (run / "report.png").stat().st_size > 5000
    assert json.loads((run / "report.json").read_text()) == build_stages(run)


def test_the_control_is_a_row_when_it_was_run(run):
    stage(run, "control", asked("1111100000", "1100000000"), seconds=31.0)
    assert list(build_stages(run)["stages"]) == ["sft", "control", "tgrpo"]
    main(run)
    assert "| SFT continued |" in (run / "report.md").read_text()


def test_what_the_reward_watch_saw_is_a_section(run):
    main(run)
    assert "## T-GRPO's signs" not in (run / "report.md").read_text()
    told = {"figures": {}, "raised": False, "step": None, "shows": None, "seen": None}
    watch = {
        "window": 20,
        "credit": "reward",
        "temporal": {"changed_groups": 0.25, "change": 0.0126, "token_weight_spread": None},
        "signs": {
            "length_band": told | {"raised": True, "step": 40, "shows": True, "seen": "accuracy 0.5 → 0.5"},
            "letter_prior": told | {"raised": True, "step": 30, "shows": False, "seen": "0.02 apart"},
            "format_only": told | {"shows": False, "seen": "format 1 → 1"},
            "blind_gain": told,
        },
    }
    (run / "tgrpo/reward_watch.json").write_text(json.dumps(watch))
    main(run)
    text = (run / "report.md").read_text()
    assert "`reward` changed the advantages of 0.250 of the groups about videos, by 0.013 a response" in text
    assert "Tokens weigh" not in text
    assert {name: (row["raised"], row["seen at the end"]) for name, row in table(text, "sign").items()} == {
        "length_band": ("step 40", "accuracy 0.5 → 0.5"),
        "letter_prior": ("step 30, gone since", "0.02 apart"),
        "format_only": ("no", "format 1 → 1"),
        "blind_gain": ("–", "not measured"),
    }
    assert json.loads((run / "report.json").read_text())["watch"] == watch
    (run / "tgrpo/reward_watch.json").write_text("{")
    with pytest.raises(RecordError, match=r"reward_watch\.json: cannot be read"):
        build_stages(run)


def test_orders_and_decodings_that_were_not_asked_have_no_number(tmp_path):
    plain = [*answers("temporal/first", "10"), *answers("other/count", "1", start=2)]
    for name in ("sft", "tgrpo"):
        stage(tmp_path, name, plain, seconds=1.0)
    main(tmp_path)
    row = table((tmp_path / "report.md").read_text(), "stage")["T-GRPO"]
    assert (row["temporal, sampled"], row["gap"], row["temporal, greedy"]) == ("0.500 / –", "–", "– / –")


def test_what_is_missing_is_named(run, tmp_path):
    with pytest.raises(RecordError, match=r"sft/stage\.json.*has this stage been run"):
        build_stages(tmp_path / "none")
    (run / "tgrpo/validation/report.json").unlink()
    with pytest.raises(UserError, match=r"tgrpo/validation/report\.json.*has this run been validated"):
        build_stages(run)
    examined(run / "tgrpo/validation", answers("temporal/first", "10"))
    with pytest.raises(RecordError, match=r"tgrpo/validation/report\.json: no questions of 'other'"):
        build_stages(run)
