"""The data of a run: which files train, validate and are asked about, and how they are loaded."""

from __future__ import annotations

from collections.abc import Container, Sequence
from pathlib import Path
from typing import Any, Literal

from lightning.pytorch import LightningDataModule
from torch.utils.data import DataLoader
from transformers import Qwen2_5_VLProcessor

from videor1.data.annotations.benchmark_file import BenchmarkFile
from videor1.data.annotations.write import write_questions
from videor1.data.ask import ROOT, Ask, AskedPrompts
from videor1.data.batch import PromptBatch
from videor1.data.cache import CacheSettings
from videor1.data.dataset import OnBad, PromptDataset
from videor1.data.deal import deal
from videor1.data.frames import ClipSettings
from videor1.data.isolate import DecodeSettings
from videor1.data.loader import LookingAheadLoader, ResumableLoader, load
from videor1.data.maker import PromptMaker
from videor1.data.media import MediaReader
from videor1.data.mixture import Share
from videor1.data.prompts import PromptBuilder, PromptTemplate
from videor1.data.record_file import RecordFile
from videor1.data.sampler import BlockSampler
from videor1.data.split import Split
from videor1.errors import ConfigError, UserError
from videor1.types import Record


class VideoDataModule(LightningDataModule):
    """Videos and images in the Video-R1 record format.

    The processor and the number of passes over a block come from the module that is trained.

    Args:
        root: folder that the records' paths are relative to, and may not lead out of.
        linked_roots: other folders that links below root may lead to.
        train: record file for `fit`, relative to root.
        validate: record file for `validate` and `test`, relative to root.
        benchmarks: what `validate` and `test` ask instead, see docs/evaluation-data.md.
        ask: the questions of `predict`.
        batch_size: questions in a training batch of one rank.
        validation_batch_size: questions in a validation batch of one rank.
        workers: processes that decode; 0 decodes in the training process.
        clip: frames and pixels.
        template: words of the prompt.
        max_prompt_tokens: most tokens of a prompt and its response together; longer ones see less of their
            media (see `budget.py`). The recipe: 16384.
        mixture: how often each kind of record comes in training; the first line that covers a record decides,
            and one that no line covers comes once an epoch.
        decode: what a media file may cost.
        cache: what is kept between epochs and runs.
        strict: stop at the first unusable record instead of setting it apart in `quarantine.jsonl`.
        max_bad_share: share of unusable records above which the run stops.
        exclude: `quarantine.jsonl` files of an audit or an earlier run; their records are left out.
        seed: of the order of records; the command line sets it to seed_everything.
    """

    def __init__(
        self,
        root: str = ".",
        *,
        linked_roots: Sequence[str] = (),
        train: str | None = None,
        validate: str | None = None,
        benchmarks: Sequence[BenchmarkFile] = (),
        ask: Ask = Ask(),
        batch_size: int = 1,
        validation_batch_size: int = 8,
        workers: int = 2,
        clip: ClipSettings = ClipSettings(),
        template: PromptTemplate = PromptTemplate(),
        max_prompt_tokens: int = 16384,
        mixture: Sequence[Share] = (),
        decode: DecodeSettings = DecodeSettings(),
        cache: CacheSettings = CacheSettings(),
        strict: bool = False,
        max_bad_share: float = 0.01,
        exclude: Sequence[str] = (),
        seed: int = 0,
    ) -> None:
        super().__init__()
        for key, value, least in (
            ("batch_size", batch_size, 1),
            ("validation_batch_size", validation_batch_size, 1),
            ("workers", workers, 0),
            ("max_prompt_tokens", max_prompt_tokens, 1),
        ):
            if value < least:
                raise ConfigError(f"data.{key} must be at least {least}, got {value}")
        if not 0 <= max_bad_share <= 1:
            raise ConfigError(f"data.max_bad_share must lie in 0 … 1, got {max_bad_share}")
        if validate is not None and benchmarks:
            raise ConfigError("data.validate and data.benchmarks are both named; name one of them")
        self.root, self.linked_roots = Path(root), tuple(linked_roots)
        self.train, self.validate, self.ask = train, validate, ask
        self.batch_size, self.validation_batch_size = batch_size, validation_batch_size
        self.workers = workers
        self.clip = clip
        self.template = template
        self.max_prompt_tokens = max_prompt_tokens
        self.mixture = tuple(mixture)
        self.decode, self.cache = decode, cache
        self.strict, self.max_bad_share, self.exclude = strict, max_bad_share, tuple(exclude)
        self.benchmarks = tuple(benchmarks)
        self.seed = seed
        self.examined: Literal["train", "validate"] = "validate"  # the split that `validate` asks about
        self.prepare_data_per_node = False  # all ranks see one run folder
        self.splits: dict[str, Split] = {}
        self.asked: list[Record] = []  # the questions of `predict`, once `setup` has run
        self._restored: dict[str, Any] = {}
        self.passed_over = 0  # batches of each rank that come before the next one and are not trained on

    def prepare_data(self) -> None:
        """Benchmarks in whatever form they came become one record file in the run's folder."""
        if self.benchmarks and self._trainer.state.fn != "fit":
            write_questions(self._questions, self.benchmarks, root=self.root)

    def setup(self, stage: str) -> None:
        if stage == "predict":
            self.asked = self.ask.records()
        files = {"train": self.train, "validate": self.validate}
        if self.benchmarks and stage != "fit":
            files["validate"] = str(self._questions)
        wanted = ("train", "validate") if stage == "fit" else (self.examined,) if stage != "predict" else ()
        for name in wanted:
            if (file := files[name]) is not None and name not in self.splits:
                self.splits[name] = self.open(file, folder=self._trainer.default_root_dir)
        if "train" in self.splits and self._restored:
            self.splits["train"].quarantine.load_state_dict(self._restored["quarantine"])

    def open(self, file: str, *, folder: str | Path) -> Split:
        """A record file, relative to root; unusable records go into the folder's `quarantine.jsonl`."""
        return Split(
            self.root / file,
            index_folder=self.cache.path / "records",
            strict=self.strict,
            quarantine=Path(folder) / "quarantine.jsonl",
            max_bad_share=self.max_bad_share,
            exclude=self.exclude,
        )

    def train_dataloader(self) -> DataLoader[PromptBatch]:
        split, module = self._split("train"), self._trainer.lightning_module
        order = split.order(self.mixture, seed=self.seed)
        if self.batch_size > len(order):
            raise ConfigError(
                f"data.batch_size is {self.batch_size}, and an epoch of {split.records.path} has {len(order)}"
                " records; lower it"
            )
        sampler = BlockSampler(
            order,
            batch_size=self.batch_size,
            rank=self._trainer.global_rank,
            world_size=self._trainer.world_size,
            accumulate=self._trainer.accumulate_grad_batches,
            passes=module.passes_per_block,
        )
        sampler.done = lambda: self._batches_done() + self.passed_over
        limit = self._trainer.limit_train_batches  # a count, or a share
        whole = len(sampler)
        sampler.limit = min(limit, whole) if isinstance(limit, int) else max(1, int(limit * whole))
        maker = self.maker(module.processor, module.train_response_tokens)
        on_bad: OnBad = "raise" if self.strict else "replace"
        dataset = PromptDataset(
            split.records, maker, on_bad=on_bad, known_bad=split.known_bad(), stand_ins=order.numbers()
        )
        kind = LookingAheadLoader if module.looks_ahead else ResumableLoader
        return load(dataset, sampler, workers=self.workers, seed=self.seed, kind=kind, again=True)

    def val_dataloader(self) -> DataLoader[PromptBatch] | list[Any]:
        """Every record that is not done once over all ranks, see `question_loader`."""
        if self.validate is None and self._trainer.state.fn == "fit":
            return []
        split, module = self.examined_split, self._trainer.lightning_module
        done = module.begin_examination()
        return self.question_loader(split.records, split.numbers().tolist(), done=done)

    def question_loader(
        self,
        records: RecordFile,
        numbers: Sequence[int],
        *,
        done: Container[int] = (),
        root: Path | None = None,
    ) -> DataLoader[PromptBatch]:
        """Batches of questions for this rank; the place of an unusable one stays empty.

        Args:
            records: the questions.
            numbers: which of them.
            done: those that need not be asked again.
            root: folder of their media; None for the data root.
        """
        module = self._trainer.lightning_module
        batches = deal(
            numbers,
            size=self.validation_batch_size,
            done=done,
            rank=self._trainer.global_rank,
            world_size=self._trainer.world_size,
        )
        maker = self.maker(module.processor, module.response_tokens, root=root)
        dataset = PromptDataset(records, maker, on_bad="raise" if self.strict else "skip")
        return load(dataset, batches, workers=self.workers, seed=self.seed)

    def test_dataloader(self) -> DataLoader[PromptBatch] | list[Any]:
        return self.val_dataloader()

    def predict_dataloader(self) -> DataLoader[PromptBatch]:
        """One question a batch, once over all ranks; the place of one that cannot be asked stays empty."""
        trainer, module = self._trainer, self._trainer.lightning_module
        maker = self.maker(module.processor, module.response_tokens, root=ROOT)
        numbers = range(len(self.asked))
        batches = deal(numbers, size=1, rank=trainer.global_rank, world_size=trainer.world_size)
        return load(AskedPrompts(self.asked, maker), batches, workers=self.workers, seed=self.seed)

    def on_before_batch_transfer(self, batch: PromptBatch, dataloader_idx: int) -> PromptBatch:
        """Counts what a batch met, here, in the process that can stop the run."""
        training = self._trainer.training
        if split := self.splits.get("train" if training else self.examined):
            split.quarantine.admit(batch.quarantined, seen=len(batch))
            if training and not len(batch):
                raise UserError(f"{split.records.path}: no usable record was found for a whole batch")
        return batch

    def state_dict(self) -> dict[str, Any]:
        if "train" not in self.splits:
            return {}
        return {"batches": self._batches_done(), "quarantine": self.splits["train"].quarantine.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._restored = state_dict
        if "train" in self.splits and state_dict:
            self.splits["train"].quarantine.load_state_dict(state_dict["quarantine"])

    def _batches_done(self) -> int:
        """Batches that this rank has trained on in all epochs.

        Lightning's epochs also rise when max_steps ends a run in mid-epoch, and its other counts run ahead of
        what a checkpoint in mid-step holds. It may ask for the first batch before it restores this one.
        """
        progress = self._trainer.fit_loop.epoch_loop.batch_progress
        return max(progress.total.processed, self._restored.get("batches", 0))

    def maker(
        self, processor: Qwen2_5_VLProcessor, response_tokens: int | None, *, root: Path | None = None
    ) -> PromptMaker:
        """Makes prompts as this run sees them; `root` stands in for the data root."""
        media = MediaReader(
            root or self.root, decode=self.decode, cache=self.cache.frames(), linked_roots=self.linked_roots
        )
        return PromptMaker(
            media,
            clip=self.clip,
            builder=PromptBuilder(processor, self.template),
            max_tokens=self.max_prompt_tokens,
            response_tokens=response_tokens,
        )

    @property
    def examined_split(self) -> Split:
        """The questions of `validate` and `test`."""
        return self._split(self.examined)

    @property
    def _questions(self) -> Path:
        return Path(self._trainer.default_root_dir).absolute() / "questions.jsonl"

    @property
    def _trainer(self) -> Any:
        assert self.trainer is not None, "the data module is used by a Trainer"
        return self.trainer

    def _split(self, name: str) -> Split:
        if name not in self.splits:
            raise ConfigError(f"data.{name} is missing: name a record file under data.root = {self.root}")
        split = self.splits[name]
        if not len(split.numbers()):
            why = f": {split.records.rejected[0].cause}" if split.records.rejected else ""
            raise ConfigError(
                f"data.{name}: {split.records.path} holds no usable record{why or '; is it the right file?'}"
            )
        return split
