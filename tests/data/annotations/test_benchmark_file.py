"""The config entry, the fixed part of the questions, and the page that says what lies where."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import yaml

from tests.data.annotations.own_files import VIDEOMME, write_json
from videor1.data.annotations.benchmark_file import BenchmarkFile, read_benchmark
from videor1.data.annotations.known import NEEDS
from videor1.errors import ConfigError

PAGE = Path(__file__).parents[3] / "docs" / "evaluation-data.md"


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ConfigError) as caught:
        BenchmarkFile(name="MVBnech", annotations="x.json")
    message = str(caught.value)
    assert message.startswith("data.benchmarks: no benchmark is named 'MVBnech', known are VSI-Bench, ")
    assert all(name in message for name in (*NEEDS, "records")) and message.endswith(
        "docs/evaluation-data.md"
    )


def test_no_questions_is_no_evaluation():
    with pytest.raises(ConfigError, match=r"data\.benchmarks: MMVU: questions must be at least 1, got 0"):
        BenchmarkFile(name="MMVU", annotations="x.json", questions=0)


@pytest.fixture
def videomme(tmp_path):
    """60 short, 30 medium and 10 long questions, in turn."""
    kinds = (["short"] * 6 + ["medium"] * 3 + ["long"]) * 10
    rows = [VIDEOMME[0] | {"question_id": f"q{at:02}", "duration": kind} for at, kind in enumerate(kinds)]
    write_json(tmp_path / "v.json", rows)

    def ask(questions, seed=0):
        file = BenchmarkFile(name="VideoMME", annotations="v.json", questions=questions, seed=seed)
        return read_benchmark(file, tmp_path)

    return ask


@pytest.mark.parametrize(
    ("questions", "shares"),
    [
        (20, (12, 6, 2)),
        (10, (6, 3, 1)),
        (3, (2, 1, 0)),
        (1, (1, 0, 0)),
        (99, (59, 30, 10)),
        (500, (60, 30, 10)),
    ],
)
def test_each_task_keeps_its_share_and_the_file_its_order(videomme, questions, shares):
    records = videomme(questions)
    counts = Counter(record.data_source for record in records)
    assert tuple(counts[f"VideoMME/{kind}"] for kind in ("short", "medium", "long")) == shares
    names = [str(record.problem_id) for record in records]
    assert names == sorted(names) and len(set(names)) == len(names)


def test_the_seed_decides_which(videomme):
    assert videomme(20) == videomme(20, seed=0)
    assert videomme(20) != videomme(20, seed=1)


def test_the_page_names_what_each_benchmark_needs():
    page = PAGE.read_text(encoding="utf-8")
    rows = {line.split("|")[1].strip(): line for line in page.splitlines() if line.startswith("| ")}
    for name, needs in NEEDS.items():
        assert f"`{needs.released}`" in rows[name] and f"{needs.questions:,}" in rows[name]
        assert needs.media.split(",")[0] in rows[name]


def test_the_example_of_the_page_is_a_config(tmp_path):
    example = PAGE.read_text(encoding="utf-8").split("```yaml\n")[1].split("```")[0]
    entries = yaml.safe_load(example)["data"]["benchmarks"]
    assert {BenchmarkFile(**entry).name for entry in entries} == {*NEEDS, "records"}
