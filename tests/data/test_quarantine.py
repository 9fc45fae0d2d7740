"""Unusable records are written once, counted, and too many stop the run with a summary."""

from __future__ import annotations

import json
import multiprocessing

import pytest

from videor1.data.quarantine import BadShareError, Quarantine, Quarantined, quarantined, read_quarantine
from videor1.errors import MediaError, RecordError, UserError
from videor1.types import Record


def bad(number, cause="no such file"):
    return Quarantined(file="a.json", record=number, problem_id=number, path=f"{number}.mp4", cause=cause)


def test_lines_are_written_once_and_read_back(tmp_path):
    file = tmp_path / "run" / "quarantine.jsonl"
    quarantine = Quarantine(file, records=5000, max_bad_share=0.01)
    quarantine.admit([bad(3), bad(4, "café: \n \u2028")], seen=6)
    quarantine.admit([bad(3)], seen=8)
    assert quarantine.seen == 16
    again = Quarantine(file, records=5000, max_bad_share=0.01)
    again.admit([bad(3), bad(5)], seen=1)
    assert read_quarantine(file) == [bad(3), bad(4, "café: \n \u2028"), bad(5)]
    assert len(file.read_bytes().splitlines()) == 3
    assert json.loads(file.read_bytes().splitlines()[0])["cause"] == "no such file"


def test_nothing_bad_leaves_no_file(tmp_path):
    quarantine = Quarantine(tmp_path / "q.jsonl", records=10, max_bad_share=0.0)
    quarantine.refuse([])
    quarantine.admit([], seen=10)
    assert not (tmp_path / "q.jsonl").exists()


@pytest.mark.parametrize(
    ("records", "share", "seen", "tolerated"),
    [(263_071, 0.01, 0, 10), (263_071, 0.01, 5000, 50), (50, 0.01, 0, 0), (50, 0.1, 40, 5), (100, 0.0, 9, 0)],
)
def test_more_than_the_share_stops_with_a_summary(tmp_path, records, share, seen, tolerated):
    file = tmp_path / "q.jsonl"
    quarantine = Quarantine(file, records=records, max_bad_share=share)
    quarantine.admit([], seen=seen)
    for number in range(tolerated):
        quarantine.admit([bad(number)], seen=0)
    with pytest.raises(BadShareError, match=r"max_bad_share.*no such file") as caught:
        quarantine.admit([bad(tolerated)], seen=0)
    assert len(str(caught.value).splitlines()) == 1
    assert len(read_quarantine(file)) == tolerated + 1  # the one that was too many is written as well


def test_records_that_opening_refuses_count_against_the_file(tmp_path):
    quarantine = Quarantine(tmp_path / "q.jsonl", records=200, max_bad_share=0.01)
    quarantine.refuse([bad(1), bad(2)])
    with pytest.raises(BadShareError, match="3 of 200"):
        quarantine.refuse([bad(1), bad(2), bad(3)])


def test_state_goes_into_checkpoints(tmp_path):
    first = Quarantine(tmp_path / "q.jsonl", records=50, max_bad_share=0.1)
    first.admit([bad(n) for n in range(4)], seen=20)
    second = Quarantine(tmp_path / "q.jsonl", records=50, max_bad_share=0.1)
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    assert (second.seen, second.found) == (first.seen, first.found)
    second.admit([bad(9)], seen=1)
    with pytest.raises(BadShareError):
        second.admit([bad(10)], seen=1)


def test_causes_do_not_repeat_the_file_or_the_record(tmp_path):
    record = Record(
        problem_id=7,
        problem="?",
        data_type="video",
        problem_type="free-form",
        options=(),
        solution="",
        path="./a: b/x.mp4",
        data_source="s",
    )
    media = quarantined(record, MediaError("/root/a: b/x.mp4: cut off: at 3"), tmp_path, 12)
    assert (media.record, media.problem_id, media.path) == (12, 7, "./a: b/x.mp4")
    assert media.cause == "cut off: at 3"
    assert quarantined(record, RecordError("record 7: too long"), tmp_path, 12).cause == "too long"


@pytest.mark.parametrize("content", [None, "{", '{"record": 1}\n', "[]\n"])
def test_a_file_that_is_no_quarantine_is_named(tmp_path, content):
    file = tmp_path / "q.jsonl"
    if content is not None:
        file.write_text(content)
    with pytest.raises(UserError, match=r"q\.jsonl: no quarantine file"):
        read_quarantine(file)


def write_many(file, rank):
    quarantine = Quarantine(file, records=10**6, max_bad_share=1.0)
    for number in range(200):
        quarantine.admit([bad(1000 * rank + number, "x" * 500)], seen=1)


def test_ranks_do_not_tear_each_others_lines(tmp_path):
    file = tmp_path / "q.jsonl"
    context = multiprocessing.get_context("fork")
    ranks = [context.Process(target=write_many, args=(file, rank)) for rank in range(4)]
    for process in ranks:
        process.start()
    for process in ranks:
        process.join()
    assert len({one.record for one in read_quarantine(file)}) == 800
