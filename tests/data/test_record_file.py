"""A record file as a sequence: what is sound in it, what is kept of it, and in other processes."""

from __future__ import annotations

import copy
import gc
import json
import multiprocessing
import os
import pickle
import re
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest

from tests.data.test_records import EXPECTED, FREE, PUBLISHED, without
from videor1.data import record_file, record_index
from videor1.data.record_file import Kind, RecordFile, Rejected
from videor1.data.records import parse_record
from videor1.errors import RecordError

IMAGE = PUBLISHED | FREE | {"data_type": "image", "data_source": "Math"}


def numbered(count, start=0):
    """Records that differ in length and of which every third is an image."""
    return [
        (PUBLISHED if number % 3 else IMAGE)
        | {"problem_id": number, "problem": f"é{'?' * (number % 50)}", "path": f"./{number}.mp4"}
        for number in range(start, start + count)
    ]


def write(folder, records, *, lines=False):
    path = folder / "records.json"
    text = "\n".join(map(json.dumps, records)) if lines else json.dumps(records, ensure_ascii=False, indent=2)
    path.write_text(text, encoding="utf-8")
    return path


def stamp_anew(path):
    """A change may be faster than the file system's clock; this one is seen."""
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 10**9))


def scans_counted(monkeypatch):
    """A list that grows by one path whenever a file is scanned."""
    scanned = []
    build = record_file.build_index
    monkeypatch.setattr(record_file, "build_index", lambda path: scanned.append(path) or build(path))
    return scanned


@pytest.mark.parametrize("lines", [True, False])
def test_it_is_a_sequence_of_the_records_in_file_order(tmp_path, lines):
    raw = numbered(100)
    expected = [parse_record(one, where="") for one in raw]
    records = RecordFile.open(write(tmp_path, raw, lines=lines))
    assert len(records) == 100
    assert list(records) == expected
    assert [records[index] for index in (7, -1, np.int64(3))] == [expected[7], expected[-1], expected[3]]
    assert records[10:2:-3] == expected[10:2:-3]
    assert records.positions.tolist() == list(range(100))
    assert records.rejected == ()
    for index in (100, -101):
        with pytest.raises(IndexError):
            records[index]


def test_records_are_sorted_by_kind(tmp_path):
    records = RecordFile.open(write(tmp_path, [*numbered(4), without("data_source") | {"problem_id": 9}]))
    video = Kind(data_type="video", problem_type="multiple choice", data_source="STAR")
    image = Kind(data_type="image", problem_type="free-form", data_source="Math")
    unknown = Kind(data_type="video", problem_type="multiple choice", data_source="unknown")
    assert records.kinds == (image, video, unknown)
    assert records.kind_codes.tolist() == [0, 1, 1, 0, 2]


def test_what_is_wrong_is_left_out_and_told(tmp_path):
    path = tmp_path / "records.json"
    rows = [
        json.dumps(PUBLISHED).encode(),
        b'{"broken": ',
        json.dumps(PUBLISHED | {"problem_id": "x", "data_type": "audio"}).encode(),
        b'{"problem_id": 5, "problem": "caf\xe9"}',
        json.dumps(PUBLISHED | {"problem_id": True}).encode(),
        json.dumps(IMAGE | {"problem_id": "2"}).encode(),
    ]
    path.write_bytes(b"\n".join(rows))
    records = RecordFile.open(path)
    assert [record.problem_id for record in records] == [2, "2"]
    assert records.positions.tolist() == [0, 5]
    assert [records.where(index) for index in (0, 1, -1)] == [f"{path}: record {n}" for n in (0, 5, 5)]
    broken, audio, latin, boolean = records.rejected
    assert (broken.number, broken.problem_id) == (1, None)
    assert broken.cause.startswith("broken JSON at byte ")
    assert audio == Rejected(
        number=2, problem_id="x", cause="'data_type' must be 'video' or 'image', got 'audio'"
    )
    assert (latin.number, latin.problem_id) == (3, None)
    assert latin.cause == f"not UTF-8 at byte {path.read_bytes().index(0xE9)}"
    assert (boolean.number, boolean.problem_id) == (4, None)


