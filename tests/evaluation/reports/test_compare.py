"""Runs side by side: scores, differences and p values that are counted by hand."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.evaluation.support import answers, examined, judged, table
from videor1.errors import UserError
from videor1.evaluation.reports.compare import compare
from videor1.evaluation.reports.finished import read_runs, short_names

# Of 20 questions of MMVU the baseline has 10 right; "better" has 9 others right and loses 1.
BASE, BETTER = "1" * 10 + "0" * 10, "0" + "1" * 9 + "1" * 9 + "0"
P = 2 * (1 + 10) / 2**10  # binomial, 1 or fewer of 10, both sides: 0.021
CLIPS = "10" * 10  # VideoMME, both runs


def questions(right: str) -> list:
    return [*answers("MMVU/Art", right), *answers("VideoMME/short", CLIPS, start=20)]


@pytest.fixture
def runs(tmp_path) -> list[str]:
    examined(tmp_path / "base", questions(BASE))
    examined(tmp_path / "better/validation", questions(BETTER), model="models/y")
    return [str(tmp_path / "base"), str(tmp_path / "better")]


def compared(runs, tmp_path, capsys, **more) -> tuple[str, dict]:
    compare(runs, str(tmp_path / "out"), **more)
    text = (tmp_path / "out/compare.md").read_text()
    assert capsys.readouterr().out == text + "\n"
    return text, json.loads((tmp_path / "out/compare.json").read_text())


def test_scores_and_the_difference_to_the_first(runs, tmp_path, capsys):
    text, found = compared(runs, tmp_path, capsys)
    assert list(found["runs"]) == ["base", "better"]
    assert [one["benchmarks"]["MMVU"]["score"] for one in found["runs"].values()] == [0.5, 0.9]
    assert [one["average"] for one in found["runs"].values()] == [0.5, pytest.approx(0.7)]
    assert found["runs"]["better"]["model"] == "models/y"
    assert found["questions"] == {"MMVU": 20, "VideoMME": 20}
    change = found["differences"]["better"]["MMVU"]
    assert change["mean"] == pytest.approx(0.4)
    assert change["p"] == pytest.approx(P)
    assert 0.05 <= change["low"] < 0.2
    assert 0.55 < change["high"] <= 0.7
    assert found["differences"]["better"]["VideoMME"] == {"mean": 0.0, "low": 0.0, "high": 0.0, "p": 1.0}
    assert "paper" not in found

    scores = table(text, "run | MMVU | VideoMME | average")
    for run, one in found["runs"].items():
        mmvu = one["benchmarks"]["MMVU"]
        told = f"{100 * mmvu['score']:.1f} [{100 * mmvu['low']:.1f}, {100 * mmvu['high']:.1f}]"
        assert scores[run]["MMVU"] == told
    assert [scores[run]["average"] for run in scores] == ["50.0", "70.0"]
    assert list(scores) == ["base", "better"]
    low, high = (f"{100 * change[end]:+.1f}" for end in ("low", "high"))
    assert f"| better | +40.0 [{low}, {high}], p = 0.021 | +0.0 [+0.0, +0.0], p = 1.000 |" in text
    assert (tmp_path / "out/compare.png").stat().st_size > 5000
    assert not (tmp_path / "out/frames.png").exists()


def test_the_other_way_round_the_signs_turn(runs, tmp_path, capsys):
    _, found = compared(runs[::-1], tmp_path, capsys)
    assert found["differences"]["base"]["MMVU"]["mean"] == pytest.approx(-0.4)
    assert "| base | −40.0 [−" in (tmp_path / "out/compare.md").read_text()


def test_the_paper_stands_beside_with_the_average_of_the_same_benchmarks(runs, tmp_path, capsys):
    text, found = compared(runs, tmp_path, capsys, paper=True)
    row = table(text, "run | MMVU")["Video-R1-7B (paper, 64 frames)"]
    assert row == {"MMVU": "63.8", "VideoMME": "61.4", "average": "62.6"}
    assert found["paper"]["Qwen2.5-VL-7B-SFT"]["benchmarks"] == {"MMVU": 0.616, "VideoMME": 0.588}


def test_without_an_output_nothing_is_written(runs, tmp_path, capsys):
    compare(runs[:1])
    text = capsys.readouterr().out
    assert text.startswith("Official scores in percent")
    assert "Difference" not in text
    assert sorted(path.name for path in tmp_path.iterdir()) == ["base", "better"]


def test_only_questions_in_common_count_wherever_they_stand(tmp_path, capsys):
    """The second run was asked 12 of the 20, in another order, and one of its own."""
    first = answers("MMVU/Art", BASE)
    second = [
        replace(one, question=11 - number) for number, one in enumerate(answers("MMVU/Art", BETTER)[:12])
    ]
    second.append(judged("MMVU/Art", 1.0, question=12, problem_id="own"))
    runs = [
        str(examined(tmp_path / "a", first, questions_digest="a")),
        str(examined(tmp_path / "b", second, questions_digest="b")),
    ]
    text, found = compared(runs, tmp_path, capsys)
    assert found["questions"] == {"MMVU": 12}
    assert [found["runs"][run]["benchmarks"]["MMVU"]["score"] for run in "ab"] == [
        pytest.approx(10 / 12),
        pytest.approx(11 / 12),
    ]
    assert found["differences"]["b"]["MMVU"]["mean"] == pytest.approx((2 - 1) / 12)
    assert found["differences"]["b"]["MMVU"]["p"] == 1.0
    assert "* MMVU: over the 12 questions in common; a has 20, b has 13" in text


def test_benchmarks_that_only_one_run_has_stand_alone(tmp_path, capsys):
    runs = [
        str(examined(tmp_path / "a", answers("MMVU/Art", BASE))),
        str(examined(tmp_path / "b", [*answers("MMVU/Art", BETTER), *answers("other/x", "11", start=20)])),
    ]
    text, found = compared(runs, tmp_path, capsys)
    assert found["runs"]["a"]["average"] is None
    assert found["runs"]["b"]["average"] == pytest.approx((0.9 + 1) / 2)
    assert table(text, "run | MMVU | other")["a"] == {
        "MMVU": table(text, "run | MMVU | other")["a"]["MMVU"],
        "other": "–",
        "average": "–",
    }
    assert "other" not in found["differences"]["b"]
    assert found["notes"] == []


def test_no_question_in_common_gives_no_number(tmp_path, capsys):
    other = [replace(one, problem_id=f"own {one.problem_id}") for one in answers("MMVU/Art", BASE)]
    runs = [
        str(examined(tmp_path / "a", answers("MMVU/Art", BASE))),
        str(examined(tmp_path / "b", other)),
    ]
    text, found = compared(runs, tmp_path, capsys)
    assert found["differences"]["b"]["MMVU"] == dict.fromkeys(("mean", "low", "high", "p"))
    assert "over the 0 questions in common; a has 20, b has 20" in text
    assert "| b | – |" in text


def test_the_same_question_asked_twice_is_paired_in_order(tmp_path, capsys):
    def twice(right):
        return [replace(one, problem_id=one.question // 2) for one in answers("MMVU/Art", right)]

    runs = [
        str(examined(tmp_path / "a", twice("1010" * 5))),
        str(examined(tmp_path / "b", twice("0101" * 5))),
    ]
    _, found = compared(runs, tmp_path, capsys)
    assert found["questions"] == {"MMVU": 20}
    change = found["differences"]["b"]["MMVU"]
    assert (change["mean"], change["p"]) == (0.0, 1.0)
    assert change["low"] < 0 < change["high"], "marks that differ in every question"


@pytest.mark.parametrize("samples", [1, 2])
def test_mcnemar_is_for_one_response_that_is_right_or_wrong(samples, tmp_path, capsys):
    def asked(right):
        return [replace(one, sample=s) for s in range(samples) for one in answers("MMVU/Art", right)]

    runs = [
        str(examined(tmp_path / name, asked(right), samples=samples))
        for name, right in (("a", BASE), ("b", BETTER))
    ]
    _, found = compared(runs, tmp_path, capsys)
    change = found["differences"]["b"]["MMVU"]
    assert change["mean"] == pytest.approx(0.4)
    assert change["p"] == (pytest.approx(P) if samples == 1 else None)


def test_fractions_have_no_mcnemar(tmp_path, capsys):
    def asked(mark):
        return [judged("other/width", mark * (i % 2), question=i) for i in range(20)]

    runs = [str(examined(tmp_path / name, asked(mark))) for name, mark in (("a", 0.5), ("b", 1.0))]
    text, found = compared(runs, tmp_path, capsys)
    assert found["differences"]["b"]["other"]["mean"] == pytest.approx(0.25)
    assert found["differences"]["b"]["other"]["p"] is None
    assert "p = " not in text


def test_macro_differences_weigh_tasks(tmp_path, capsys):
    """Perception 4 of 10 more right, adaptation 0 of 30: a gain of (4/10 + 0) / 2."""

    def asked(right):
        return [
            *answers("Video-MMMU/perception", right),
            *answers("Video-MMMU/adaptation", "100" * 10, start=10),
        ]

    runs = [
        str(examined(tmp_path / name, asked(right)))
        for name, right in (("a", "1111000000"), ("b", "1111111100"))
    ]
    _, found = compared(runs, tmp_path, capsys)
    assert found["differences"]["b"]["Video-MMMU"]["mean"] == pytest.approx(0.2)
    assert found["differences"]["b"]["Video-MMMU"]["p"] == pytest.approx(2 / 2**4)


def test_another_protocol_is_told_setting_by_setting(tmp_path, capsys):
    runs = [
        str(examined(tmp_path / "a", answers("MMVU/Art", BASE))),
        str(examined(tmp_path / "b", answers("MMVU/Art", BASE), max_frames=16, temperature=1.0)),
    ]
    text, _ = compared(runs, tmp_path, capsys)
    assert (
        "* b has another protocol than a: frames_and_pixels.max_frames 16 instead of 64;"
        " decoding.sampling.temperature 1.0 instead of 0.01\n" in text
    )


def test_frames_are_drawn_where_runs_differ_in_them_only(tmp_path, capsys):
    runs = [
        str(
            examined(tmp_path / f"{model}{frames}", answers("MMVU/Art", BASE), model=model, max_frames=frames)
        )
        for model in ("x", "y")
        for frames in (16, 64)
    ]
    compared(runs, tmp_path, capsys)
    assert (tmp_path / "out/frames.png").stat().st_size > 5000


@pytest.mark.parametrize(
    ("folders", "names"),
    [
        (["runs/a/validation", "runs/b/validation"], ["a", "b"]),
        (["runs/evaluate/frames16", "runs/evaluate/frames64"], ["frames16", "frames64"]),
        (["runs/a/x/1", "runs/b/x/2"], ["a/x/1", "b/x/2"]),
        (["runs/a", "runs/a/validation"], ["a", "a/validation"]),
        (["a", "runs/a"], ["a", "runs/a"]),
        (["runs/a"], ["a"]),
        (["runs/a/validation"], ["validation"]),
        (["a/b/a", "a/b/b/a"], ["a", "b/a"]),
        ([".", "a"], [".", "a"]),
    ],
)
def test_names_are_what_tells_the_paths_apart(folders, names):
    assert short_names(folders) == names


def test_runs_that_cannot_be_read_are_named(runs, tmp_path):
    with pytest.raises(UserError, match=r"base: named twice"):
        read_runs([runs[0], runs[1], runs[0] + "/"])
    with pytest.raises(UserError, match=r"none: neither it nor its folder validation holds report\.json"):
        read_runs([runs[0], str(tmp_path / "none")])
    with pytest.raises(UserError, match="at least one run"):
        compare([])
    (tmp_path / "base/predictions.jsonl").write_text('{"question": 0}\n')
    with pytest.raises(UserError, match=r"base/predictions\.jsonl: byte 0: damaged"):
        read_runs(runs)
