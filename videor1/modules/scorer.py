"""Log-probs of a batch's responses by the policy and by the model that training began from."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from videor1.policy.adapters import adapters_off
from videor1.policy.group_pass import GroupPass, idle_pass, score_responses
from videor1.policy.model import Policy
from videor1.policy.packing import Attention
from videor1.policy.token_scores import Entropy
from videor1.policy.vision import encode
from videor1.types import Group, Prompt


class Scorer:
    """The group pass over ordered responses, under the distribution that they were sampled from.

    Args:
        policy: that learns.
        reference: that it began from; None for the policy without its adapters.
        forbidden: (K,) ids that are not sampled.
        temperature: of sampling.
        attention: see `pack`.
    """

    def __init__(
        self,
        policy: Policy,
        reference: Policy | None,
        *,
        forbidden: Tensor,
        temperature: float,
        attention: Attention,
    ) -> None:
        self._policy = policy
        self._reference = reference
        self._forbidden = forbidden
        self._temperature = temperature
        self._attention = attention

    def vision(self, groups: Sequence[Group]) -> Tensor | None:
        """What a tower that does not learn sees, for policy and reference together; None if it learns."""
        if any(parameter.requires_grad for parameter in self._policy.model.visual.parameters()):
            return None
        return self._policy.within(encode, [group.prompt for group in groups])

    def by_policy(
        self, groups: Sequence[Group], *, vision: Tensor | None = None, entropy: Entropy = "none"
    ) -> GroupPass:
        """(N, L) scores of all ordered responses, N = len(groups) * G."""
        return self._score(self._policy, [group.prompt for group in groups], groups, vision, entropy)

    def by_reference(self, groups: Sequence[Group], *, vision: Tensor | None = None) -> Tensor:
        """(N, L) log-probs of the ordered responses."""
        prompts = [group.prompt for group in groups]
        if self._reference is not None:
            return self._score(self._reference, prompts, groups, vision).logprobs
        with adapters_off(self._policy):
            return self._score(self._policy, prompts, groups, vision).logprobs

    def by_policy_perturbed(self, groups: Sequence[Group], otherwise: Tensor) -> Tensor:
        """(N, L) log-probs of the ordered responses to videos, had the model seen the perturbed clip.

        Responses to images keep those of `otherwise` (N, L).
        """
        timed = [group for group in groups if group.perturbed is not None]
        if not timed:
            idle_pass(self._policy)  # other ranks may have videos
            return otherwise
        prompts = [group.perturbed for group in timed if group.perturbed is not None]
        scored = self._score(self._policy, prompts, timed)
        size = len(groups[0].ordered)
        rows = torch.tensor([group.perturbed is not None for group in groups]).repeat_interleave(size)
        result = otherwise.clone()
        result[rows.to(result.device), : scored.logprobs.shape[1]] = scored.logprobs
        return result

    def _score(
        self,
        model: Policy,
        prompts: Sequence[Prompt],
        groups: Sequence[Group],
        vision: Tensor | None = None,
        entropy: Entropy = "none",
    ) -> GroupPass:
        return score_responses(
            model,
            prompts,
            [[response.token_ids for response in group.ordered] for group in groups],
            vision=vision,
            forbidden=self._forbidden,
            temperature=self._temperature,
            entropy=entropy,
            attention=self._attention,
        )