def test_a_broken_array_keeps_what_stands_before(tmp_path):
    path = tmp_path / "records.json"
    path.write_text(json.dumps(numbered(5))[:-30])
    for index_folder in (None, tmp_path / "index", tmp_path / "index"):
        records = RecordFile.open(path, index_folder=index_folder)
        assert len(records) == 4
        (cut,) = records.rejected
        assert cut.number == 4
        assert cut.lost_bytes > 0
    assert cut.cause.startswith("the array is cut off within this record; everything from byte ")


def test_an_id_counts_once_and_the_first_sound_one_keeps_it(tmp_path):
    unsound = PUBLISHED | {"problem_id": 7, "path": ""}
    rows = [unsound, *numbered(1, start=7), IMAGE | {"problem_id": "7"}, *numbered(1, start=7)]
    records = RecordFile.open(write(tmp_path, rows))
    assert [record.problem_id for record in records] == [7, "7"]
    assert [(one.number, one.cause) for one in records.rejected] == [
        (0, "'path' is empty"),
        (3, "problem_id 7 was seen before, at record 1"),
    ]


def test_a_record_without_an_id_goes_by_its_position(tmp_path):
    rows = [None, without("problem_id"), PUBLISHED | {"problem_id": None}, PUBLISHED | {"problem_id": 1}]
    records = RecordFile.open(write(tmp_path, rows))
    assert [record.problem_id for record in records] == [1, 2, 1]
    assert [one.number for one in records.rejected] == [0]


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ([PUBLISHED, PUBLISHED], "record 1: problem_id 2 was seen before, at record 0"),
        ([PUBLISHED, PUBLISHED | {"problem_id": 3, "path": ""}], "record 1: 'path' is empty"),
        ([IMAGE | {"data_source": ""}], "record 0: 'data_source' is missing or empty"),
        ([without("data_source"), None], "record 0: 'data_source' is missing or empty"),
        ([None, without("data_source")], "record 0: expected an object, got NoneType"),
    ],
)
def test_strict_names_the_first_flaw_also_when_the_index_is_known(tmp_path, rows, complaint):
    path = write(tmp_path, rows)
    for index_folder in (None, tmp_path / "index", tmp_path / "index"):
        with pytest.raises(RecordError, match=f"^{re.escape(f'{path}: {complaint}')}$"):
            RecordFile.open(path, strict=True, index_folder=index_folder)
    assert len(RecordFile.open(path, index_folder=tmp_path / "index")) > 0 or rows[0] is None


def test_strict_lets_a_sound_file_pass(tmp_path):
    assert list(RecordFile.open(write(tmp_path, [PUBLISHED]), strict=True)) == [EXPECTED]


def test_a_known_file_is_not_scanned_again_wherever_it_is(tmp_path, monkeypatch):
    scanned = scans_counted(monkeypatch)
    path, folder = write(tmp_path, [*numbered(9), None]), tmp_path / "new" / "index"
    first = RecordFile.open(path, index_folder=str(folder))
    again = RecordFile.open(path, index_folder=folder)
    moved = RecordFile.open(path.rename(tmp_path / "moved.json"), index_folder=folder)
    assert len(scanned) == 1
    for other in (again, moved):
        assert (other.kinds, other.rejected) == (first.kinds, first.rejected)
        for name in ("positions", "kind_codes", "_starts", "_lengths"):
            before, after = getattr(first, name), getattr(other, name)
            assert before.dtype == after.dtype
            np.testing.assert_array_equal(before, after)
    assert [record.problem_id for record in moved] == list(range(9))
    write(tmp_path, numbered(3))
    assert len(RecordFile.open(tmp_path / "records.json", index_folder=folder)) == 3
    assert len(scanned) == len(list(folder.iterdir())) == 2


def test_without_a_folder_nothing_is_kept(tmp_path):
    RecordFile.open(write(tmp_path, numbered(3)))
    assert [one.name for one in tmp_path.iterdir()] == ["records.json"]


