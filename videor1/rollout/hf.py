"""Rollouts with the policy itself: vision and prompt once a question, then all responses step by step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from transformers import Qwen2_5_VLProcessor

from videor1.errors import ConfigError
from videor1.policy.attention import Layout, as_mask
from videor1.policy.loading import end_token_ids, unspeakable_token_ids
from videor1.policy.model import Policy
from videor1.policy.packing import embed, pack, prompt_positions
from videor1.policy.vision import encode
from videor1.policy.weights import PolicyWeights
from videor1.rollout.draw import draw_tokens, uniforms
from videor1.rollout.engine import Reading, Sampling, Watch
from videor1.rollout.kv import DecodingLayout, PromptKV
from videor1.rollout.packed_linear import has_products, packed_linears
from videor1.types import Prompt, Response

_DROP_SHARE = 0.25  # finished rows are dropped once they are more than this share


@dataclass(frozen=True, kw_only=True)
class HFEngineSettings:
    """How the Hugging Face engine works.

    Args:
        max_rows: most responses decoded side by side; more are done in turns, though never less than all of
            one question.
        products: type of the matrix products of decoding on a CPU; "auto" is the model's own. With bfloat16,
            where the CPU has instructions for it, half the bytes are read; responses are then drawn from a
            slightly different policy than the one that is trained in float32.
    """

    max_rows: int = 512
    products: Literal["auto", "float32", "bfloat16"] = "auto"

    def __post_init__(self) -> None:
        if self.max_rows < 1:
            raise ConfigError(f"model.rollout.hf.max_rows must be at least 1, got {self.max_rows}")
        if self.products == "bfloat16" and not has_products(torch.bfloat16):
            raise ConfigError("model.rollout.hf.products: this CPU has no products of bfloat16")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Written:
    ids: Tensor  # (N, C); a row that has reached its end token repeats it
    logprobs: Tensor  # (N, C)


class HFEngine:
    """Engine on a transformers model in this process.

    Args:
        model: the policy; its weights are read at each call, so there is nothing to take over.
        processor: decodes the responses.
        settings: see there.
    """

    def __init__(
        self,
        model: Policy,
        processor: Qwen2_5_VLProcessor,
        settings: HFEngineSettings = HFEngineSettings(),
    ) -> None:
        self.model = model
        self.processor = processor
        self.settings = settings
        self.end_ids = end_token_ids(model.generation_config)
        self.forbidden_ids = unspeakable_token_ids(model.config, model.generation_config, processor)

    @property
    def dtype(self) -> torch.dtype:
        """See `Engine.dtype`."""
        named = self.settings.products
        return self.model.dtype if named == "auto" else getattr(torch, named)

    def sync(self, weights: PolicyWeights, *, version: int) -> None:
        """See `Engine.sync`: the policy's weights are its own."""

    @torch.no_grad()
    def generate(
        self,
        prompts: Sequence[Prompt],
        counts: Sequence[int],
        sampling: Sampling,
        *,
        seed: int,
        watch: Watch | None = None,
    ) -> list[list[Response]]:
        """See `Engine.generate`."""
        if not sum(counts):
            return [[] for _ in prompts]
        groups: list[list[Response]] = []
        rows = min(sum(counts), self.settings.max_rows)
        with _evaluating(self.model), packed_linears(self.model, rows, self.dtype):
            for turn in self._turns(counts):
                first = sum(counts[: turn.start])
                written = self._write(prompts[turn], counts[turn], sampling, seed, watch, first)
                each = zip(written.ids.tolist(), written.logprobs, strict=True)
                groups += [[self._response(*next(each)) for _ in range(count)] for count in counts[turn]]
        return groups

    def read(self, prompts: Sequence[Prompt]) -> list[Reading]:
        """See `Engine.read`."""
        return [
            Reading(token_ids=prompt.input_ids, positions=prompt_positions(self.model.config, prompt))
            for prompt in prompts
        ]

    def close(self) -> None:
        """See `Engine.close`: there is nothing to give back."""

    def _turns(self, counts: Sequence[int]) -> Iterator[slice]:
        """Slices of questions whose responses together are at most `max_rows` (or one question)."""
        start, rows = 0, 0
        for number, count in enumerate(counts):
            if rows and rows + count > self.settings.max_rows:
                yield slice(start, number)
                start, rows = number, 0
            rows += count
        yield slice(start, len(counts))

    def _write(
        self,
        prompts: Sequence[Prompt],
        counts: Sequence[int],
        sampling: Sampling,
        seed: int,
        watch: Watch | None,
        first: int,
    ) -> _Written:
        """Responses to some questions, all a token further with each step; `watch` counts from `first`."""
        hidden, position, layout = self._prefill(prompts, counts)
        ends = torch.tensor(self.end_ids, device=hidden.device)
        forbidden = torch.tensor(self.forbidden_ids, device=hidden.device)
        filler = int(self.end_ids[0])
        size = len(hidden)
        random = uniforms(prompts, counts, sampling.max_new_tokens, seed=seed).to(hidden.device)
        alive = torch.arange(size, device=hidden.device)  # rows still decoded, finished ones among them
        done = torch.zeros_like(alive, dtype=torch.bool)
        ids, logprobs = [], []
        for step in range(sampling.max_new_tokens):
            drawn, scores = draw_tokens(
                self.model.lm_head(hidden).float(),
                sampling,
                forbidden=forbidden,
                uniform=random[alive, step],
            )
            drawn = drawn.masked_fill(done, filler)
            ids.append(drawn.new_full((size,), filler).index_copy(0, alive, drawn))
            logprobs.append(scores.new_zeros(size).index_copy(0, alive, scores))
            if watch is not None:
                for row, token in zip(alive[~done].tolist(), drawn[~done].tolist(), strict=True):
                    watch(first + row, [token])
            done |= torch.isin(drawn, ends)
            finished = int(done.sum())
            if finished == len(done) or step == sampling.max_new_tokens - 1:
                break
            if finished > _DROP_SHARE * len(done):
                kept = (~done).nonzero()[:, 0]
                layout.keep(kept)
                alive, drawn, done, position = alive[kept], drawn[kept], done[kept], position[kept]
            embeddings = self.model.get_input_embeddings()(drawn[:, None])
            hidden = self._run(embeddings, (position + step).expand(3, -1)[..., None], layout)[:, 0]
            layout.advance()
        return _Written(ids=torch.stack(ids, dim=1), logprobs=torch.stack(logprobs, dim=1))

    def _prefill(
        self, prompts: Sequence[Prompt], counts: Sequence[int]
    ) -> tuple[Tensor, Tensor, DecodingLayout]:
        """(N, hidden) states that predict first tokens, (N,) positions of these, and what they attend to."""
        row = pack(self.model, prompts, [() for _ in prompts])
        prefill = PromptKV(layout=row.layout)
        hidden = self._run(embed(self.model, row.ids, encode(self.model, prompts)), row.positions, prefill)
        question = torch.arange(len(prompts)).repeat_interleave(torch.tensor(counts)).to(row.ids.device)
        last = torch.tensor([place.stop - 1 for place in row.prompts], device=row.ids.device)
        after = torch.stack([row.positions[:, 0, place].max() + 1 for place in row.prompts])
        return hidden[0, last][question], after[question], DecodingLayout(prefill, row.prompts, counts)

    def _run(self, embeddings: Tensor, positions: Tensor, layout: Layout) -> Tensor:
        """(B, S, hidden) embeddings → hidden states of the same shape."""
        hidden: Tensor = self.model.model.language_model(
            inputs_embeds=embeddings, position_ids=positions, attention_mask=as_mask(layout), use_cache=False
        ).last_hidden_state
        return hidden

    def _response(self, row: list[int], logprobs: Tensor) -> Response:
        end = next((place for place, token in enumerate(row) if token in self.end_ids), None)
        length = len(row) if end is None else end + 1
        return Response(
            token_ids=torch.tensor(row[:length], device=self.model.device),
            logprobs=logprobs[:length],
            text=self.processor.tokenizer.decode(row[:end], skip_special_tokens=True),
            finished=end is not None,
        )


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """Within it the model is in evaluation mode; afterwards each of its modules is in the mode it was in."""
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True
