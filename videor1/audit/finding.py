"""What the audit finds out about one record."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

EXAMPLES = 5  # records named where many have something in common

Fault = Literal["outside", "missing", "damaged", "text", "budget"]
FAULTS: dict[Fault, str] = {
    "outside": "media outside data.root",
    "missing": "media missing",
    "damaged": "media damaged",
    "text": "text that is no prompt",
    "budget": "too long for the budget",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One record after an attempt at its prompt; what the attempt did not come to is None."""

    record: int  # position in its file, from 0
    fault: Fault | None = None  # None: the record is usable
    cause: str | None = None  # one line about the fault
    size: int | None = None  # bytes of the media file
    changed: int | None = None  # when that file was last changed, in ns
    digest: str | None = None  # of its content, see `content_digest`
    tokens: int | None = None  # of the prompt with as much of the media as data.clip allows
    reserved: int | None = None  # tokens kept free for the response
    fitted: int | None = None  # of the prompt within the budget; fewer than `tokens` where media were lowered
    read_seconds: float | None = None  # to read the media; once a file, and not for a process's first
    prompt_seconds: float | None = None  # to make the prompt of what was read

    def line(self) -> dict[str, Any]:
        """As JSON, without what is None."""
        return {key: value for key, value in asdict(self).items() if value is not None}
