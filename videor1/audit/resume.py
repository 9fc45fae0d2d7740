"""Which findings of an earlier audit still hold."""

from __future__ import annotations

from collections.abc import Mapping

from tqdm import tqdm

from videor1.audit.finding import Finding
from videor1.audit.subject import Subject
from videor1.data.media import MediaReader
from videor1.errors import MediaError


def still_sound(subject: Subject, media: MediaReader, known: Mapping[int, Finding]) -> dict[int, Finding]:
    """Those without a fault whose file has kept its size and time stamp, by position.

    The others are examined again: whoever audits twice has mostly repaired something in between.
    """
    sound = {position for position, finding in known.items() if finding.fault is None}
    numbers = subject.survey.numbers[[int(at) in sound for at in subject.survey.positions]]
    kept = {}
    for unit in tqdm(
        subject.survey.units(numbers.tolist()), desc=f"data.{subject.name}: known", disable=not sound
    ):
        state = _state(subject, media, unit[0])
        for number in unit:
            finding = known[int(subject.records.positions[number])]
            if state == (finding.size, finding.changed):
                kept[finding.record] = finding
    return kept


def _state(subject: Subject, media: MediaReader, number: int) -> tuple[int, int] | None:
    try:
        status = media.locate(subject.records[number]).stat()
    except (MediaError, OSError):  # which the examination will tell
        return None
    return status.st_size, status.st_mtime_ns
