"""Lightning's Trainer with the commands that are not training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lightning.pytorch import Trainer

from videor1.audit.run import Audit
from videor1.data.datamodule import VideoDataModule
from videor1.errors import ConfigError
from videor1.modules import PolicyModule


class VideoTrainer(Trainer):
    """Trainer of the command line."""

    def audit(
        self,
        model: PolicyModule,
        datamodule: VideoDataModule,
        *,
        benchmarks: Sequence[str] = (),
        benchmark_root: str | None = None,
        ranks: int = 1,
    ) -> None:
        """Examines every record and media file of data.train and data.validate before a run is paid for.

        A report, its figures and `quarantine.jsonl` go into the folder `audit` of trainer.default_root_dir.
        An audit that was stopped goes on where it was; one with data.cache leaves its frames to the run.

        Args:
            model: its processor makes the prompts; its weights are not loaded.
            datamodule: names the record files and how they are read.
            benchmarks: record files to be examined with later, relative to benchmark_root. Media that the
                splits share with them are counted.
            benchmark_root: folder that the benchmarks' paths are relative to. Null: data.root.
            ranks: processes that the run will have; its steps an epoch depend on it.

        Raises:
            UserError: the config or a record file is wrong, or more records are unusable than
                data.max_bad_share.
        """
        if ranks < 1:
            raise ConfigError(f"ranks must be at least 1, got {ranks}")
        Audit(
            model,
            datamodule,
            folder=Path(self.default_root_dir) / "audit",
            benchmarks=benchmarks,
            benchmark_root=benchmark_root,
            ranks=ranks,
            accumulate=self.accumulate_grad_batches,
        ).run()
