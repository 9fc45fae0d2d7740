"""Log-probs of all responses of a question in one pass: vision tower and prompt run once, not G times.

Each question is one packed row

    [prompt | response 1 | response 2 | … | response G]

in which a response sees the prompt and itself (block mask), and whose positions restart after the prompt for
every response. The first token of each response is read off the prompt's last position. The result equals
scoring prompt + response row by row, to rounding (`tests/policy/test_group_pass.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch.utils.checkpoint import checkpoint
from transformers import Qwen2_5_VLForConditionalGeneration

from videor1.policy.embed import embed, prompt_positions
from videor1.types import Prompt

_CHUNK = 4096  # response tokens whose logits over the vocabulary exist at one time


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupPass:
    """Scores of N responses (question by question), right-padded to the longest, L tokens."""

    logprobs: Tensor  # (N, L) log-prob of each token; 0 where padded
    entropy: Tensor  # (N, L) of the distribution it was drawn from, detached; 0 where padded
    mask: Tensor  # (N, L) bool, True at response tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class _Packed:
    ids: Tensor  # (B, S)
    positions: Tensor  # (3, B, S)
    mask: Tensor  # (B, 1, S, S) bool, True where a query may look
    predictors: Tensor  # (M,) places in the flattened (B * S) hidden states that predict …
    targets: Tensor  # (M,) … these M tokens: all tokens of all responses, in order


def score_responses(
    model: Qwen2_5_VLForConditionalGeneration,
    prompts: Sequence[Prompt],
    responses: Sequence[Sequence[Tensor]],
    *,
    forbidden: Tensor | None = None,
    temperature: float = 1.0,
) -> GroupPass:
    """Scores every response under `model`; gradients flow if they are enabled.

    Args:
        prompts: B questions.
        responses: for each question its responses, each (C,) token ids; their number may differ.
        forbidden: (K,) ids left out of the softmax, as in sampling.
        temperature: the one of sampling, which divides the logits.
    """
    packed = _pack(model, prompts, responses)
    hidden = model.model.language_model(
        inputs_embeds=embed(model, packed.ids, prompts),
        position_ids=packed.positions,
        attention_mask={"full_attention": packed.mask},  # a dict is taken as it is
        use_cache=False,
    ).last_hidden_state
    states = hidden.flatten(0, 1)[packed.predictors]
    chunks = list(zip(states.split(_CHUNK), packed.targets.split(_CHUNK), strict=True))
    score = _token_scores if len(chunks) == 1 else partial(checkpoint, _token_scores, use_reentrant=False)
    pieces = [score(model.lm_head, *chunk, forbidden, temperature) for chunk in chunks]
    logprobs, entropy = (torch.cat(piece) for piece in zip(*pieces, strict=True))
    lengths = [len(response) for group in responses for response in group]
    return GroupPass(
        logprobs=pad_sequence(list(logprobs.split(lengths)), batch_first=True),
        entropy=pad_sequence(list(entropy.split(lengths)), batch_first=True),
        mask=torch.arange(max(lengths), device=states.device)
        < torch.tensor(lengths, device=states.device)[:, None],
    )


def _token_scores(
    head: torch.nn.Module, states: Tensor, targets: Tensor, forbidden: Tensor | None, temperature: float
) -> tuple[Tensor, Tensor]:
    """(M, hidden) states and (M,) targets → (M,) log-probs and (M,) entropies, in float32."""
    logits = head(states).float() / temperature
    if forbidden is not None:
        logits = logits.index_fill(-1, forbidden, -torch.inf)
    logprobs = logits.log_softmax(-1)
    with torch.no_grad():
        entropy = torch.special.entr(logprobs.exp()).sum(-1)
    return logprobs.gather(-1, targets[:, None])[:, 0], entropy


def _pack(
    model: Qwen2_5_VLForConditionalGeneration,
    prompts: Sequence[Prompt],
    responses: Sequence[Sequence[Tensor]],
) -> _Packed:
    ids, positions, segments, predictors = [], [], [], []
    for prompt, group in zip(prompts, responses, strict=True):
        prefix = prompt_positions(model, prompt)
        start, lengths = int(prefix.max()) + 1, [len(response) for response in group]
        counts = [torch.arange(length, device=prefix.device) for length in lengths]
        ids.append(torch.cat([prompt.input_ids, *group]))
        positions.append(torch.cat([prefix, *[(start + count).expand(3, -1) for count in counts]], dim=1))
        owner = torch.tensor([0, *range(1, len(group) + 1)], device=prefix.device)
        segments.append(
            owner.repeat_interleave(torch.tensor([len(prompt.input_ids), *lengths], device=prefix.device))
        )
        predictors.append(_predictors(len(prompt.input_ids), lengths).to(prefix.device))
    segment = pad_sequence(segments, batch_first=True, padding_value=-1)
    size = segment.shape[1]
    causal = torch.ones(size, size, dtype=torch.bool, device=segment.device).tril()
    shared = (segment[:, None, :] == 0) | (segment[:, None, :] == segment[:, :, None])
    return _Packed(
        ids=pad_sequence(ids, batch_first=True, padding_value=model.config.text_config.pad_token_id or 0),
        positions=pad_sequence([row.T for row in positions], batch_first=True).permute(2, 0, 1),
        mask=(shared & causal)[:, None],
        predictors=torch.cat([row + number * size for number, row in enumerate(predictors)]),
        targets=torch.cat([response for group in responses for response in group]),
    )


def _predictors(prompt_length: int, lengths: Sequence[int]) -> Tensor:
    """Place in the row that predicts each response token: the one before it, or the prompt's last."""
    places, start = [], prompt_length
    for length in lengths:
        places += [prompt_length - 1, *range(start, start + length - 1)] if length else []
        start += length
    return torch.tensor(places, dtype=torch.long)
