"""The report of an examination, on disk and on the screen."""

from __future__ import annotations

from pathlib import Path

from lightning.pytorch import Callback, LightningModule, Trainer

from videor1.evaluation.reports.report import build_report, write_report
from videor1.evaluation.reports.text import screen
from videor1.modules import PolicyModule
from videor1.portable import portable


class EvaluationWriter(Callback):
    """Writes `report.json`, `report.md` and figures into the run's folder for `validate` and `test`.

    Prints the scores. A validation inside `fit` leaves its curves in TensorBoard and writes no file.
    """

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        assert isinstance(pl_module, PolicyModule)
        assert pl_module.marks is not None
        assert pl_module.examination is not None
        journal = pl_module.examination.journal
        if journal is None or not trainer.is_global_zero:  # `fit` and a dry run keep none
            return
        identity = journal.identity
        report = build_report(
            pl_module.marks,
            model=portable(identity["model"]),
            protocol=identity["protocol"],
            questions_digest=identity["questions"],
        )
        folder = Path(trainer.default_root_dir)
        write_report(folder, report)
        print(f"\n{screen(report)}\n\nThe whole report: {folder / 'report.md'}")

    on_test_end = on_validation_end
