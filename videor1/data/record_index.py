"""What is remembered of a record file: where the sound records are, of what kinds, and what is rejected."""

from __future__ import annotations

import hashlib
import io
import json
from array import array
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from videor1.data.records import find_fault, shown, source_of
from videor1.data.scan import scan
from videor1.files import write_whole

VERSION = 1  # raise it whenever this file, scan.py or records.py judge a record differently

_DIGEST = hashlib.sha256().digest_size
_ARRAYS = ("starts", "lengths", "positions", "kind_codes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What a mixture of records, and the replacement of a bad one, go by."""

    data_type: str
    problem_type: str
    data_source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """A record that cannot be used."""

    number: int  # position in the file, from 0
    problem_id: int | str | None  # None when it has none, or none that can be told
    cause: str  # one line
    lost_bytes: int = 0  # not 0 where an array is broken: from here on nobody knows how many records are lost


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordIndex:
    """All about a record file but its path; N counts the sound records only."""

    starts: np.ndarray  # (N,) int64 byte offset in the file
    lengths: np.ndarray  # (N,) int32 bytes
    positions: np.ndarray  # (N,) int64 position in the file, from 0
    kind_codes: np.ndarray  # (N,) int32 index into kinds
    kinds: tuple[Kind, ...]  # by first appearance
    rejected: tuple[Rejected, ...]  # by number
    nameless: int | None  # position of the first sound record without a data_source: strict refuses it


def build_index(path: Path) -> RecordIndex:
    """Scans and judges all records of a file.

    A record whose problem_id an earlier sound one has is rejected.

    Raises:
        RecordError: the file cannot be read or is no record file.
    """
    starts, lengths, positions, codes = array("q"), array("i"), array("q"), array("i")
    kinds: dict[tuple[str, str, str], int] = {}
    rejected = []
    seen: dict[int | str, int] = {}
    nameless = None
    for number, span in enumerate(scan(path)):
        raw, problem_id = span.value, _problem_id(span.value)
        cause = span.cause or find_fault(raw)
        if cause is None and problem_id in seen:
            cause = f"problem_id {shown(problem_id)} was seen before, at record {seen[problem_id]}"
        if cause is not None:
            lost = span.length if span.rest else 0
            rejected.append(Rejected(number=number, problem_id=problem_id, cause=cause, lost_bytes=lost))
            continue
        if problem_id is not None:
            seen[problem_id] = number
        if nameless is None and not raw.get("data_source"):
            nameless = number
        kind = (raw["data_type"], raw["problem_type"], source_of(raw))
        starts.append(span.start)
        lengths.append(span.length)
        positions.append(number)
        codes.append(kinds.setdefault(kind, len(kinds)))
    return RecordIndex(
        starts=np.array(starts, np.int64),
        lengths=np.array(lengths, np.int32),
        positions=np.array(positions, np.int64),
        kind_codes=np.array(codes, np.int32),
        kinds=tuple(Kind(data_type=a, problem_type=b, data_source=c) for a, b, c in kinds),
        rejected=tuple(rejected),
        nameless=nameless,
    )


def save_index(index: RecordIndex, path: Path) -> None:
    """However many processes do so at once, a reader finds one whole index or none.

    Raises:
        DiskError: the folder cannot be made or written.
    """
    tables = {
        "kinds": [asdict(kind) for kind in index.kinds],
        "rejected": [asdict(one) for one in index.rejected],
        "nameless": index.nameless,
    }
    text = np.frombuffer(json.dumps(tables).encode(), np.uint8)
    body = io.BytesIO()
    np.savez(body, tables=text, **{name: getattr(index, name) for name in _ARRAYS})
    write_whole(path, hashlib.sha256(body.getvalue()).digest() + body.getvalue())


def load_index(path: Path) -> RecordIndex | None:
    """The index that `save_index` wrote; None when there is none or it is damaged.

    Raises:
        OSError: there is a file that cannot be read.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    body = content[_DIGEST:]
    if hashlib.sha256(body).digest() != content[:_DIGEST]:  # cut short by a crash or a full disk
        return None
    with np.load(io.BytesIO(body), allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in _ARRAYS}
        tables = json.loads(archive["tables"].tobytes())
    return RecordIndex(
        **arrays,
        kinds=tuple(Kind(**kind) for kind in tables["kinds"]),
        rejected=tuple(Rejected(**one) for one in tables["rejected"]),
        nameless=tables["nameless"],
    )


def _problem_id(value: Any) -> int | str | None:
    found = value.get("problem_id") if isinstance(value, dict) else None
    return found if isinstance(found, int | str) and not isinstance(found, bool) else None