def test_a_new_version_does_not_read_old_indices(tmp_path, monkeypatch):
    path = write(tmp_path, numbered(3))
    RecordFile.open(path, index_folder=tmp_path / "index")
    scanned = scans_counted(monkeypatch)
    monkeypatch.setattr(record_file, "VERSION", record_index.VERSION + 1)
    RecordFile.open(path, index_folder=tmp_path / "index")
    assert scanned == [path]


@pytest.mark.parametrize("damage", ["empty", "cut", "flipped", "foreign"])
def test_a_damaged_index_is_built_anew(tmp_path, damage, monkeypatch):
    path, folder = write(tmp_path, numbered(9)), tmp_path / "index"
    RecordFile.open(path, index_folder=folder)
    (kept,) = folder.iterdir()
    sound = kept.read_bytes()
    flipped = bytes(byte ^ (place == len(sound) // 2) for place, byte in enumerate(sound))
    kept.write_bytes({"empty": b"", "cut": sound[:-1], "flipped": flipped, "foreign": b"x" * 99}[damage])
    scanned = scans_counted(monkeypatch)
    for _ in range(2):
        assert len(list(RecordFile.open(path, index_folder=folder))) == 9
    assert scanned == [path]
    assert [one.name for one in folder.iterdir()] == [kept.name]


def test_a_folder_that_cannot_be_used_is_named(tmp_path):
    path = write(tmp_path, numbered(3))
    with pytest.raises(RecordError, match=rf"^{re.escape(str(path))}/\w+-\d+\.index: Not a directory$"):
        RecordFile.open(path, index_folder=path)


def test_a_write_that_fails_leaves_nothing_behind(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(RecordError, match=r"No space left on device$"):
        RecordFile.open(write(tmp_path, numbered(3)), index_folder=tmp_path / "index")
    assert list((tmp_path / "index").iterdir()) == []


def read_at_once(barrier, path, folder, numbers):
    barrier.wait(60)
    records = RecordFile.open(path, index_folder=folder)
    return [records[number].problem for number in numbers], len(records.rejected)


def test_eight_processes_may_open_a_new_file_at_once(tmp_path):
    path = write(tmp_path, [*numbered(2000), None])
    expected = [record.problem for record in RecordFile.open(path)]
    context = multiprocessing.get_context("fork")
    with context.Manager() as manager, ProcessPoolExecutor(8, mp_context=context) as pool:
        barrier = manager.Barrier(8)
        shares = [range(start, 2000, 8) for start in range(8)]
        futures = [pool.submit(read_at_once, barrier, path, tmp_path / "index", share) for share in shares]
        for share, future in zip(shares, futures, strict=True):
            assert future.result() == ([expected[number] for number in share], 1)
    assert len(list((tmp_path / "index").iterdir())) == 1


def problem_ids(records, numbers):
    return [records[number].problem_id for number in numbers], os.getpid()


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_it_is_read_in_other_processes(tmp_path, method):
    records = RecordFile.open(write(tmp_path, numbered(50)))
    assert records[0].problem_id == 0  # from here on this process has the file open
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context(method)) as pool:
        found, process = pool.submit(problem_ids, records, range(50)).result()
    assert found == list(range(50))
    assert process != os.getpid()
    assert records[49].problem_id == 49


def test_a_fork_opens_the_file_for_itself(tmp_path):
    records = RecordFile.open(write(tmp_path, numbered(3)))
    assert records[0].problem_id == 0
    opened = records._opened
    sound = False
    child = os.fork()
    if child == 0:  # no pytest in here: exit code 0 says that all is well
        try:
            sound = records[2].problem_id == 2 and records._opened[0] == os.getpid()
        finally:
            os._exit(0 if sound else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert records._opened == opened
    assert records[1].problem_id == 1


def test_copies_are_small_and_the_file_is_closed_with_the_last_reader(tmp_path):
    records = RecordFile.open(write(tmp_path, numbered(5000)))
    descriptor = (records[0], records._opened)[1][1]
    assert os.readlink(f"/proc/self/fd/{descriptor}") == str(records.path)
    assert len(pickle.dumps(records)) < 30 * 5000
    for other in (pickle.loads(pickle.dumps(records)), copy.deepcopy(records)):
        assert other[4999] == records[4999]
        assert other._opened != records._opened
    del records, other
    gc.collect()
    left = {os.path.realpath(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd")}
    assert not any(name.startswith(str(tmp_path)) for name in left)


@pytest.mark.parametrize("open_before", [True, False])
@pytest.mark.parametrize("change", ["longer", "same size", "only the time"])
def test_a_change_of_the_file_is_noticed(tmp_path, change, open_before):
    path = write(tmp_path, numbered(9))
    records = RecordFile.open(path)
    if open_before:
        assert records[3].problem_id == 3
    text = path.read_text(encoding="utf-8")
    new = {"longer": text + "\n", "same size": text.replace("STAR", "MARS"), "only the time": text}[change]
    path.write_text(new, encoding="utf-8")
    stamp_anew(path)
    with pytest.raises(RecordError, match=f"^{re.escape(str(path))}: the file changed after it was opened$"):
        records[3]


def test_a_change_that_hides_its_time_is_noticed_where_a_record_is_broken(tmp_path):
    path = write(tmp_path, numbered(9))
    records = RecordFile.open(path)
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    path.write_bytes(bytes(path.stat().st_size))
    os.utime(path, ns=times)
    with pytest.raises(RecordError, match=r"record 3: the file changed after it was opened$"):
        records[3]


def test_a_file_put_in_the_place_of_an_opened_one_does_not_disturb_its_readers(tmp_path):
    path = write(tmp_path, numbered(9))
    records = RecordFile.open(path)
    assert records[0].problem_id == 0
    path.rename(tmp_path / "old.json")
    write(tmp_path, numbered(30, start=100))
    assert [record.problem_id for record in records] == list(range(9))
    with pytest.raises(RecordError, match=r"the file changed after it was opened$"):
        pickle.loads(pickle.dumps(records))[0]


def test_a_file_that_went_away_is_named(tmp_path):
    records = RecordFile.open(write(tmp_path, numbered(3)))
    records.path.unlink()
    with pytest.raises(RecordError, match=r"records\.json: No such file or directory$"):
        records[0]


@pytest.mark.parametrize("index_folder", [None, "index"])
def test_a_change_while_the_file_is_read_is_noticed(tmp_path, monkeypatch, index_folder):
    path = write(tmp_path, numbered(9))
    build = record_file.build_index

    def grow_meanwhile(file):
        index = build(file)
        file.write_text(file.read_text(encoding="utf-8") + "\n", encoding="utf-8")
        return index

    monkeypatch.setattr(record_file, "build_index", grow_meanwhile)
    with pytest.raises(RecordError, match=r"records\.json: changed while it was read$"):
        RecordFile.open(path, index_folder=index_folder and tmp_path / index_folder)
    assert not (tmp_path / "index").exists()


@pytest.mark.parametrize(
    ("name", "reason"), [("none.json", "No such file or directory"), ("", "Is a directory")]
)
@pytest.mark.parametrize("index_folder", [None, "index"])
def test_the_reason_of_the_system_is_passed_on(tmp_path, name, reason, index_folder):
    path = tmp_path / name
    with pytest.raises(RecordError, match=f"^{re.escape(str(path))}: {reason}$"):
        RecordFile.open(path, index_folder=index_folder and tmp_path / index_folder)


def test_a_pipe_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(RecordError, match="pipe: not a regular file"):
        RecordFile.open(tmp_path / "pipe")


@pytest.mark.parametrize("text", ["", "\n\n", "[]"])
def test_a_file_may_hold_no_record(tmp_path, text):
    path = tmp_path / "empty.json"
    path.write_text(text)
    for index_folder in (None, tmp_path / "index", tmp_path / "index"):
        records = RecordFile.open(path, strict=True, index_folder=index_folder)
        assert (len(records), list(records), records.kinds, records.rejected) == (0, [], (), ())
        assert records.positions.shape == records.kind_codes.shape == (0,)
