"""The audit from end to end: open, examine, summarise, write, judge."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tqdm import tqdm

from videor1.audit.content import content_digest
from videor1.audit.epoch import epoch
from videor1.audit.examine import examine
from videor1.audit.examined import Examined
from videor1.audit.finding import Finding
from videor1.audit.journal import Journal
from videor1.audit.library import benchmark_library, split_library
from videor1.audit.output import judge, write
from videor1.audit.overlap import duplicates, overlap
from videor1.audit.resume import still_sound
from videor1.audit.subject import Subject, open_subject
from videor1.audit.summary import summarise
from videor1.data.cache import FORMAT
from videor1.data.datamodule import VideoDataModule
from videor1.data.quarantine import read_quarantine
from videor1.data.record_file import RecordFile
from videor1.errors import ConfigError
from videor1.modules import PolicyModule

_VERSION = 1  # raised when findings change their meaning


class Audit:
    """Examines the record files of one config.

    Args:
        model: of the config; only its processor and its settings are used.
        datamodule: of the config.
        folder: where everything is written.
        benchmarks: record files that the splits are held against, relative to `benchmark_root`.
        benchmark_root: folder of the benchmarks' media; None for data.root.
        ranks: processes of the run that the config is for.
        accumulate: batches of each rank that make a step.
    """

    def __init__(
        self,
        model: PolicyModule,
        datamodule: VideoDataModule,
        *,
        folder: Path,
        benchmarks: Sequence[str] = (),
        benchmark_root: str | None = None,
        ranks: int = 1,
        accumulate: int = 1,
    ) -> None:
        self.model, self.datamodule, self.folder = model, datamodule, folder
        self.benchmarks = tuple(benchmarks)
        self.benchmark_root = datamodule.root if benchmark_root is None else Path(benchmark_root)
        self.ranks, self.accumulate = ranks, accumulate
        self.makers = {
            "train": datamodule.maker(model.processor, model.train_response_tokens),
            "validate": datamodule.maker(model.processor, model.response_tokens),
        }

    def run(self) -> None:
        """Everything.

        Raises:
            UserError: at once, when a record file cannot be read or the config does not fit it; at the end,
                with all written, when too many records are unusable.
        """
        data = self.datamodule
        names = [name for name in self.makers if getattr(data, name) is not None]
        if not names:
            raise ConfigError("data.train and data.validate are missing: there is nothing to audit")
        index_folder = data.cache.path / "records"
        benchmarks = [
            RecordFile.open(self.benchmark_root / file, index_folder=index_folder) for file in self.benchmarks
        ]
        excluded = [one for file in data.exclude for one in read_quarantine(file)]
        subjects = [open_subject(data, name, excluded=excluded) for name in names]
        epochs = {subject.name: self._epoch(subject) for subject in subjects}
        basis = {subject.name: self._basis(subject) for subject in subjects}
        examined = self._examine(subjects, Journal(self.folder / "findings.jsonl", basis))
        splits = {
            one.subject.name: {
                **summarise(one, max_prompt_tokens=data.max_prompt_tokens),
                "epoch": epochs[one.subject.name],
                **repeats,
            }
            for one, repeats in zip(examined, self._repeats(examined, benchmarks), strict=True)
        }
        write({"settings": basis, "splits": splits}, examined, excluded, folder=self.folder)
        judge(examined, max_bad_share=data.max_bad_share, strict=data.strict, folder=self.folder)

    def _basis(self, subject: Subject) -> dict[str, Any]:
        """What the findings about a split depend on, media apart; and where reading them leaves frames."""
        data, maker = self.datamodule, self.makers[subject.name]
        basis = {
            "version": _VERSION,
            "readers": FORMAT,
            "records": content_digest(subject.records.path),
            "root": str(data.root),
            "linked_roots": [str(root) for root in data.linked_roots],
            "clip": asdict(data.clip),
            "template": asdict(data.template),
            "max_prompt_tokens": maker.max_tokens,
            "response_tokens": maker.response_tokens,
            "policy": self.model.policy_path,
            "frames_kept_in": None if maker.media.cache is None else str(maker.media.cache.folder),
        }
        return json.loads(json.dumps(basis))  # as it will be read back

    def _epoch(self, subject: Subject) -> dict[str, Any] | None:
        """None where nothing is trained on, or where there is nothing to train on."""
        if subject.name != "train" or not len(subject.survey.numbers):
            return None
        data = self.datamodule
        return epoch(
            subject.split,
            data.mixture,
            seed=data.seed,
            batch_size=data.batch_size,
            ranks=self.ranks,
            accumulate=self.accumulate,
            passes=self.model.passes_per_block,
        )

    def _examine(self, subjects: Sequence[Subject], journal: Journal) -> list[Examined]:
        known, unused = journal.load()
        if unused is not None:
            print(f"{journal.file}: {unused}; starting anew")
        kept = {
            subject.name: still_sound(subject, self.makers[subject.name].media, known[subject.name])
            for subject in subjects
        }
        with journal.writing(kept) as add:
            try:
                return [self._examine_one(subject, kept[subject.name], add) for subject in subjects]
            except KeyboardInterrupt:
                print(
                    f"\nInterrupted. What is known is in {journal.file}; the same command goes on from there."
                )
                raise

    def _examine_one(
        self, subject: Subject, found: dict[int, Finding], add: Callable[[str, Iterable[Finding]], None]
    ) -> Examined:
        """Adds to `found`, by position, until all records are there."""
        positions = subject.survey.positions.tolist()
        numbers = zip(subject.survey.numbers.tolist(), positions, strict=True)
        units = subject.survey.units(number for number, position in numbers if position not in found)
        unusable = 0
        with tqdm(
            total=len(positions), initial=len(found), desc=f"data.{subject.name}", unit=" records"
        ) as bar:
            for findings in examine(
                subject.records, self.makers[subject.name], units, workers=self.datamodule.workers
            ):
                add(subject.name, findings)
                found.update((finding.record, finding) for finding in findings)
                unusable += sum(finding.fault is not None for finding in findings)
                bar.set_postfix(unusable=unusable, refresh=False)
                bar.update(len(findings))
        return Examined(subject=subject, findings=tuple(found[position] for position in positions))

    def _repeats(
        self, examined: Sequence[Examined], benchmarks: Sequence[RecordFile]
    ) -> list[dict[str, Any]]:
        """The "duplicates" and "overlaps" of each split; training records are held against validation too."""
        ours = [split_library(one) for one in examined]
        sizes = {finding.size for one in examined for finding in one.findings if finding.size is not None}
        media = self.datamodule.maker(self.model.processor, None, root=self.benchmark_root).media
        theirs = [benchmark_library(records, media, sizes=sizes) for records in benchmarks]
        return [
            {
                "duplicates": duplicates(library),
                "overlaps": [overlap(library, other) for other in [*ours[place + 1 :], *theirs]],
            }
            for place, library in enumerate(ours)
        ]
