"""Damaged files of every kind: cut, with wrong bytes, or no media at all. The same damage in every run."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from tests.data.kinds import Library
from tests.data.videos import numbered
from videor1.types import DataType

FLIPPED, CUT, REPLACED = 7, 5, 2  # files made of each sound one
HEADER = 300  # first bytes of a file, where damage is looked for more often
VIDEOS = (
    *("h264.mp4", "h264.mov", "h264.mkv", "hevc.mp4", "vp9.webm", "av1.mkv", "groups.mkv", "open groups.mp4"),
    *("mpeg4.avi", "mjpeg.avi", "stream.ts", "stream.mpg", "h264.flv", "wmv2.wmv"),
)
ANIMATIONS = ("moving.gif", "moving.png", "moving.webp")
IMAGES = (
    *(
        "photo.jpg",
        "photo.png",
        "photo.webp",
        "photo.bmp",
        "photo.tif",
        "photo.gif",
        "photo.jp2",
        "photo.avif",
    ),
    *("16 bits.png", "palette.png", "cmyk.jpg", "packed.tif"),
)
STARTS = {  # what a file of random bytes begins with
    "mp4": b"\0\0\0\x20ftypisom\0\0\x02\0isomiso2avc1mp41\0\0\x10\0moov",
    "mkv": b"\x1aE\xdf\xa3\xa3B\x86\x81\x01B\xf7\x81\x01B\xf2\x81\x04B\xf3\x81\x08B\x82\x88matroska",
    "avi": b"RIFF\0\x20\0\0AVI LIST",
    "ts": b"\x47\x40\0\x10\0",
    "gif": b"GIF89a\x40\0\x40\0\xf7\0\0",
    "webp": b"RIFF\0\x20\0\0WEBPVP8X",
    "png": b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR",
    "jpg": b"\xff\xd8\xff\xe0\0\x10JFIF\0",
    "tif": b"II*\0\x08\0\0\0",
    "bmp": b"BM\0\x20\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0",
}


@dataclass(frozen=True, kw_only=True)
class Damaged:
    """A file, what a record takes it for, and what is wrong with it."""

    path: Path
    data_type: DataType
    origin: (
        str  # the sound file that it was, one of VIDEOS, ANIMATIONS and IMAGES; "" when it never was media
    )
    wrong: str
    hopeless: bool = False  # nothing can be read from it; otherwise a part may be


def damaged_files(folder: Path, sound: Path | None = None) -> list[Damaged]:
    """Writes some 450 files into an empty folder; the same bytes each time for the same sound ones.

    The sound ones are those that an earlier call left in its `folder / "sound"`, or are written anew:
    encoders do not promise the same bytes from one run to the next.
    """
    if sound is None:
        sound = folder / "sound"
        _write_sound(sound)
    found = []
    for seed, origin in enumerate((*VIDEOS, *ANIMATIONS, *IMAGES)):
        data = np.frombuffer((sound / origin).read_bytes(), np.uint8)
        data_type: DataType = "image" if origin in IMAGES else "video"
        for number in range(FLIPPED + CUT + REPLACED):
            wrong, damaged = _damage(data, number, np.random.default_rng([seed, number]))
            path = folder / f"{number} {wrong} {origin}"
            path.write_bytes(damaged.tobytes())
            found.append(Damaged(path=path, data_type=data_type, origin=origin, wrong=wrong))
    return [*found, *_no_media(folder, "video"), *_no_media(folder, "image")]


def _damage(data: np.ndarray, number: int, random: np.random.Generator) -> tuple[str, np.ndarray]:
    if number < FLIPPED:
        end = len(data) if number % 2 else min(HEADER, len(data))
        places = random.integers(0, end, size=random.integers(1, 9 if number < FLIPPED // 2 else 33))
        damaged = data.copy()
        damaged[places] ^= random.integers(1, 256, size=len(places), dtype=np.uint8)
        return "flipped", damaged
    if number < FLIPPED + CUT:
        return "cut", data[: random.integers(1, len(data))]
    place, length = random.integers(0, len(data)), random.integers(1, 100)
    noise = random.integers(0, 256, size=random.integers(0, 100), dtype=np.uint8)
    return "replaced", np.concatenate([data[:place], noise, data[place + length :]])


def claim_too_many_frames(mp4: bytes) -> bytes:
    """The same mp4 with an index of 2^32 - 1 frames: decord aborts the process that opens it (bad_alloc)."""
    count = mp4.index(b"stts") + 12  # type, flags, number of entries, then the first entry's frames
    return mp4[:count] + bytes.fromhex("ffffffff") + mp4[count + 4 :]


def _write_sound(folder: Path) -> None:
    folder.mkdir()
    library = Library(folder)
    for name in VIDEOS:
        assert library[name].is_file()
    random = np.random.default_rng(0)
    grain = random.integers(0, 128, (4, 84, 112, 3), dtype=np.uint8)
    first, *others = (Image.fromarray(numbered(number) // 2 + grain[number]) for number in range(4))
    for name in ANIMATIONS:
        first.save(folder / name, save_all=True, append_images=others, duration=[50, 0, 200, 100])
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned
    for name in IMAGES:
        image = first.convert(
            {"16 bits.png": "I;16", "palette.png": "P", "cmyk.jpg": "CMYK"}.get(name, "RGB")
        )
        if name in ("photo.jpg", "photo.png", "photo.webp"):
            image.save(folder / name, exif=exif)
        else:
            image.save(folder / name, **({"compression": "tiff_lzw"} if name == "packed.tif" else {}))


def _no_media(folder: Path, data_type: DataType) -> list[Damaged]:
    suffix = "mp4" if data_type == "video" else "jpg"
    contents = {
        "empty": b"",
        "one byte": b"\0",
        "zeros": bytes(5000),
        "text": b"This is no video.\n" * 100,
        "playlist": b"#EXTM3U\n#EXTINF:1,\n/etc/hostname\n",
        "list of files": b"ffconcat version 1.0\nfile /etc/hostname\n",
        "page": b"<!DOCTYPE html><html><body>404</body></html>",
    }
    paths = {wrong: folder / f"{wrong}.{suffix}" for wrong in (*contents, "folder", "pipe", "missing")}
    for wrong, content in contents.items():
        paths[wrong].write_bytes(content)
    paths["folder"].mkdir()
    os.mkfifo(paths["pipe"])
    paths |= {"name too long": folder / ("x" * 300), "no name at all": folder / "\0"}
    found = [
        Damaged(path=path, data_type=data_type, origin="", wrong=wrong, hopeless=True)
        for wrong, path in paths.items()
    ]
    random = np.random.default_rng(0)
    for kind, start in STARTS.items():
        path = folder / f"random {kind}.{suffix}"
        path.write_bytes(start + random.bytes(8000))
        found.append(Damaged(path=path, data_type=data_type, origin="", wrong=f"random after {kind}"))
    return found
