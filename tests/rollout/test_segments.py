"""What a killed run leaves in shared memory goes, what a running one has stays."""

from __future__ import annotations

import mmap
from pathlib import Path

import pytest

from videor1.rollout.segments import remove_stale

NAME = "-test:0-[0-1]-cpushm_"
FOLDER = Path("/dev/shm")


@pytest.fixture
def segments():
    made = [FOLDER / f"{NAME}{rank}" for rank in range(2)]
    for path in made:
        path.write_bytes(bytes(4096))
    yield made
    for path in made:
        path.unlink(missing_ok=True)


def test_only_what_nobody_has_goes(segments):
    dead, alive = segments
    other = FOLDER / "of another program"
    other.touch()
    try:
        with alive.open("r+b") as file, mmap.mmap(file.fileno(), 0):
            remove_stale()
            assert not dead.exists()
            assert alive.exists()
            assert other.exists()
        remove_stale()
        assert not alive.exists()
    finally:
        other.unlink()
