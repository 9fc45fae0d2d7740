"""Rollouts with the policy itself: vision and prompt once a question, then all responses step by step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import DynamicCache, Qwen2_5_VLForConditionalGeneration, Qwen2_5_VLProcessor

from videor1.policy.embed import embed, prompt_positions
from videor1.policy.loading import end_token_ids, unspeakable_token_ids
from videor1.rollout.engine import Sampling
from videor1.types import Prompt, Response

_DROP_SHARE = 0.25  # finished rows are dropped from the cache once they are more than this share


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prefill:
    cache: DynamicCache  # keys and values of N rows
    hidden: Tensor  # (N, hidden) at each prompt's last token
    visible: Tensor  # (N, P) bool, False at left padding
    next_position: Tensor  # (N,) M-RoPE position of the first response token


class HFEngine:
    """Engine on a transformers model in this process.

    Args:
        model: the policy; its weights are read at each call, so there is nothing to push.
        processor: decodes the responses.
        max_rows: most responses decoded side by side; more are done in turns.
    """

    def __init__(
        self,
        model: Qwen2_5_VLForConditionalGeneration,
        processor: Qwen2_5_VLProcessor,
        *,
        max_rows: int = 512,
    ) -> None:
        self.model = model
        self.processor = processor
        self.max_rows = max_rows
        self.end_ids = end_token_ids(model)
        self.forbidden_ids = unspeakable_token_ids(model, processor)

    @torch.no_grad()
    def generate(
        self, prompts: Sequence[Prompt], counts: Sequence[int], sampling: Sampling, *, seed: int
    ) -> list[list[Response]]:
        """See `Engine.generate`."""
        if not prompts:
            return []
        generator = torch.Generator(device=self.model.device).manual_seed(seed)
        was_training = self.model.training
        self.model.eval()
        groups: list[list[Response]] = []
        for turn in self._turns(counts):
            tokens = self._decode(self._prefill(prompts[turn], counts[turn]), sampling, generator)
            responses = iter([self._response(row) for row in tokens.tolist()])
            groups += [[next(responses) for _ in range(count)] for count in counts[turn]]
        self.model.train(was_training)
        return groups

    def _turns(self, counts: Sequence[int]) -> Iterator[slice]:
        """Slices of questions whose responses together are at most `max_rows` (or one question)."""
        start, rows = 0, 0
        for number, count in enumerate(counts):
            if rows and rows + count > self.max_rows:
                yield slice(start, number)
                start, rows = number, 0
            rows += count
        yield slice(start, len(counts))

    def _prefill(self, prompts: Sequence[Prompt], counts: Sequence[int]) -> _Prefill:
        """Runs each prompt once and repeats its cache for its responses."""
        device = self.model.device
        ids = [prompt.input_ids for prompt in prompts]
        positions = [prompt_positions(self.model, prompt) for prompt in prompts]
        visible = _pad_left([torch.ones_like(row, dtype=torch.bool) for row in ids])
        size = visible.shape[1]
        causal = torch.ones(size, size, dtype=torch.bool, device=device).tril()
        # a padding token sees itself, lest its softmax be empty; nothing ever sees a padding token
        mask = (causal & visible[:, None, :]) | torch.eye(size, dtype=torch.bool, device=device)
        cache = DynamicCache(config=self.model.config)
        hidden = self.model.model.language_model(
            inputs_embeds=embed(self.model, _pad_left(ids), prompts),
            position_ids=torch.stack([_pad_left([row[axis] for row in positions]) for axis in range(3)]),
            attention_mask={"full_attention": mask[:, None]},
            past_key_values=cache,
            use_cache=True,
        ).last_hidden_state[:, -1]
        rows = torch.repeat_interleave(torch.arange(len(prompts)), torch.tensor(counts)).to(device)
        cache.batch_select_indices(rows)
        after = torch.stack([row.max() + 1 for row in positions])
        return _Prefill(cache=cache, hidden=hidden[rows], visible=visible[rows], next_position=after[rows])

    def _decode(self, prefill: _Prefill, sampling: Sampling, generator: torch.Generator) -> Tensor:
        """(N, C) token ids; a row that has reached its end token repeats it."""
        hidden, visible, position = prefill.hidden, prefill.visible, prefill.next_position
        ends = torch.tensor(self.end_ids, device=hidden.device)
        rows = torch.arange(len(hidden), device=hidden.device)  # those still decoded, done ones among them
        done = torch.zeros_like(rows, dtype=torch.bool)
        tokens: list[Tensor] = []
        for step in range(sampling.max_new_tokens):
            drawn = torch.where(done, ends[0], self._draw(hidden, sampling, generator))
            tokens.append(ends[0].repeat(len(prefill.hidden)).index_copy(0, rows, drawn))
            done |= torch.isin(drawn, ends)
            if done.all() or step == sampling.max_new_tokens - 1:
                break
            if done.float().mean() > _DROP_SHARE:
                kept = (~done).nonzero()[:, 0]
                prefill.cache.batch_select_indices(kept)
                rows, drawn, done = rows[kept], drawn[kept], done[kept]
                visible, position = visible[kept], position[kept]
            visible = torch.cat([visible, visible.new_ones(len(visible), 1)], dim=1)
            hidden = self.model.model.language_model(
                inputs_embeds=self.model.get_input_embeddings()(drawn[:, None]),
                position_ids=(position + step).expand(3, -1)[..., None],
                attention_mask={"full_attention": visible[:, None, None, :]},
                past_key_values=prefill.cache,
                use_cache=True,
            ).last_hidden_state[:, -1]
        return torch.stack(tokens, dim=1)

    def _draw(self, hidden: Tensor, sampling: Sampling, generator: torch.Generator) -> Tensor:
        """(N, hidden) → (N,) token ids."""
        logits = self.model.lm_head(hidden).float()
        logits[:, self.forbidden_ids] = -torch.inf
        if sampling.temperature == 0:
            return logits.argmax(-1)
        probabilities, ids = (logits / sampling.temperature).softmax(-1), None
        if sampling.top_p < 1:
            probabilities, ids = probabilities.sort(-1, descending=True)
            probabilities[probabilities.cumsum(-1) - probabilities >= sampling.top_p] = 0
        # inverse of the cumulative distribution: one random number a row; multinomial draws one a token
        cumulative = probabilities.double().cumsum(-1)
        uniform = torch.rand(len(hidden), 1, generator=generator, device=hidden.device, dtype=torch.float64)
        place = torch.searchsorted(cumulative, uniform * cumulative[:, -1:], right=True)
        return (place if ids is None else ids.gather(-1, place))[:, 0]

    def _response(self, row: list[int]) -> Response:
        end = next((place for place, token in enumerate(row) if token in self.end_ids), None)
        spoken = row[:end]
        return Response(
            token_ids=torch.tensor(row if end is None else row[: end + 1], device=self.model.device),
            text=self.processor.tokenizer.decode(spoken, skip_special_tokens=True),
            finished=end is not None,
        )


def _pad_left(rows: Sequence[Tensor]) -> Tensor:
    """Rows of different lengths → (rows, longest), filled with zeros on the left."""
    return pad_sequence([row.flip(0) for row in rows], batch_first=True).flip(1)
