"""What lets a run go on exactly beside its state: what it comes from, and its curves up to the checkpoint."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_info

from videor1.data.datamodule import VideoDataModule
from videor1.errors import ConfigError
from videor1.export.checkpoint import LAST
from videor1.export.run import CONFIG
from videor1.modules import PolicyModule
from videor1.modules.trained import TrainedModule
from videor1.portable import portable
from videor1.resume.contents import read_rest
from videor1.resume.events import cut_back, event_files
from videor1.resume.folder import set_aside, tidy
from videor1.resume.origin import order_of, refuse_other_order, versions
from videor1.resume.rollback import batches_passed_over, forget, go_back
from videor1.resume.whole import is_whole


class Continuation(Callback):
    """Adds `checkpoint["run"]` to every checkpoint of `fit`, and holds a resumed run to it.

    `config` is the YAML of all settings, `versions` of the libraries, `order` what decides which record
    comes when; `module` is the class that was trained, `whole` tells that no step was under way, `events` the
    size of each event file, `unlogged` the values that Lightning logs only after the checkpoint of their
    step, `passed_over` how many batches rollbacks have left out. All are plain types, which
    torch.load(weights_only=True) reads.

    VideoTrainer adds it to every `fit`.

    Args:
        checkpoint: the one that the run goes on from; None for a new run.
        anew: a new run takes the place of what was killed before its first checkpoint, whose curves then go.
        events: names of the event files that were there before this process opened one.
    """

    def __init__(self, checkpoint: Path | None, *, anew: bool, events: Collection[str]) -> None:
        self.checkpoint, self.anew, self.events = checkpoint, anew, frozenset(events)

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """All ranks must have found the same checkpoint; other pasts are put out of the way."""
        assert isinstance(pl_module, PolicyModule)
        mine, first = self.checkpoint, trainer.strategy.broadcast(self.checkpoint)
        if mine != first:
            raise ConfigError(
                f"ckpt_path: rank {trainer.global_rank} finds {mine}, rank 0 {first}; start again"
            )
        self._order = order_of(trainer, pl_module.passes_per_block)
        if trainer.is_global_zero:
            self._order_folder(Path(trainer.default_root_dir))
            if self.checkpoint is None and not self.anew:
                forget(_folder(trainer))
            if self.anew:
                self._cut_back(trainer, [])
        trainer.strategy.barrier()
        if self.anew:
            _data(trainer).passed_over = batches_passed_over(_folder(trainer), step=0)

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        assert isinstance(pl_module, PolicyModule)
        config = Path(trainer.default_root_dir) / CONFIG
        checkpoint["run"] = {
            "config": portable(config.read_text(encoding="utf-8")) if config.is_file() else None,
            "versions": versions(),
            "order": self._order,
            "module": type(pl_module).__name__,
            "whole": is_whole(trainer, pl_module.passes_per_block),
            "events": [_sizes(logger) for logger in _writers(trainer)],
            "unlogged": _unlogged(trainer),
            "passed_over": _data(trainer).passed_over,
        }

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Raises ConfigError where the run would not see the records that come next."""
        run = checkpoint.get("run")
        if run is None:  # of a plain Trainer
            return
        mine = type(pl_module).__name__
        if (theirs := run.get("module", mine)) != mine:
            raise ConfigError(
                f"ckpt_path: the checkpoint is of another stage, of {theirs} and not {mine}; to begin"
                " with its weights name the hf folder beside it as model.policy"
            )
        refuse_other_order(run["order"], self._order)
        _data(trainer).passed_over = run.get("passed_over", 0)
        if not self._is_in(Path(trainer.default_root_dir)):
            return
        _data(trainer).passed_over += batches_passed_over(_folder(trainer), step=checkpoint["global_step"])
        self._cut_back(trainer, run["events"])
        if run["unlogged"] is not None:
            for logger in trainer.loggers:
                logger.log_metrics(run["unlogged"]["values"], step=run["unlogged"]["step"])

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # After an epoch's last batch Lightning takes the next epoch for one that has begun, and does not
        # count it; a second resume would then begin it once more.
        loop = trainer.fit_loop
        epochs: Any = loop.epoch_progress.current
        if loop.restarted_mid_epoch and epochs.ready == epochs.processed:
            loop.reset_restart_stage()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """A run that has left its bounds goes back; this comes before a checkpoint is written."""
        if not isinstance(pl_module, TrainedModule) or not pl_module.bounds.asks_back:
            return
        if is_whole(trainer, pl_module.passes_per_block):
            go_back(trainer, pl_module.bounds)

    def _order_folder(self, run: Path) -> None:
        folder = (run / LAST).parent
        tidy(folder)
        rest = {"global_step": 0} if self.checkpoint is None else read_rest(self.checkpoint)
        if rest is None:
            return
        if (aside := set_aside(folder, after=rest["global_step"])) is not None:
            rank_zero_info(f"Checkpoints of another past than this run's are now in {aside}")

    def _is_in(self, run: Path) -> bool:
        """Whether the checkpoint is of this run's folder, and not where another run begins."""
        return self.checkpoint is not None and self.checkpoint.resolve().is_relative_to(run.resolve())

    def _cut_back(self, trainer: Trainer, sizes: list[dict[str, int]]) -> None:
        for number, logger in enumerate(_writers(trainer)):
            folder = Path(logger.log_dir)
            opened = event_files(folder).keys() - self.events
            cut_back(folder, sizes[number] if number < len(sizes) else {}, spare=opened)


def _data(trainer: Any) -> VideoDataModule:
    data: VideoDataModule = trainer.datamodule
    return data


def _folder(trainer: Trainer) -> Path:
    """Of the run's checkpoints."""
    return (Path(trainer.default_root_dir) / LAST).parent


def _writers(trainer: Trainer) -> list[TensorBoardLogger]:
    loggers = [logger for logger in trainer.loggers if isinstance(logger, TensorBoardLogger)]
    return loggers if trainer.is_global_zero else []


def _sizes(logger: TensorBoardLogger) -> dict[str, int]:
    logger.experiment.flush()
    return event_files(Path(logger.log_dir))


def _unlogged(trainer: Trainer) -> dict[str, Any] | None:
    """What Lightning will log of this step, and where, once the callbacks have seen the batch's end."""
    loop = trainer.fit_loop.epoch_loop
    progress: Any = loop.batch_progress.current
    connector = trainer._logger_connector
    if progress.completed == progress.processed or not connector.should_update_logs:
        return None
    values = {name: float(value) for name, value in connector.metrics["log"].items()}
    if not values:
        return None
    return {"step": loop._batches_that_stepped, "values": {"epoch": trainer.current_epoch, **values}}
