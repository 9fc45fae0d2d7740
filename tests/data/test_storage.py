"""A file that cannot be read is one thing, the file system that it lay on another."""

from __future__ import annotations

import pytest

from videor1.data.storage import Storage
from videor1.errors import LostError


@pytest.fixture
def root(tmp_path):
    (tmp_path / "root/videos").mkdir(parents=True)
    (tmp_path / "root/videos/a.mp4").touch()
    return tmp_path / "root"


def test_a_file_that_is_deleted_says_nothing_of_its_folder(root):
    storage = Storage([root])
    storage.was_there(root / "videos/a.mp4")
    (root / "videos/a.mp4").unlink()
    storage.check()


@pytest.mark.parametrize("gone", ["", "videos"])
def test_a_folder_that_goes_is_named(root, gone):
    storage = Storage([root])
    storage.was_there(root / "videos/a.mp4")
    (root / gone).rename(root.parent / "elsewhere")
    with pytest.raises(LostError, match=rf"^{root}/videos was there and is gone"):
        storage.check()


def test_another_folder_in_its_place_is_not_it(root):
    """As where a mount point is left behind."""
    storage = Storage([root])
    root.rename(root.parent / "elsewhere")
    root.mkdir()
    with pytest.raises(LostError, match=rf"^{root} was there and is gone"):
        storage.check()


def test_what_was_never_there_cannot_go(tmp_path):
    Storage([tmp_path / "nowhere"]).check()
