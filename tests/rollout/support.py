"""What tests of both engines compare."""

from __future__ import annotations

import torch

from videor1.policy.group_pass import score_responses
from videor1.types import Response


def ids(groups: list[list[Response]]) -> list[list[list[int]]]:
    return [[response.token_ids.tolist() for response in group] for group in groups]


def off_the_trainer(model, forbidden_ids, prompts, groups, temperature: float = 1.0) -> torch.Tensor:
    """How far the log-prob of each sampled token is from the group pass's."""
    with torch.no_grad():
        scored = score_responses(
            model,
            prompts,
            [[response.token_ids for response in group] for group in groups],
            forbidden=torch.tensor(forbidden_ids),
            temperature=temperature,
        )
    found = torch.cat([response.logprobs for group in groups for response in group])
    return (found - scored.logprobs[scored.mask]).abs()
