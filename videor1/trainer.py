"""Lightning's Trainer with exact resume, and with the commands that are not training."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningDataModule, LightningModule
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.plugins.io import TorchCheckpointIO
from lightning.pytorch.utilities import rank_zero_info, rank_zero_warn
from torch.distributed.checkpoint.api import CheckpointException

from videor1.annotation.filter import FilterSettings
from videor1.annotation.write import annotate, markdown
from videor1.audit.run import Audit
from videor1.data.datamodule import VideoDataModule
from videor1.errors import ConfigError, DiskError
from videor1.export.checkpoint import LAST
from videor1.files import write_whole
from videor1.modules import PolicyModule
from videor1.planning.make import plan_of
from videor1.planning.read import Assumed
from videor1.planning.report import report
from videor1.resume.continuation import Continuation
from videor1.resume.events import event_files, is_after_now
from videor1.resume.folder import PARTIAL, delete, find_last, put
from videor1.resume.outside import disk_fault
from videor1.resume.plain_file import PlainFileIO
from videor1.resume.stop_signal import Stopping, StopSignal
from videor1.resume.vetted import VettedTrainer


class VideoTrainer(VettedTrainer):
    """Trainer of the command line."""

    def fit(
        self,
        model: LightningModule,
        train_dataloaders: Any = None,
        val_dataloaders: Any = None,
        datamodule: LightningDataModule | None = None,
        ckpt_path: str | Path | None = None,
        weights_only: bool | None = None,
    ) -> None:
        """Trains the model; killed at any moment, the same command with `--ckpt_path last` goes on exactly.

        Args:
            model: what is trained.
            train_dataloaders: takes the place of the data module.
            val_dataloaders: likewise.
            datamodule: names the records.
            ckpt_path: checkpoint to go on from. "last": the newest complete one in the folder `checkpoints`
                of trainer.default_root_dir, or a new run where there is none.
            weights_only: false is refused, since it would let a checkpoint run code.

        Raises:
            ConfigError: the run would not go on with the records that come next, see docs/resume.md.
        """
        anew = False
        if ckpt_path == "last":
            folder = (Path(self.default_root_dir) / LAST).parent
            ckpt_path = find_last(folder)
            anew = ckpt_path is None
            if anew:
                rank_zero_info(f"ckpt_path last: no checkpoint in {folder}, a new run begins")
        self._make_resumable(None if ckpt_path is None else Path(ckpt_path), anew=anew)
        super().fit(model, train_dataloaders, val_dataloaders, datamodule, ckpt_path, weights_only)

    def save_checkpoint(
        self, filepath: str | Path, weights_only: bool | None = None, storage_options: Any = None
    ) -> None:
        """Writes beside `filepath`; the checkpoint gets its name when all ranks have written all of it.

        Raises:
            DiskError: it cannot be written; those before it stay.
        """
        if "://" in str(filepath):  # not a file of this machine's
            super().save_checkpoint(filepath, weights_only, storage_options)
            return
        partial = Path(f"{filepath}{PARTIAL}")
        try:
            super().save_checkpoint(partial, weights_only, storage_options)  # ends with a barrier
            if self.is_global_zero:
                put(partial, Path(filepath))
        except (OSError, RuntimeError, CheckpointException) as error:  # the last is FSDP2's
            if (fault := disk_fault(partial.parent)) is None:
                raise
            if self.world_size == 1:  # another rank would find room; the next start removes it
                with suppress(OSError):
                    delete(partial)
            raise DiskError(
                f"{filepath}: not saved: {fault}; what was saved before is whole, and once that is mended"
                " --ckpt_path last goes on from there"
            ) from error
        self.strategy.barrier("VideoTrainer.save_checkpoint")

    def _make_resumable(self, checkpoint: Path | None, *, anew: bool) -> None:
        if type(self.strategy.checkpoint_io) is TorchCheckpointIO:
            self.strategy.checkpoint_io = PlainFileIO()
        loggers = [logger for logger in self.loggers if isinstance(logger, TensorBoardLogger)]
        events = {name for logger in loggers for name in event_files(Path(logger.log_dir))}
        if is_after_now(events):
            rank_zero_warn(
                "The clock has been set back since this run began: TensorBoard will show the points to come"
                " before those there are. None is lost"
            )
        # Lightning sets them elsewhere; those of an earlier fit are made anew.
        configured: list[Callback] = self.callbacks  # type: ignore[has-type]
        kept = [one for one in configured if not isinstance(one, Continuation | StopSignal)]
        kept.sort(
            key=lambda one: isinstance(one, Stopping)
        )  # whose checkpoints hold what the others have done
        stops = [one.stop_signal for one in kept if isinstance(one, Stopping)]
        self.callbacks = [*stops[:1], Continuation(checkpoint, anew=anew, events=events), *kept]

    def annotate(
        self,
        model: PolicyModule,
        datamodule: VideoDataModule,
        *,
        filter: FilterSettings = FilterSettings(),  # a flag of the command line
    ) -> None:
        """Lets the model think aloud about each record of data.train; keeps what leads to the right answer.

        Writes `cot.jsonl`, which SFT takes as its data.train, `annotation.md` and `annotation.json` with
        counts, and every response, in `predictions.jsonl`, into trainer.default_root_dir. Stopped at any
        moment, it goes on where it was.

        Args:
            model: writes `model.evaluation.samples` responses a record, with `model.evaluation.sampling`.
            datamodule: names the records.
            filter: which responses are kept.

        Raises:
            UserError: the config or the record file is wrong.
        """
        model.evaluation = replace(model.evaluation, greedy=False, shuffled=False, blind=False)
        datamodule.examined = "train"
        self.validate(model, datamodule=datamodule, verbose=False)
        if self.is_global_zero:
            folder = Path(self.default_root_dir)
            records = datamodule.examined_split.records
            found = annotate(records, folder / "predictions.jsonl", folder / "cot.jsonl", filter)
            write_whole(folder / "annotation.json", json.dumps(found, indent=2) + "\n")
            write_whole(folder / "annotation.md", markdown(found))
            print(markdown(found))

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

    @staticmethod
    def plan(
        model: Any,
        *,
        gpus: int | None = None,
        gpu: str = "H100",
        memory: float | None = None,
        size: str | None = None,
        text: int = 256,
        target: int = 512,
        utilisation: float = 0.4,
    ) -> None:
        """Prints what a training will need of each GPU, by strategy, and how long a step will take.

        Builds nothing: neither GPU nor data nor weights have to be there. Ends with exit status 1 when the
        run does not fit, after saying what to change.

        Args:
            model: the config, as parsed.
            gpus: how many in all. Null: trainer.devices x trainer.num_nodes, 8 a node where devices is auto.
            gpu: A100, H100, H200 or RTX4090.
            memory: GiB of each, where it differs.
            size: 3B, 7B, 32B or 72B, where neither model.policy nor the configs beside this one say so.
            text: tokens of a prompt beside its media.
            target: tokens of an SFT response.
            utilisation: share of the GPU's operations a second that a pass reaches; an assumption.

        Raises:
            UserError: something cannot be planned.
        """
        assumed = Assumed(gpus=gpus, size=size, text=text, target=target)
        plan = plan_of(model, assumed, gpu=gpu, memory=memory, utilisation=utilisation)
        print(report(plan))
        if not plan.fits:
            raise SystemExit(1)
