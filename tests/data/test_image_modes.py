"""What images are stored in: palettes, greys, 16 bits, CMYK, transparency. All come out as one sees them."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tests.data.pictures import CORNERS, GREEN, QUARTERS, RED, corners, refusal
from videor1.data.frames import read_image


@pytest.mark.parametrize(
    ("mode", "suffix"),
    [
        *[("P", suffix) for suffix in ("png", "gif", "bmp", "tif")],
        *[("RGB", suffix) for suffix in ("png", "bmp", "tif", "ppm", "ico", "jp2")],
        *[("RGBA", suffix) for suffix in ("png", "tif", "ico")],
        ("CMYK", "tif"),
    ],
)
def test_colours_survive_other_modes(tmp_path, mode, suffix):
    path = tmp_path / f"image.{suffix}"
    sizes = {"sizes": [(56, 56)]} if suffix == "ico" else {}
    Image.fromarray(QUARTERS).convert(mode, palette=Image.Palette.ADAPTIVE).save(path, **sizes)
    with Image.open(path) as stored:
        assert stored.mode == mode
    np.testing.assert_array_equal(read_image(path).frames[0], QUARTERS)


@pytest.mark.parametrize(("mode", "grey"), [("L", 76), ("1", 0)])
def test_grey_becomes_three_equal_channels(tmp_path, mode, grey):
    Image.new("L", (56, 56), 76).convert(mode, dither=Image.Dither.NONE).save(tmp_path / "grey.png")
    clip = read_image(tmp_path / "grey.png")
    assert clip.frames.shape == (1, 56, 56, 3)
    assert np.unique(clip.frames).tolist() == [grey]


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bits_are_scaled_not_clipped(tmp_path, suffix):
    values = np.array([[0, 0x0A80], [0x8000, 0xFFFF]], dtype=np.uint16)
    path = tmp_path / f"deep.{suffix}"
    Image.fromarray(values.repeat(28, axis=0).repeat(28, axis=1)).save(path)
    with Image.open(path) as stored:
        assert stored.mode == "I;16"
    expected = np.array([[0, 10], [128, 255]])  # the upper byte
    np.testing.assert_array_equal(corners(read_image(path)), expected[..., None].repeat(3, axis=2))


@pytest.mark.parametrize("name", ["big endian.tif", "anymap.pgm"])
def test_sixteen_bits_in_other_modes(tmp_path, name):
    values = np.array([[0, 0x0A80], [0x8000, 0xFFFF]], dtype=np.uint16).repeat(28, axis=0).repeat(28, axis=1)
    path = tmp_path / name
    if path.suffix == ".pgm":
        path.write_bytes(b"P5 56 56 65535\n" + values.astype(">u2").tobytes())
    else:
        Image.frombytes("I;16B", (56, 56), values.astype(">u2").tobytes()).save(path)
    with Image.open(path) as stored:
        assert stored.mode == ("I" if path.suffix == ".pgm" else "I;16B")
    expected = np.array([[0, 10], [128, 255]])
    np.testing.assert_array_equal(corners(read_image(path)), expected[..., None].repeat(3, axis=2))


@pytest.mark.parametrize(
    ("kind", "cause"), [(np.int32, "32-bit greys"), (np.float32, "floating-point pixels")]
)
def test_values_without_a_scale_are_refused(tmp_path, kind, cause):
    Image.fromarray(np.full((56, 56), 70000, dtype=kind)).save(tmp_path / "data.tif")
    assert f"holds {cause}, for which no value is known to be white" in refusal(tmp_path / "data.tif")


HIDDEN = np.dstack([QUARTERS, np.where(np.arange(56) < 28, 0, 255)[None].repeat(56, 0)]).astype(np.uint8)


@pytest.mark.parametrize("suffix", ["png", "webp", "tif", "avif"])
def test_transparent_pixels_are_white_whatever_is_under_them(tmp_path, suffix):
    options = {"png": {}, "webp": {"lossless": True, "exact": True}, "tif": {}, "avif": {"quality": 100}}[
        suffix
    ]
    Image.fromarray(HIDDEN).save(tmp_path / f"image.{suffix}", **options)
    expected = CORNERS.astype(int)
    expected[:, 0] = 255
    assert np.abs(corners(read_image(tmp_path / f"image.{suffix}")) - expected).max() <= 2


def test_half_transparent_pixels_are_mixed_with_white_as_in_qwens_own_preparation(tmp_path):
    random = np.random.default_rng(0).integers(0, 256, (56, 56, 4), dtype=np.uint8)
    Image.fromarray(random).save(tmp_path / "image.png")
    alpha = random[..., 3:] / 255
    expected = random[..., :3] * alpha + 255 * (1 - alpha)
    assert np.abs(read_image(tmp_path / "image.png").frames[0] - expected).max() <= 1


@pytest.mark.parametrize(
    ("mode", "transparency", "colours"),
    [
        ("P", 0, [[255, 255, 255], [30, 200, 30]]),  # one entry of the palette
        ("P", bytes([255, 0]), [[200, 30, 30], [255, 255, 255]]),  # an alpha for each entry
        ("RGB", RED, [[255, 255, 255], [30, 200, 30]]),  # one colour
        ("LA", None, [[255, 255, 255], [147, 147, 147]]),
    ],
)
def test_other_kinds_of_transparency(tmp_path, mode, transparency, colours):
    halves = np.zeros((56, 56), np.uint8)
    halves[:, 28:] = 1
    if mode == "LA":
        image = Image.fromarray(np.dstack([20 + 127 * halves, 255 * halves]))
    else:
        image = Image.fromarray(halves).convert("P")
        image.putpalette([*RED, *GREEN])
        image = image.convert(mode)
    options = {} if transparency is None else {"transparency": transparency}
    image.save(tmp_path / "image.png", **options)
    assert corners(read_image(tmp_path / "image.png"))[0].tolist() == colours
