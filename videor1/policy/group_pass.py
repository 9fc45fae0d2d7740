"""Log-probs of all responses of a question in one pass: vision tower and prompt run once, not G times.

Equal to scoring prompt + response row by row, to rounding: log-probs and every gradient within 1e-5 in
float32 (`tests/policy/test_group_pass.py`). What it saves is tokens: G · (P + C) become P + G · C, and G runs
of the vision tower become one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import Qwen2_5_VLForConditionalGeneration

from videor1.policy.attention import as_mask
from videor1.policy.packing import Attention, embed, pack
from videor1.policy.token_scores import score_tokens
from videor1.policy.vision import encode
from videor1.types import Prompt


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupPass:
    """Scores of N responses (question by question), right-padded to the longest, L tokens."""

    logprobs: Tensor  # (N, L) log-prob of each token; 0 where padded
    entropy: Tensor | None  # (N, L) of the distribution it was drawn from, detached; None if not asked for
    mask: Tensor  # (N, L) bool, True at response tokens


def score_responses(
    model: Qwen2_5_VLForConditionalGeneration,
    prompts: Sequence[Prompt],
    responses: Sequence[Sequence[Tensor]],
    *,
    vision: Tensor | None = None,
    forbidden: Tensor | None = None,
    temperature: float = 1.0,
    entropy: bool = True,
    attention: Attention = "auto",
) -> GroupPass:
    """Scores every response under `model`; gradients flow if they are enabled.

    Args:
        model: loaded by `load_policy`, which gives it the attention that knows packed rows.
        prompts: B questions.
        responses: for each question its responses, each (C,) token ids; their number may differ.
        vision: what `encode` made of these prompts, if that is at hand: by a frozen vision tower's twin.
        forbidden: (K,) ids left out of the softmax, as in sampling.
        temperature: the one of sampling, which divides the logits.
        entropy: whether to compute also the entropies.
        attention: see `pack`.

    Raises:
        ConfigError: an attention that the device has not.
        ValueError: no response at all, or features that are not those of the prompts.
    """
    if not any(responses):
        raise ValueError("no responses to score")
    row = pack(model, prompts, responses, attention=attention)
    hidden = model.model.language_model(
        inputs_embeds=embed(model, row.ids, encode(model, prompts) if vision is None else vision),
        position_ids=row.positions,
        attention_mask=as_mask(row.layout),
        use_cache=False,
    ).last_hidden_state
    logprobs, entropies = score_tokens(
        model.lm_head,
        hidden[0, row.predictors],
        row.targets,
        forbidden=forbidden,
        temperature=temperature,
        entropy=entropy,
    )
    lengths = [len(response) for group in responses for response in group]
    return GroupPass(
        logprobs=_by_response(logprobs, lengths),
        entropy=None if entropies is None else _by_response(entropies, lengths),
        mask=torch.arange(max(lengths), device=hidden.device)
        < torch.tensor(lengths, device=hidden.device)[:, None],
    )


def _by_response(values: Tensor, lengths: list[int]) -> Tensor:
    """(M,) values of all tokens → (N, L), 0 where padded."""
    return pad_sequence(list(values.split(lengths)), batch_first=True)
