"""One record of the published Video-R1 format: bytes → JSON → `Record`, or what is wrong with it."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from videor1.errors import RecordError
from videor1.types import PROBLEM_TYPES, Record

NO_SOURCE = "'data_source' is missing or empty"

_REQUIRED = ("problem", "data_type", "problem_type", "solution", "path")
_OPTIONAL = ("data_source", "process")


def decode(raw: bytes, start: int = 0) -> Any:
    """The JSON value whose bytes are `raw`; `start` is their offset in the file, which errors count from.

    Raises:
        RecordError: it is not UTF-8, not JSON, or holds what cannot be processed further. The message is
            the bare cause, on one line, without file and record.
    """
    try:
        text = raw.decode()
        value = _STRICT.decode(text)
        if b"\\ud" in raw or b"\\uD" in raw:  # half a surrogate pair is JSON, but no tokenizer can encode it
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeDecodeError as error:
        raise RecordError(f"not UTF-8 at byte {start + error.start}") from error
    except UnicodeEncodeError as error:
        raise RecordError(f"the lone surrogate {error.object[error.start]!r} is no character") from error
    except json.JSONDecodeError as error:
        at = start + len(text[: error.pos].encode())
        raise RecordError(f"broken JSON at byte {at}: {error.msg}") from error
    except RecursionError as error:
        raise RecordError("nested too deeply") from error
    except ValueError as error:
        raise RecordError(f"a number that cannot be read: {error}") from error
    return value


def is_well_framed(raw: bytes) -> bool:
    """Whether brackets, quotes and commas are where JSON has them, whatever the strings and numbers hold."""
    try:
        _LENIENT.decode(raw.decode(errors="replace"))
    except json.JSONDecodeError:
        return False
    except RecursionError:  # a thousand brackets that all find their match were hardly left by an accident
        return True
    return True


def parse_record(raw: Any, *, where: str, strict: bool = False) -> Record:
    """One JSON object as a `Record`; `where` names it in errors, and is its id when it has none.

    Raises:
        RecordError: `where` and what `find_fault` says.
    """
    if (fault := find_fault(raw, strict=strict)) is not None:
        raise RecordError(f"{where}: {fault}")
    return Record(
        problem_id=where if raw.get("problem_id") is None else raw["problem_id"],
        problem=raw["problem"],
        data_type=raw["data_type"],
        problem_type=raw["problem_type"],
        options=tuple(raw.get("options") or ()),
        solution=raw["solution"],
        path=raw["path"],
        data_source=source_of(raw),
        process=raw.get("process"),
    )


def find_fault(raw: Any, *, strict: bool = False) -> str | None:
    """The first thing that is wrong with a record, on one line with the field; None when it is sound.

    An empty or missing data_source is a fault only if `strict`.
    """
    if not isinstance(raw, dict):
        return f"expected an object, got {type(raw).__name__}"
    for key in _REQUIRED:
        if not isinstance(raw.get(key), str):
            return f"'{key}' must be a string, got {shown(raw.get(key))}"
    for key in _OPTIONAL:
        if not isinstance(raw.get(key), str | None):
            return f"'{key}' must be a string, got {shown(raw[key])}"
    problem_id = raw.get("problem_id")
    if not isinstance(problem_id, int | str | None) or isinstance(problem_id, bool):
        return f"'problem_id' must be an integer or a string, got {shown(problem_id)}"
    if raw["data_type"] not in ("video", "image"):
        return f"'data_type' must be 'video' or 'image', got {shown(raw['data_type'])}"
    if raw["problem_type"] not in PROBLEM_TYPES:
        return f"'problem_type' must be one of {PROBLEM_TYPES}, got {shown(raw['problem_type'])}"
    options = raw.get("options") or ()
    if not isinstance(options, list | tuple) or not all(isinstance(option, str) for option in options):
        return f"'options' must be a list of strings, got {shown(options)}"
    if raw["problem_type"] == "multiple choice" and not options:
        return "multiple choice without 'options'"
    if not raw["path"]:
        return "'path' is empty"
    if strict and not raw.get("data_source"):
        return NO_SOURCE
    return None


def source_of(raw: dict[str, Any]) -> str:
    """The data_source of a sound record; "unknown" where it is left empty, as one published source is."""
    return raw.get("data_source") or "unknown"


def shown(value: Any) -> str:
    """`repr` on one line of at most 100 characters."""
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:99]}…"


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


_STRICT = json.JSONDecoder(parse_constant=_refuse)
_LENIENT = json.JSONDecoder(strict=False, parse_constant=str, parse_int=str)
