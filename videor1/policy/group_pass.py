"""Log-probs of all responses of a question in one pass: vision tower and prompt run once, not G times.

Equal to scoring prompt + response row by row, to rounding: log-probs and every gradient within 1e-5 in
float32 (`tests/policy/test_group_pass.py`). What it saves is tokens: G · (P + C) become P + G · C, and G runs
of the vision tower become one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from videor1.policy.attention import as_mask
from videor1.policy.model import Policy
from videor1.policy.packing import Attention, PackedRow, embed, pack
from videor1.policy.token_scores import Entropy, score_tokens
from videor1.policy.vision import encode
from videor1.types import NO_CLIP, Prompt, Record

_NOBODY = Record(
    problem_id=0,
    problem="",
    data_type="video",
    problem_type="free-form",
    options=(),
    solution="",
    path="",
    data_source="",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupPass:
    """Scores of N responses (question by question), right-padded to the longest, L tokens."""

    logprobs: Tensor  # (N, L) log-prob of each token; 0 where padded
    entropy: Tensor | None  # (N, L) of the distribution it was drawn from; None if not asked for
    mask: Tensor  # (N, L) bool, True at response tokens


def score_responses(
    model: Policy,
    prompts: Sequence[Prompt],
    responses: Sequence[Sequence[Tensor]],
    *,
    vision: Tensor | None = None,
    forbidden: Tensor | None = None,
    temperature: float = 1.0,
    entropy: Entropy = "watch",
    attention: Attention = "auto",
) -> GroupPass:
    """Scores every response under `model`; gradients flow if they are enabled.

    Args:
        model: loaded by `load_policy`, with the attention that knows packed rows.
        prompts: B questions.
        responses: for each question its responses, each (C,) token ids; their number may differ.
        vision: what `encode` made of these prompts, if that is at hand: by a frozen vision tower's twin.
        forbidden: (K,) ids left out of the softmax, as in sampling.
        temperature: the one of sampling, which divides the logits.
        entropy: "watch" computes also the entropies, "learn" with their gradient, "none" does not.
        attention: see `pack`.

    Raises:
        ConfigError: an attention that the device has not.
        ValueError: no response at all, or features that are not those of the prompts.
    """
    if not any(responses):
        raise ValueError("no responses to score")
    row = pack(model, prompts, responses, attention=attention)
    score = partial(score_tokens, forbidden=forbidden, temperature=temperature, entropy=entropy)
    logprobs, entropies = model.within(_score_row, row, prompts, vision, score)
    lengths = [len(response) for group in responses for response in group]
    return GroupPass(
        logprobs=_by_response(logprobs, lengths),
        entropy=None if entropies is None else _by_response(entropies, lengths),
        mask=torch.arange(max(lengths), device=row.ids.device)
        < torch.tensor(lengths, device=row.ids.device)[:, None],
    )


def _score_row(
    model: Policy,
    row: PackedRow,
    prompts: Sequence[Prompt],
    vision: Tensor | None,
    score: Callable[[nn.Module, Tensor, Tensor], tuple[Tensor, Tensor | None]],
) -> tuple[Tensor, Tensor | None]:
    """(M,) log-probs and entropies of all response tokens of a row."""
    hidden = model.model.language_model(
        inputs_embeds=embed(model, row.ids, encode(model, prompts) if vision is None else vision),
        position_ids=row.positions,
        attention_mask=as_mask(row.layout),
        use_cache=False,
    ).last_hidden_state
    return score(model.lm_head, hidden[0, row.predictors], row.targets)


def idle_pass(model: Policy) -> None:
    """What a rank without questions runs while others run `score_responses`, so that none waits for it.

    Where weights are cut up they are gathered by all ranks together, module by module.
    """
    ids = torch.zeros(2, dtype=torch.long, device=model.device)
    nothing = torch.zeros(0, 3 * 2 * 14 * 14, dtype=torch.uint8, device=model.device)
    grids = torch.zeros(0, 3, dtype=torch.long, device=model.device)
    prompt = Prompt(record=_NOBODY, clip=NO_CLIP, input_ids=ids, patches=nothing, grid_thw=grids)
    score_responses(model, [prompt], [[ids]], entropy="none")


def _by_response(values: Tensor, lengths: list[int]) -> Tensor:
    """(M,) values of all tokens → (N, L), 0 where padded."""
    return pad_sequence(list(values.split(lengths)), batch_first=True)
