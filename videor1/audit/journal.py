"""`findings.jsonl`: what an audit has found out so far, so that the next one goes on from there.

The first line states what the findings depend on; each further line is one finding, given to the system as
soon as it is known. So a kill costs what was in hand, and the line that it tears is the last one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import Any

from videor1.audit.finding import Finding
from videor1.errors import UserError
from videor1.files import naming, whole_file

Findings = dict[str, dict[int, Finding]]  # by split and position


class Journal:
    """Reads and writes one `findings.jsonl`.

    Args:
        file: the file.
        basis: for each split, what its findings depend on, as JSON has it.
    """

    def __init__(self, file: Path, basis: dict[str, dict[str, Any]]) -> None:
        self.file = file
        self.basis = basis

    def load(self) -> tuple[Findings, str | None]:
        """The findings of earlier audits, and a line about why they are not used, if they are not.

        Raises:
            UserError: the file is no journal.
        """
        found: Findings = {split: {} for split in self.basis}
        if not self.file.is_file():
            return found, None
        try:
            with self.file.open("rb") as file:
                whole = (json.loads(line) for line in file if line.endswith(b"\n"))  # a torn line has no end
                basis = next(whole, self.basis)
                if basis != self.basis:
                    return found, _difference(basis, self.basis)
                for line in whole:
                    split = line.pop("split")
                    found[split][line["record"]] = Finding(**line)
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            raise UserError(
                f"{self.file}: no journal of an audit ({error}); delete it to start anew"
            ) from error
        return found, None

    @contextmanager
    def writing(self, known: Findings) -> Iterator[Callable[[str, Iterable[Finding]], None]]:
        """Starts the file anew with the findings that still hold; gives what adds those of a split.

        What is added outlives this process as soon as it is added.
        """
        with whole_file(self.file) as file:
            file.write(json.dumps(self.basis).encode() + b"\n")
            for split, findings in known.items():
                file.write(_lines(split, findings.values()))
        with self.file.open("ab", buffering=0) as raw:
            yield lambda split, findings: self._write_all(raw, _lines(split, findings))

    def _write_all(self, raw: FileIO, data: bytes) -> None:
        with naming(self.file):
            while data:
                data = data[raw.write(data) :]


def _lines(split: str, findings: Iterable[Finding]) -> bytes:
    lines = [json.dumps({"split": split} | finding.line()) + "\n" for finding in findings]
    return "".join(lines).encode()


def _difference(old: dict[str, dict[str, Any]], new: dict[str, dict[str, Any]]) -> str:
    changed = [
        f"{split}.{key}"
        for split in sorted({*old, *new})
        for key in sorted({*old.get(split, {}), *new.get(split, {})})
        if old.get(split, {}).get(key) != new.get(split, {}).get(key)
    ]
    return f"made with another {', '.join(changed)}"
