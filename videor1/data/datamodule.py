"""The data of a run: which files train, validate and are asked about, and how they are loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningDataModule
from torchdata.stateful_dataloader import StatefulDataLoader

from videor1.data.dataset import PromptDataset
from videor1.data.frames import ClipSettings
from videor1.data.prompts import PromptBuilder, PromptTemplate
from videor1.data.records import load_records
from videor1.data.sampler import BlockSampler
from videor1.errors import ConfigError
from videor1.types import DataType, ProblemType, Record

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff"})


@dataclass(frozen=True, kw_only=True)
class Ask:
    """One question for `predict`.

    Args:
        media: a video or image file, relative to where the command is run.
        question: what to ask about it.
        problem_type: which kind of answer the prompt asks for.
        options: for multiple choice: "A. left", "B. right", …
    """

    media: str
    question: str
    problem_type: ProblemType = "free-form"
    options: tuple[str, ...] = ()

    def record(self) -> Record:
        """The question as a record without a solution."""
        data_type: DataType = "image" if Path(self.media).suffix.lower() in IMAGE_SUFFIXES else "video"
        return Record(
            problem_id=self.media,
            problem=self.question,
            data_type=data_type,
            problem_type=self.problem_type,
            options=tuple(self.options),
            solution="",
            path=str(Path(self.media).absolute()),
            data_source="ask",
        )


class VideoDataModule(LightningDataModule):
    """Videos and images in the Video-R1 record format.

    The processor and the number of passes over a block come from the module that is trained.

    Args:
        root: folder that the records' paths are relative to.
        train: record file for `fit`, relative to root.
        validate: record file for `validate` and `test`, relative to root.
        ask: the question of `predict`.
        batch_size: questions in a training batch of one rank.
        validation_batch_size: questions in a validation batch of one rank.
        workers: processes that decode; 0 decodes in the training process.
        clip: frames and pixels.
        template: words of the prompt.
        seed: of the order of records; the command line sets it to seed_everything.
    """

    def __init__(
        self,
        root: str = ".",
        *,
        train: str | None = None,
        validate: str | None = None,
        ask: Ask | None = None,
        batch_size: int = 1,
        validation_batch_size: int = 8,
        workers: int = 2,
        clip: ClipSettings = ClipSettings(),
        template: PromptTemplate = PromptTemplate(),
        seed: int = 0,
    ) -> None:
        super().__init__()
        for key, value, least in (
            ("batch_size", batch_size, 1),
            ("validation_batch_size", validation_batch_size, 1),
            ("workers", workers, 0),
        ):
            if value < least:
                raise ConfigError(f"data.{key} must be at least {least}, got {value}")
        self.root = Path(root)
        self.train, self.validate, self.ask = train, validate, ask
        self.batch_size, self.validation_batch_size = batch_size, validation_batch_size
        self.workers = workers
        self.clip = clip
        self.template = template
        self.seed = seed
        self.records: dict[str, list[Record]] = {}

    def setup(self, stage: str) -> None:
        wanted = {"fit": ("train", "validate"), "validate": ("validate",), "test": ("validate",)}.get(
            stage, ()
        )
        for split in wanted:
            name = getattr(self, split)
            if name is not None and split not in self.records:
                self.records[split] = load_records(self.root / name)

    @property
    def validation_sources(self) -> list[str]:
        """The data sources of all validation records, the same on every rank."""
        return sorted({record.data_source for record in self.records["validate"]})

    def train_dataloader(self) -> StatefulDataLoader:
        """Stateful: a resumed run continues with the next batch of the epoch."""
        records = self._records("train")
        sampler = BlockSampler(
            len(records),
            batch_size=self.batch_size,
            rank=self._trainer.global_rank,
            world_size=self._trainer.world_size,
            accumulate=self._trainer.accumulate_grad_batches,
            passes=self._trainer.lightning_module.passes_per_block,
            seed=self.seed,
        )
        # counted in batches: Lightning's own epoch also rises when max_steps ends a run in mid-epoch
        progress = self._trainer.fit_loop.epoch_loop.batch_progress
        limit = self._trainer.limit_train_batches  # a count, or a share
        length = min(limit, len(sampler)) if isinstance(limit, int) else max(1, int(limit * len(sampler)))
        sampler.epoch = lambda: progress.total.ready // length
        return self._loader(records, sampler)

    def val_dataloader(self) -> StatefulDataLoader | list[Any]:
        """Every record once over all ranks."""
        if self.validate is None and self._trainer.state.fn == "fit":
            return []
        mine = range(self._trainer.global_rank, len(self._records("validate")), self._trainer.world_size)
        batches = [
            list(mine[start : start + self.validation_batch_size])
            for start in range(0, len(mine), self.validation_batch_size)
        ]
        return self._loader(self.records["validate"], batches)

    def test_dataloader(self) -> StatefulDataLoader | list[Any]:
        return self.val_dataloader()

    def predict_dataloader(self) -> StatefulDataLoader:
        if self.ask is None:
            raise ConfigError("data.ask is missing: predict needs data.ask.media and data.ask.question")
        return self._loader([self.ask.record()], [[0]])

    @property
    def _trainer(self) -> Any:
        assert self.trainer is not None, "the data module is used by a Trainer"
        return self.trainer

    def _records(self, split: str) -> list[Record]:
        if split not in self.records:
            raise ConfigError(f"data.{split} is missing: name a record file under data.root = {self.root}")
        if not self.records[split]:
            raise ConfigError(f"data.{split}: {self.root / getattr(self, split)} holds no record")
        return self.records[split]

    def _loader(self, records: Sequence[Record], batches: Any) -> StatefulDataLoader:
        builder = PromptBuilder(self._trainer.lightning_module.processor, self.template)
        return StatefulDataLoader(
            PromptDataset(records, root=self.root, clip=self.clip, builder=builder),
            sampler=batches,
            batch_size=None,  # the sampler's items are whole batches already
            num_workers=self.workers if len(batches) > 1 else 0,
            persistent_workers=False,
        )
