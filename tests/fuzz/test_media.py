"""Media of any bytes, in the process that decodes: a clip that fits its settings, or one MediaError."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.data.damage import STARTS
from tests.data.kinds import Library
from tests.data.videos import numbered
from tests.fuzz.amount import cases
from tests.fuzz.outcome import answer
from tests.fuzz.strategies import damaged
from videor1.data.frames import ClipSettings
from videor1.data.isolate import Decoder, DecodeSettings
from videor1.errors import MediaError

VIDEOS = ("h264.mp4", "groups.mp4", "h264.mkv")
IMAGES = ("photo.jpg", "photo.png", "moving.gif", "photo.webp")


@pytest.fixture(scope="module")
def decoder() -> Decoder:
    return Decoder(DecodeSettings(timeout=20))


@pytest.fixture(scope="module")
def sound(tmp_path_factory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("sound")
    library = Library(folder)
    first, *others = [Image.fromarray(numbered(number)) for number in range(4)]
    for name in IMAGES:
        first.save(
            folder / name, **({"save_all": True, "append_images": others} if name == "moving.gif" else {})
        )
    return {
        name: (library[name] if name in VIDEOS else folder / name).read_bytes() for name in (*VIDEOS, *IMAGES)
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("media")


def is_read_or_refused(decoder: Decoder, path: Path, data_type: str, backend: str) -> None:
    settings = ClipSettings(max_frames=4, backend=backend)
    clip = answer(lambda: decoder.read(path, data_type, settings), MediaError)
    if clip is not None:
        count, height, width, channels = clip.frames.shape
        assert count == len(clip.indices) <= 4
        assert channels == 3
        assert height * width <= max(settings.video_max_pixels, settings.image_max_pixels)
        assert all(0 <= index < clip.total_frames for index in clip.indices)


@cases(25, 1500)
@given(
    data=st.data(),
    name=st.sampled_from([*VIDEOS, *IMAGES]),
    ending=st.sampled_from(["mp4", "jpg", "gif", "json", ""]),
    data_type=st.sampled_from(["video", "image"]),
    backend=st.sampled_from(["decord", "pyav"]),
)
def test_damaged_media_are_read_or_refused(decoder, sound, folder, data, name, ending, data_type, backend):
    path = folder / f"file.{ending}"
    path.write_bytes(data.draw(st.just(sound[name]) | damaged(sound[name])))
    is_read_or_refused(decoder, path, data_type, backend)


@cases(15, 1000)
@given(
    start=st.sampled_from([b"", *STARTS.values()]),
    rest=st.binary(max_size=300),
    data_type=st.sampled_from(["video", "image"]),
)
def test_other_bytes_are_refused(decoder, folder, start, rest, data_type):
    path = folder / "other.mp4"
    path.write_bytes(start + rest)
    is_read_or_refused(decoder, path, data_type, "decord")
