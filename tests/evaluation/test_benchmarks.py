"""What is known of each benchmark: its name, its tasks, the paper's rows."""

from __future__ import annotations

import pytest

from videor1.evaluation.benchmarks import BENCHMARKS, PAPER_MODELS, benchmark_of, task_of


def test_the_six_of_the_paper_and_the_two_of_the_toy_world():
    assert list(BENCHMARKS) == [
        *("VSI-Bench", "Video-MMMU", "MMVU", "MVBench", "TempCompass", "VideoMME"),
        *("temporal", "other"),
    ]
    assert [name for name, benchmark in BENCHMARKS.items() if benchmark.macro] == [
        *("VSI-Bench", "Video-MMMU", "MVBench"),
    ]


def test_papers_rows():
    rows = {
        model: [benchmark.paper[row] for benchmark in BENCHMARKS.values() if benchmark.paper]
        for row, model in enumerate(PAPER_MODELS)
    }
    assert rows == {
        "Qwen2.5-VL-7B (CoT)": [31.4, 50.4, 60.0, 59.2, 72.9, 59.6],
        "Qwen2.5-VL-7B-SFT": [34.8, 49.4, 61.6, 60.6, 70.0, 58.8],
        "Video-R1-7B": [37.1, 52.4, 63.8, 64.8, 73.2, 61.4],
    }


@pytest.mark.parametrize(
    ("name", "groups", "tasks"),
    [
        ("VSI-Bench", 8, 10),
        ("Video-MMMU", 3, 3),
        ("MMVU", 0, 0),
        ("MVBench", 20, 20),
        ("TempCompass", 4, 20),
        ("VideoMME", 3, 3),
    ],
)
def test_number_of_tasks(name, groups, tasks):
    benchmark = BENCHMARKS[name]
    assert (len(benchmark.groups), len(set(benchmark.tasks))) == (groups, tasks)


@pytest.mark.parametrize(
    ("data_source", "name", "task"),
    [
        ("VSI-Bench/route_planning", "VSI-Bench", "route_planning"),
        ("MMVU", "MMVU", ""),
        ("temporal/first", "temporal", "first"),
        ("mine/day/one", "mine", "day/one"),
        ("", "", ""),
    ],
)
def test_benchmark_and_task_of_a_record(data_source, name, task):
    assert (benchmark_of(data_source).name, task_of(data_source)) == (name, task)


def test_an_unknown_benchmark_is_micro_and_marked_by_rewards():
    unknown = benchmark_of("vsi-bench/route_planning")
    assert (unknown.macro, unknown.marking, unknown.groups, unknown.paper) == (False, "reward", (), None)
    assert benchmark_of("VSI-Bench/x") is BENCHMARKS["VSI-Bench"]


@pytest.mark.parametrize(
    ("name", "task", "spelling"),
    [
        ("MVBench", "action sequence", "Action Sequence"),
        ("MVBench", "fine_grained_pose", "Fine-grained Pose"),
        ("VSI-Bench", "object_rel_direction_easy", "object_rel_direction_easy"),
        ("Video-MMMU", "Adaptation", "adaptation"),
        ("TempCompass", "yes_no attribute change", "yes_no attribute_change"),
        ("VideoMME", "medium-rare", None),
        ("MMVU", "Art", None),
    ],
)
def test_spelling(name, task, spelling):
    assert BENCHMARKS[name].spelling(task) == spelling
