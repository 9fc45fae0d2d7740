"""Names that files and questions share when they are the same, whatever they are called."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from videor1.data.cache import FrameCache
from videor1.types import Record

_DIGITS = 32  # 128 bits: no two of a billion files share them by chance


def content_digest(path: Path, cache: FrameCache | None = None) -> str:
    """The first 32 hex digits of a file's SHA-256, remembered by the cache where there is one.

    Raises:
        OSError: the file cannot be read.
    """
    if cache is not None:
        return cache.digest(path)[:_DIGITS]
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:_DIGITS]


def plain_path(path: str) -> str:
    """A record's path without "./" and doubled slashes; ".." stays, since links may give it any meaning."""
    return str(PurePosixPath(path))


def question_key(record: Record) -> int:
    """A 64-bit number that two records share when question and options are the same words."""
    return text_key((record.problem, *record.options))


def text_key(texts: Iterable[str]) -> int:
    """A 64-bit number of some texts; case, white space and Unicode's ways to write a letter do not matter."""
    words = "\0".join(" ".join(unicodedata.normalize("NFKC", text).casefold().split()) for text in texts)
    return int.from_bytes(hashlib.blake2b(words.encode(), digest_size=8).digest(), "big")
