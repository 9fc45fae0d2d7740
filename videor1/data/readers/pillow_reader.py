"""Images and animations by Pillow: upright, in RGB whatever they are stored in, transparency on white."""

from __future__ import annotations

import struct
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.ImageFile import ImageFile

from videor1.data.readers.interface import blaming

# What pictures in data sets are stored as. The rest is left out on purpose: EPS runs a program on the file,
# MPEG and the scientific formats are stubs, others have no first bytes to be known by.
FORMATS = ("AVIF", "BMP", "GIF", "ICO", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
# What Pillow raises for damaged files, as 75,000 of them showed. The second line is what its own `Image.open`
# expects of a format's reader; the third comes from its AVIF reader. MemoryError is not among them: whether a
# file asks for too much or the machine has too little, the caller knows.
ERRORS = (
    *(OSError, EOFError, ValueError, Image.DecompressionBombError),
    *(SyntaxError, LookupError, TypeError, struct.error),
    *(RuntimeError, ArithmeticError),
)
LEAST_DURATION = 10  # milliseconds; browsers take a frame shown no longer than this …
USUAL_DURATION = 100  # … for one whose duration is not given, and show it this long


def read_frame(path: Path) -> np.ndarray:
    """An image, or an animation's first frame: (H, W, 3) uint8.

    Raises:
        MediaError: no image, a damaged or too large one, or one whose values have no known scale.
    """
    with blaming(path, *ERRORS), _opened(path) as image:
        return _rgb(image)


class AnimationReader:
    """A `VideoReader` of an animated GIF, PNG, WebP or AVIF; a GIF may also have one frame.

    `fps` is frames / sum of their durations. Opening decodes all frames once, since that is how Pillow learns
    the durations; the animations of the web are short.

    Raises:
        MediaError: no animation, or a damaged or too large one.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with blaming(path, *ERRORS), _opened(path) as image:
            if image.format != "GIF" and not getattr(image, "is_animated", False):
                raise ValueError("is a still image, not a video")
            # A PNG may begin with a picture for programs that know no animations.
            self._first = int(getattr(image, "default_image", False))
            places = range(self._first, getattr(image, "n_frames", 1))
            durations = [_duration(image, place) for place in places]
        self.total_frames = len(durations)
        self.fps = 1000 * len(durations) / sum(durations)

    def frames(self, indices: Sequence[int]) -> Iterator[np.ndarray]:
        """See `VideoReader.frames`."""
        with blaming(self._path, *ERRORS), _opened(self._path) as image:
            for index in indices:
                image.seek(self._first + index)
                yield _rgb(image)

    def close(self) -> None:
        """See `VideoReader.close`; between calls no file is open."""


@contextmanager
def _opened(path: Path) -> Iterator[ImageFile]:
    """An image, not decoded yet; Pillow has checked that it has no more than `MAX_PIXELS`."""
    try:
        with warnings.catch_warnings():
            # The warning comes at half the limit; an honest photo of 100 megapixels is no attack.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(path, formats=FORMATS)
    except UnidentifiedImageError as error:
        raise ValueError("cannot identify image file") from error
    with image:
        yield image


def _duration(image: ImageFile, place: int) -> float:
    """Milliseconds that a frame is shown, as browsers do."""
    image.seek(place)
    image.load()
    duration = float(image.info.get("duration", 0))
    return duration if duration > LEAST_DURATION else USUAL_DURATION


def _rgb(image: Image.Image) -> np.ndarray:
    """(H, W, 3) uint8 of the current frame."""
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):
        image = _eight_bits(image)
    elif image.mode == "F":
        raise ValueError("holds floating-point pixels, for which no value is known to be white")
    if image.has_transparency_data:  # as in Qwen's own preparation; what is under it is arbitrary
        layer = image.convert("RGBA")
        image = Image.new("RGB", layer.size, "white")
        image.paste(layer, mask=layer)
    return np.array(image.convert("RGB"))


def _eight_bits(image: Image.Image) -> Image.Image:
    """The upper bytes of 16-bit greys: Pillow's own conversion clips them at 255.

    Raises:
        ValueError: mode I, of 32 bits, with a value that 16 bits do not hold.
    """
    values = np.asarray(image)
    if image.mode == "I" and (values.min() < 0 or values.max() > 0xFFFF):
        raise ValueError("holds 32-bit greys, for which no value is known to be white")
    return Image.fromarray((values >> 8).astype(np.uint8))
