"""A split with all that is known about it; everything the audit reports is a function of this."""

from __future__ import annotations

from dataclasses import dataclass

from videor1.audit.finding import Finding
from videor1.audit.subject import Subject
from videor1.data.quarantine import Quarantined
from videor1.data.record_file import Kind


@dataclass(frozen=True, kw_only=True)
class Examined:
    """A subject and what making its prompts has shown."""

    subject: Subject
    findings: tuple[Finding, ...]  # one for each of the M records of subject.survey, in the same order

    @property
    def kinds(self) -> list[Kind]:
        """The kind of each of the M records."""
        records = self.subject.records
        return [records.kinds[code] for code in records.kind_codes[self.subject.survey.numbers].tolist()]

    @property
    def unusable(self) -> int:
        """How many records are malformed or have a fault."""
        return len(self.subject.rejected) + sum(finding.fault is not None for finding in self.findings)

    def quarantine(self) -> list[Quarantined]:
        """The unusable records, by position, as `data.exclude` takes them."""
        records = self.subject.records
        file = str(records.path)
        malformed = [
            Quarantined(file=file, record=one.number, problem_id=one.problem_id, path="", cause=one.cause)
            for one in self.subject.rejected
        ]
        faulty = [
            Quarantined(
                file=file,
                record=finding.record,
                problem_id=records[number].problem_id,
                path=records[number].path,
                cause=finding.cause,
            )
            for number, finding in zip(self.subject.survey.numbers.tolist(), self.findings, strict=True)
            if finding.cause is not None
        ]
        return sorted([*malformed, *faulty], key=lambda one: one.record)
