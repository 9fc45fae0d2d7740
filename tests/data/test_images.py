"""Images as clips of one frame: upright, of a size that fits, told by their content; or a MediaError."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tests.data.pictures import CORNERS, GREEN, QUARTERS, RED, corners, refusal
from videor1.data.frames import read_image
from videor1.data.readers.interface import MAX_PIXELS


def test_a_png_comes_out_as_it_is(tmp_path):
    path = tmp_path / "image.png"
    Image.fromarray(QUARTERS).save(path)
    clip = read_image(path)
    np.testing.assert_array_equal(clip.frames, QUARTERS[None])
    assert (clip.indices, clip.total_frames, clip.path) == ((0,), 1, str(path))
    assert (clip.fps, clip.source_fps, clip.seconds_per_grid, clip.is_video) == (0.0, 0.0, 0.0, False)


@pytest.mark.parametrize(
    ("orientation", "turned"),  # turned: what the camera stored of an upright CORNERS
    [
        (1, lambda upright: upright),
        (2, lambda upright: upright[:, ::-1]),  # mirrored
        (3, lambda upright: upright[::-1, ::-1]),  # upside down
        (4, lambda upright: upright[::-1]),
        (5, lambda upright: upright.swapaxes(0, 1)),
        (6, lambda upright: np.rot90(upright, 1)),  # to be turned clockwise
        (7, lambda upright: upright.swapaxes(0, 1)[::-1, ::-1]),
        (8, lambda upright: np.rot90(upright, -1)),  # to be turned counter-clockwise
    ],
)
def test_a_photo_is_turned_upright(tmp_path, orientation, turned):
    upright = CORNERS.repeat(56, axis=0).repeat(28, axis=1)  # 112 high, 56 wide
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.ascontiguousarray(turned(upright))).save(
        tmp_path / "photo.jpg", quality=95, subsampling=0, exif=exif
    )
    clip = read_image(tmp_path / "photo.jpg")
    assert clip.frames.shape == (1, 112, 56, 3)
    assert np.abs(corners(clip) - CORNERS).max() <= 8  # lossy


@pytest.mark.parametrize(
    ("mode", "name", "options"),
    [
        ("RGB", "photo.jpg", {"quality": 95, "subsampling": 0}),
        ("CMYK", "photo.jpg", {"quality": 95}),
        ("RGB", "photo.webp", {"quality": 95}),
        ("RGB", "photo.avif", {"quality": 95}),
        ("RGB", "photo.tif", {"compression": "jpeg", "quality": 95}),
        ("RGB", "misnamed.png", {"format": "jpeg", "quality": 95}),
        ("RGB", "nameless", {"format": "webp", "lossless": True}),
        ("RGB", "misnamed.mp4", {"format": "png"}),
    ],
)
def test_lossy_formats_and_wrong_suffixes(tmp_path, mode, name, options):
    Image.fromarray(QUARTERS).convert(mode).save(tmp_path / name, **options)
    assert np.abs(corners(read_image(tmp_path / name)) - CORNERS).max() <= 8


def test_one_pixel_is_enlarged(tmp_path):
    Image.new("RGB", (1, 1), RED).save(tmp_path / "dot.png")
    clip = read_image(tmp_path / "dot.png")
    assert clip.frames.shape == (1, 56, 56, 3)  # the least area, 4 x 28 x 28
    assert (clip.frames == RED).all()


@pytest.mark.parametrize(
    ("width", "height", "expected"),
    [
        (1000, 500, (308, 616)),  # 18 x 36 = 648 multiples; / sqrt(500000 / 200704) = 1.578: 316.8 x 633.6
        (77, 123, (112, 84)),  # 4.39 and 2.75 multiples
        (2000, 10, (28, 1988)),  # 200 : 1, just allowed; 71.4 multiples
    ],
)
def test_sides_become_multiples_of_28(tmp_path, width, height, expected):
    Image.new("RGB", (width, height), GREEN).save(tmp_path / "image.png")
    clip = read_image(tmp_path / "image.png")
    assert clip.frames.shape == (1, *expected, 3)
    assert (clip.frames == GREEN).all()


def test_an_extreme_aspect_is_refused(tmp_path):
    Image.new("RGB", (2010, 10)).save(tmp_path / "strip.png")
    assert "aspect ratio must be at most 200, got 10x2010" in refusal(tmp_path / "strip.png")


def test_missing_files_folders_and_text(tmp_path):
    (tmp_path / "text.png").write_text("This is no image.\n")
    (tmp_path / "empty.png").touch()
    assert refusal(tmp_path / "none.png").endswith("no such file")
    assert refusal(tmp_path).endswith("is a folder")
    assert refusal(tmp_path / "text.png").endswith("cannot identify image file")
    assert refusal(tmp_path / "empty.png").endswith("cannot identify image file")


def test_a_photo_of_many_pixels_is_read_without_a_warning_and_a_bomb_is_not(tmp_path, monkeypatch, recwarn):
    assert Image.MAX_IMAGE_PIXELS * 2 == MAX_PIXELS
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 50 * 50)
    Image.new("RGB", (70, 70), RED).save(tmp_path / "photo.png")
    assert (read_image(tmp_path / "photo.png").frames == RED).all()
    assert not recwarn.list
    Image.new("RGB", (71, 71), RED).save(tmp_path / "bomb.png")
    assert "exceeds limit of 5000 pixels" in refusal(tmp_path / "bomb.png")


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "gif", "bmp"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_cut_image_is_refused(tmp_path, suffix, share):
    noise = np.random.default_rng(0).integers(0, 256, (84, 84, 3), dtype=np.uint8)
    path = tmp_path / f"cut.{suffix}"
    Image.fromarray(noise).save(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    refusal(path)
