"""One examination of a policy: batches of questions in, marks of all questions out."""

from __future__ import annotations

import torch
from transformers import Qwen2_5_VLProcessor

from videor1.data.batch import PromptBatch
from videor1.data.record_file import RecordFile
from videor1.evaluation.journal import Journal, read_predictions
from videor1.evaluation.judge import Evaluator, Judgement, judge_missing
from videor1.evaluation.scores import Marks, MarkTable
from videor1.evaluation.ways import EvaluationSettings, ways
from videor1.rollout.engine import Engine


class Examination:
    """Asks the questions of a record file and keeps the judgements.

    Args:
        records: the questions; their numbers are places in it.
        settings: how they are asked.
        seed: of tokens and frame orders.
        journal: where judgements are kept, so that a killed examination goes on; None keeps them in memory,
            each rank its own.
    """

    def __init__(
        self,
        records: RecordFile,
        settings: EvaluationSettings,
        *,
        seed: int,
        journal: Journal | None = None,
    ) -> None:
        self.records, self.settings, self.seed = records, settings, seed
        self.journal = journal
        self.table = MarkTable([records.kinds[code] for code in records.kind_codes])
        self.done: frozenset[int] = frozenset()  # numbers of the questions that need not be asked again
        if journal is not None:
            judged = journal.start()
            self.done = frozenset(number for number in judged if judged[number] == self._expected(number))

    def start(self, engine: Engine, processor: Qwen2_5_VLProcessor, device: torch.device) -> None:
        """Names who answers, before the first batch."""
        self.table.to(device)
        self.evaluator = Evaluator(engine, processor, self.settings, seed=self.seed)

    def ask(self, batch: PromptBatch) -> list[Judgement]:
        """Judgements of all questions that the batch was drawn for, those with unreadable media too."""
        causes = {one.record: one.cause for one in batch.quarantined}
        missing = {
            number: causes[position]
            for number in batch.drawn
            if (position := int(self.records.positions[number])) in causes
        }
        present = [number for number in batch.drawn if number not in missing]
        stream = batch.drawn[0] if batch.drawn else 0
        judgements = self.evaluator.judge(batch.prompts, present, stream=stream)
        for number, cause in missing.items():
            judgements += judge_missing(self.records[number], cause, number, self.settings)
        if self.journal is None:
            self.table.update(judgements)
        else:
            self.journal.add(judgements)
        return judgements

    def finish(self) -> Marks:
        """The marks of all questions, the same on every rank."""
        if self.journal is not None:
            self.journal.finish()
            self.table.update(read_predictions(self.journal.whole) if self.journal.rank == 0 else ())
        return self.table.marks()

    def _expected(self, number: int) -> int:
        kind = self.records.kinds[self.records.kind_codes[number]]
        return sum(1 for _ in ways(self.settings, kind.data_type))
