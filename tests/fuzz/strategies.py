"""What comes from outside, as it should not be: JSON, record files, text of a model, YAML, damaged bytes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from videor1.types import PROBLEM_TYPES

# Text -------------------------------------------------------------------------------------------------------

ANY_CHARACTER = st.characters(codec=None)  # all planes, lone surrogates, NUL and other controls
ANY_TEXT = st.text(ANY_CHARACTER, max_size=30)
TAGS = ("<think>", "</think>", "<answer>", "</answer>", "<answer", "</answer", "<ANSWER>", "<", ">", "</")
NUMERALS = (
    *(
        "0",
        "-1",
        "+7",
        "1,200.5",
        "1e400",
        "-1e-400",
        "1e308",
        "nan",
        "inf",
        "-inf",
        "1_000",
        "0x1f",
        ".5",
        "5.",
    ),
    *("½", "²", "Ⅷ", "٣", "१२", "四十二", "𝟜𝟚", "1٢", "١٬٢", "−4", "–4", "- $ 4", "50%", "1,2", "1/2", "3-4"),
)
PIECES = (
    *("B", "(B)", "b.", "A man", " ", "\n", "\t", "\0", "\u2028", "\ufeff", "\u202e", "\ud800", "\U0010ffff"),
    *("e\u0301" * 5, "then", "first, i", "wait, wait,", "from", "to", "…", "—", "yes", "no", "ß", "İ", "ﬁ"),
)


@st.composite
def responses(draw: st.DrawFn, most: int = 12) -> str:
    """Tags, opened, nested, left open or torn; numbers in every script; long runs of the same."""
    piece = st.one_of(st.sampled_from(TAGS), st.sampled_from(NUMERALS), st.sampled_from(PIECES), ANY_TEXT)
    parts = draw(st.lists(piece, max_size=most))
    if parts and draw(st.integers(0, 9)) == 0:
        place = draw(st.integers(0, len(parts) - 1))
        parts[place] *= draw(st.sampled_from([50, 2000]))
    return "".join(parts)


# JSON and records -------------------------------------------------------------------------------------------

_NUMBERS = st.one_of(st.integers(), st.floats(), st.sampled_from([2**63, -(2**63) - 1, 10**400, 1e308, -0.0]))
SCALARS = st.one_of(st.none(), st.booleans(), _NUMBERS, ANY_TEXT)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=6,
)
SOUND_RECORD: dict[str, Any] = {
    "problem_id": 1,
    "problem": "What happens?",
    "data_type": "video",
    "problem_type": "multiple choice",
    "options": ["A. left", "B. right"],
    "solution": "<answer>A</answer>",
    "path": "videos/1.mp4",
    "data_source": "toy",
    "process": None,
}


def changed(sound: dict[str, Any], choices: dict[str, Sequence[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """The sound object with some fields of another value, some gone and some new."""
    keys = st.sampled_from(list(sound))

    @st.composite
    def draw_one(draw: st.DrawFn) -> dict[str, Any]:
        found = dict(sound)
        for _ in range(draw(st.integers(0, 3))):
            key = draw(keys)
            others = choices.get(key)
            found[key] = draw(st.sampled_from(others) if others and draw(st.booleans()) else VALUES)
        for key in draw(st.lists(keys, max_size=1)):
            del found[key]
        found |= draw(st.dictionaries(ANY_TEXT, VALUES, max_size=1))
        return found

    return draw_one()


RECORDS = changed(
    SOUND_RECORD,
    {
        "problem_id": [1, "1", 10**400, True, 1.0, ""],
        "data_type": ["image", "Video", "frame"],
        "problem_type": list(PROBLEM_TYPES),
        "options": [[], None, ["A"] * 40, ["\ud800"], [1]],
        "path": ["", "../x", "/etc/passwd", "a\0b", "http://a/b", "x" * 5000, "\ud800", "."],
    },
)


def as_json(value: Any, *, ascii_only: bool = True) -> bytes:
    """JSON as careless writers write it: with NaN, and surrogates as they are."""
    return json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")


@st.composite
def damaged(draw: st.DrawFn, whole: bytes, most: int = 4) -> bytes:
    """Bytes that were `whole` before some were overwritten, taken out, put in, doubled or cut off."""
    data = bytearray(whole)
    for _ in range(draw(st.integers(1, most))):
        place = draw(st.integers(0, max(0, len(data) - 1)))
        length = draw(st.sampled_from([1, 1, 2, 4, 8, 64]))
        match draw(st.integers(0, 5)):
            case 0:
                data[place : place + length] = draw(st.binary(min_size=length, max_size=length))
            case 1:
                del data[place : place + length]
            case 2:
                data[place:place] = draw(st.binary(max_size=16))
            case 3:
                data[place:place] = data[place : place + length] * draw(st.sampled_from([1, 3, 100]))
            case 4:
                data[place : place + length] = draw(st.sampled_from([b"\0", b"\xff"])) * length
            case 5:
                del data[place:]
    return bytes(data)


_JOINTS = st.sampled_from([b",", b"\n", b",\n", b"", b",,", b"\r\n", b" ", b"\0", b"]", b"[", b'"', b"\\"])
_STARTS = st.sampled_from(
    [b"", b"[", b"\xef\xbb\xbf", b"\xef\xbb\xbf[", b"\xff\xfe", b"\x1f\x8b", b"PK\x03\x04"]
)
_ENDS = st.sampled_from([b"", b"]", b"]]", b"\n", b"]\n\0", b"}", b"[" * 3000])


@st.composite
def record_files(draw: st.DrawFn) -> bytes:
    """A record file, sound or not: an array or lines, cut, nested deeply, with marks and doubled keys."""
    written = [
        as_json(one, ascii_only=draw(st.booleans())) for one in draw(st.lists(RECORDS | VALUES, max_size=4))
    ]
    odd = st.sampled_from(
        [
            b'{"problem_id": 1, "problem_id": {}, "path": "a", "path": 3}',
            b"[" * 400 + b"]" * 400,
            b'{"a":' * 2000 + b"1" + b"}" * 2000,
            as_json(SOUND_RECORD | {"deep": []})[:-3] + b"[" * 900 + b"]" * 901 + b"}",
            as_json(SOUND_RECORD | {"options": []})[:-1] + b', "options": ' + b"[" * 970 + b"]" * 970 + b"}",
            b'{"problem_id": 1' + b"0" * 5000 + b"}",
            *(
                b"-",
                b"1e999999999",
                b"NaN",
                b"-Infinity",
                b'"\\ud83d"',
                b'"\\ude00\\ud83d"',
                b'{"a":1e',
                b"tru",
            ),
        ]
    )
    written += draw(st.lists(odd, max_size=1))
    written = list(draw(st.permutations(written)))
    if draw(st.booleans()):  # as it should be
        whole = b"[" + b",\n".join(written) + b"]" if draw(st.booleans()) else b"\n".join(written)
    else:
        body = b"".join(part for one in written for part in (one, draw(_JOINTS)))
        whole = draw(_STARTS) + body + draw(_ENDS)
    return draw(damaged(whole)) if whole and draw(st.booleans()) else whole
