"""Images as clips of one frame: upright, in RGB whatever they are stored in, or a MediaError."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from videor1.data.frames import read_image
from videor1.errors import MediaError

RED, GREEN, BLUE, WHITE = (200, 30, 30), (30, 200, 30), (30, 30, 200), (230, 230, 230)
CORNERS = np.array([[RED, GREEN], [BLUE, WHITE]], dtype=np.uint8)
QUARTERS = CORNERS.repeat(28, axis=0).repeat(28, axis=1)  # 56 x 56


def corners(clip):
    """The colours near the four corners, (2, 2, 3)."""
    frame = clip.frames[0]
    height, width = frame.shape[0] // 8, frame.shape[1] // 8
    return frame[[[height], [-height]], [[width, -width]]].astype(int)


def refusal(path):
    with pytest.raises(MediaError) as caught:
        read_image(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert len(message.splitlines()) == 1
    return message


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
        (3, lambda upright: upright[::-1, ::-1]),  # upside down
        (6, lambda upright: np.rot90(upright, 1)),  # to be turned clockwise
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
    ("mode", "suffix"), [("P", "png"), ("P", "gif"), ("RGBA", "png"), ("CMYK", "tif"), ("RGB", "bmp")]
)
def test_colours_survive_other_modes(tmp_path, mode, suffix):
    path = tmp_path / f"image.{suffix}"
    Image.fromarray(QUARTERS).convert(mode, palette=Image.Palette.ADAPTIVE).save(path)
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
    assert "No such file" in refusal(tmp_path / "none.png")
    assert "Is a directory" in refusal(tmp_path)
    assert "cannot identify image file" in refusal(tmp_path / "text.png")
    assert "cannot identify image file" in refusal(tmp_path / "empty.png")


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "gif", "bmp"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_cut_image_is_refused(tmp_path, suffix, share):
    noise = np.random.default_rng(0).integers(0, 256, (84, 84, 3), dtype=np.uint8)
    path = tmp_path / f"cut.{suffix}"
    Image.fromarray(noise).save(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    refusal(path)
