"""Any Qwen2.5-VL folder under Lightning: validate, test and predict. Training stages build on it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch import Tensor
from transformers import Qwen2_5_VLProcessor

from videor1.data.batch import PromptBatch
from videor1.data.datamodule import VideoDataModule
from videor1.errors import ConfigError
from videor1.evaluation.examination import Examination
from videor1.evaluation.judge import Judgement
from videor1.evaluation.scores import Marks, curves
from videor1.evaluation.ways import EvaluationSettings
from videor1.modules.examining import examination_of
from videor1.policy.group_pass import GroupPass, idle_pass, score_responses
from videor1.policy.loading import compute_dtype, load_policy, load_processor, unspeakable_token_ids
from videor1.policy.model import Policy
from videor1.policy.packing import Attention
from videor1.policy.weights import PolicyWeights
from videor1.rollout.agreement import Agreement
from videor1.rollout.engine import Engine, Watch
from videor1.rollout.loop import GroupSettings, RolloutLoop
from videor1.rollout.settings import EngineSettings, Surroundings, build_engine
from videor1.strategies import holds_shards, place, settle
from videor1.types import Group, Prompt


class PolicyModule(LightningModule):
    """Holds the policy and everything that only reads it.

    Args:
        policy: Hugging Face folder (or hub name) of a Qwen2.5-VL.
        evaluation: how validation examines the model.
        rollout: which engine writes responses, in training, validation and prediction.
        attention: of the group pass, see `videor1.policy.packing.pack`.
        seed: of rollouts and frame orders; the command line sets it to seed_everything.
    """

    # What the data module asks the module that is trained:
    passes_per_block = 1  # how often each accumulation block comes in a row
    train_response_tokens: int | None = None  # kept free behind a prompt; None for the record's own target
    looks_ahead = False  # whether a training batch has to bring the one that follows it

    def __init__(
        self,
        policy: str,
        *,
        evaluation: EvaluationSettings = EvaluationSettings(),
        rollout: EngineSettings = EngineSettings(),
        attention: Attention = "auto",
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.policy_path = policy
        self.evaluation = evaluation
        self.rollout = rollout
        self.attention = attention
        self.seed = seed
        self.model: Policy | None = None
        self._asks_elsewhere = False  # the engine has its own weights, and nothing here computes with them
        self._engine: Engine | None = None
        self._weights: PolicyWeights | None = None  # that the engine takes over, unless it has the policy's
        self.examination: Examination | None = None  # under way, or the last one
        self.marks: Marks | None = None  # of the last one, for callbacks to read
        self.predicted: tuple[Group, ...] = ()  # of the last prediction batch, likewise
        self.watch: Watch | None = None  # of the next prediction batch, for a callback to set
        self.processor: Qwen2_5_VLProcessor = load_processor(policy)

    @property
    def policy(self) -> Policy:
        """The policy's weights, once `configure_model` has run."""
        assert self.model is not None, "the policy is loaded by configure_model"
        return self.model

    @property
    def response_tokens(self) -> int:
        """Most tokens that validation and prediction let the model write."""
        return self.evaluation.sampling.max_new_tokens

    def configure_model(self) -> None:
        """Loads the weights inside the strategy's context; runs again before every entry point."""
        if self.model is None and not self._asks_elsewhere:
            self.model = self.load(self.prepare)

    def load(self, prepare: Callable[[Policy], None]) -> Policy:
        """The model of `policy`, in the strategy's hands; `prepare` sees it before it is cut up."""
        load = partial(load_policy, self.policy_path, dtype=self.weights_dtype)
        return place(self.trainer.strategy, load, prepare, precision=str(self.trainer.precision))

    def prepare(self, model: Policy) -> None:
        """Says what of the policy learns: nothing has to."""

    @property
    def weights_dtype(self) -> torch.dtype:
        """What models are loaded in."""
        return torch.get_default_dtype()

    @property
    def engine(self) -> Engine:
        """The rollout engine; built when it is first used, since all processes have to be there by then."""
        if self._engine is None:
            self._engine = build_engine(
                self.rollout, self.policy_path, self.model, self.processor, self._surroundings()
            )
            if self.model is None:
                return self._engine
            if self.rollout.engine != "hf" or holds_shards(self.trainer.strategy):
                self._weights = PolicyWeights(self.model)
            ids = unspeakable_token_ids(self.policy.config, self.policy.generation_config, self.processor)
            self.forbidden = torch.tensor(ids, device=self.device)
            self.agreement = Agreement(
                self._engine,
                self._score_plainly,
                self.policy.config,
                self.rollout.agreement,
                dtype=compute_dtype(self.trainer.precision),
            )
        return self._engine

    def sync_engine(self) -> None:
        """Gives the engine the policy's weights as they are at this step."""
        engine = self.engine
        if self._weights is not None:
            settle(self.trainer.strategy)
            engine.sync(self._weights, version=self.global_step)

    @contextmanager
    def scoring(self) -> Iterator[None]:
        """Log-probs within it are computed as in a training step, without gradients."""
        with torch.no_grad(), self.trainer.precision_plugin.forward_context():
            yield

    def _score_plainly(
        self, prompts: Sequence[Prompt], responses: Sequence[Sequence[Tensor]]
    ) -> GroupPass | None:
        with self.scoring():
            if not prompts:
                idle_pass(self.policy)
                return None
            return score_responses(
                self.policy,
                prompts,
                responses,
                forbidden=self.forbidden,
                entropy="none",
                attention=self.attention,
            )

    def setup(self, stage: str) -> None:
        unchecked = self.rollout.engine != "hf" and self.rollout.agreement.every == 0
        self._asks_elsewhere = stage != "fit" and unchecked
        self.examination = None

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        if self.model is None:
            raise ConfigError(
                "ckpt_path: with model.rollout.agreement.every 0 only the engine has weights, those of"
                " model.policy; export the checkpoint and name it there"
            )
        found = checkpoint.get("state_dict")  # where shards are saved, they are in files of their own
        if found is not None and (wrong := set(self.state_dict()).symmetric_difference(found)):
            raise ConfigError(f"ckpt_path: a checkpoint of another model; differs in {sorted(wrong)[:3]} …")

    def begin_examination(self) -> Collection[int]:
        """Opens the examination; returns the numbers of the questions that need not be asked again."""
        self.examination = examination_of(self, self._datamodule)
        return self.examination.done

    def teardown(self, stage: str) -> None:
        if self._engine is not None:
            self._engine.close()
            self._engine = None

    @property
    def _datamodule(self) -> VideoDataModule:
        return self.trainer.datamodule  # type: ignore[attr-defined]  # the CLI's Trainer has it

    def _surroundings(self) -> Surroundings:
        return Surroundings(
            folder=Path(self.trainer.default_root_dir),
            rank=self.global_rank,
            dtype=compute_dtype(self.trainer.precision),
            longest=self._datamodule.max_prompt_tokens,
            sharded=holds_shards(self.trainer.strategy),
            device=self.device,
            barrier=self.trainer.strategy.barrier,
        )

    def on_validation_epoch_start(self) -> None:
        self.sync_engine()
        if self.trainer.state.fn == "fit":  # whose loader is used again
            self.begin_examination()
        assert self.examination is not None
        self.examination.start(self.engine, self.processor, self.device)

    def validation_step(self, batch: PromptBatch, batch_idx: int) -> dict[str, list[Judgement]]:
        assert self.examination is not None
        if self._weights is not None and self.agreement.due(self.global_step):
            self.agreement.check(batch.prompts, step=self.global_step)
        return {"judgements": self.examination.ask(batch)}

    def on_validation_epoch_end(self) -> None:
        assert self.examination is not None
        self.marks = self.examination.finish()
        for name, value in curves(self.marks).items():
            self.log(f"validation/{name}", value, rank_zero_only=True)

    on_test_epoch_start = on_validation_epoch_start
    test_step = validation_step
    on_test_epoch_end = on_validation_epoch_end

    def on_predict_epoch_start(self) -> None:
        self.sync_engine()

    def predict_step(self, batch: PromptBatch, batch_idx: int) -> list[str]:
        settings = GroupSettings(group_size=1, shuffled_size=0, sampling=self.evaluation.sampling)
        loop = RolloutLoop(self.engine, settings, seed=self.seed)
        number = batch_idx * self.trainer.world_size + self.global_rank  # the same on any number of ranks
        self.predicted = loop.collect(batch.prompts, step=number, watch=self.watch)
        return [group.ordered[0].text for group in self.predicted]
