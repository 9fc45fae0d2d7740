"""Files are there whole or not at all: after a kill, on a full disk, beside other writers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from tests.runs import ROOT
from videor1.errors import DiskError, RecordError
from videor1.files import append_lines, read_lines, save_figure, whole_file, write_whole

FULL = Path("/dev/full")  # every write to it fails as on a full disk


def test_a_file_is_replaced(tmp_path):
    path = tmp_path / "new" / "report.md"
    for content in ("one\n", "two ✓\n"):
        write_whole(path, content)
        assert path.read_text(encoding="utf-8") == content
    assert [one.name for one in path.parent.iterdir()] == ["report.md"]


def test_what_fails_in_between_leaves_the_old_one(tmp_path):
    path = tmp_path / "report.md"
    write_whole(path, "old")
    with pytest.raises(ZeroDivisionError), whole_file(path) as file:
        file.write(b"half")
        raise ZeroDivisionError
    assert path.read_text() == "old"
    assert [one.name for one in tmp_path.iterdir()] == ["report.md"]


def test_a_killed_writer_leaves_the_old_one(tmp_path):
    path = tmp_path / "report.md"
    write_whole(path, "old")
    script = (
        "import sys, pathlib, time\nfrom videor1.files import whole_file\n"
        f"with whole_file(pathlib.Path({str(path)!r})) as file:\n"
        "    file.write(b'x' * 1000000)\n    print('half', flush=True)\n    time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=ROOT)
    assert process.stdout.readline() == b"half\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert path.read_text() == "old"


def test_a_figure_is_a_png(tmp_path):
    figure = Figure()
    figure.subplots().plot([1, 2])
    save_figure(tmp_path / "curve.png", figure)
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")


def test_a_full_disk_is_named_and_leaves_the_old_one(tmp_path):
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(tmp_path)], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip("nothing may be mounted here")
    try:
        path = tmp_path / "report.md"
        write_whole(path, "old")
        with pytest.raises(DiskError, match=rf"^{path}: cannot be written: No space left on device$"):
            write_whole(path, bytes(2 << 20))
        assert path.read_text() == "old"
        assert [one.name for one in tmp_path.iterdir()] == ["report.md"]
    finally:
        subprocess.run(["umount", "-l", str(tmp_path)], check=True)


def test_lines_on_a_full_disk():
    with pytest.raises(DiskError, match=r"^/dev/full: cannot be written: No space left on device$"):
        append_lines(FULL, [{"step": 1}])


@pytest.mark.parametrize("torn", [b"", b'{"step": 2, "lo', b"x" * 200_000])
def test_a_torn_line_goes_before_the_next(tmp_path, torn):
    path = tmp_path / "numbers.jsonl"
    append_lines(path, [{"step": 1}])
    with path.open("ab") as file:
        file.write(torn)
    assert read_lines(path) == [{"step": 1}]
    append_lines(path, [{"step": 2, "record": "é"}, {"step": 3}])
    assert read_lines(path) == [{"step": 1}, {"step": 2, "record": "é"}, {"step": 3}]
    assert len(path.read_bytes().splitlines()) == 3


def test_a_first_line_that_is_torn(tmp_path):
    path = tmp_path / "numbers.jsonl"
    path.write_bytes(b'{"st')
    assert read_lines(path) == []
    append_lines(path, [{"step": 1}])
    assert read_lines(path) == [{"step": 1}]


def test_a_damaged_line_is_named(tmp_path):
    path = tmp_path / "numbers.jsonl"
    path.write_text('{"step": 1}\n{"step\n{"step": 3}\n')
    with pytest.raises(RecordError, match=rf"^{path}, line 2: no JSON "):
        read_lines(path)


def test_no_file_has_no_lines(tmp_path):
    assert read_lines(tmp_path / "none.jsonl") == []


def _many(path: Path) -> None:
    for number in range(200):
        append_lines(path, [{"pid": os.getpid(), "number": number, "text": "x" * 500}])


def test_several_processes_add_lines_to_one_file(tmp_path):
    path = tmp_path / "quarantine.jsonl"
    with ProcessPoolExecutor(4) as pool:
        list(pool.map(_many, [path] * 4))
    rows = read_lines(path)
    assert len({json.dumps(row) for row in rows}) == len(rows) == 4 * 200
