"""What a file is, told by its first bytes: names and suffixes lie too often."""

from __future__ import annotations

import stat
from enum import Enum, auto
from pathlib import Path

HEAD = 16  # bytes that tell all kinds apart


class Kind(Enum):
    """The kinds of files that are read differently."""

    IMAGE = auto()  # a still image
    IMAGE_OR_ANIMATION = auto()  # Pillow knows which
    INDEXED_VIDEO = auto()  # a container that lists its frames: MP4, MOV, Matroska, WebM
    VIDEO = auto()  # another container
    UNKNOWN = auto()  # most likely no media; MPEG streams have no first bytes to know them by


_STARTS = {
    b"\xff\xd8\xff": Kind.IMAGE,  # JPEG
    b"BM": Kind.IMAGE,
    b"II*\0": Kind.IMAGE,  # TIFF, little endian
    b"MM\0*": Kind.IMAGE,  # TIFF, big endian
    b"\0\0\0\x0cjP  ": Kind.IMAGE,  # JPEG 2000
    b"\0\0\x01\0": Kind.IMAGE,  # icon
    b"\x89PNG\r\n\x1a\n": Kind.IMAGE_OR_ANIMATION,
    b"GIF8": Kind.IMAGE_OR_ANIMATION,
    b"\x1aE\xdf\xa3": Kind.INDEXED_VIDEO,  # Matroska, WebM
    b"FLV\x01": Kind.VIDEO,
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11": Kind.VIDEO,  # ASF: WMV
    b"OggS": Kind.VIDEO,
    b"\0\0\x01\xba": Kind.VIDEO,  # MPEG program stream
}
_RIFF = {b"WEBP": Kind.IMAGE_OR_ANIMATION, b"AVI ": Kind.VIDEO}
_BRANDS = {  # of ISO media that are no film; the others are MP4 and MOV
    b"avif": Kind.IMAGE,
    b"avis": Kind.IMAGE_OR_ANIMATION,
    b"heic": Kind.IMAGE,
    b"heix": Kind.IMAGE,
    b"mif1": Kind.IMAGE,
}
_BOXES = {b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"}  # one of them opens an MP4 or MOV


def kind_of(path: Path) -> Kind:
    """The kind of a file.

    Raises:
        OSError: there is no such file, it is a folder or the like, or it may not be read.
    """
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise OSError("no such file") from None
    if not stat.S_ISREG(mode):  # opening a pipe would wait for its writer
        raise OSError("is a folder" if stat.S_ISDIR(mode) else "is no regular file")
    with path.open("rb") as file:
        head = file.read(HEAD)
    if head[:4] == b"RIFF":
        return _RIFF.get(head[8:12], Kind.UNKNOWN)
    if head[4:8] in _BOXES:
        return _BRANDS.get(head[8:12], Kind.INDEXED_VIDEO)
    for start, kind in _STARTS.items():
        if head.startswith(start):
            return kind
    return Kind.UNKNOWN
