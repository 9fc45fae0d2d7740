"""What a credit by tokens looks at: log-probs of the same responses to the clip and to the perturbed clip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from videor1.modules.scorer import Scorer
from videor1.objective import BY_PERTURBED_TOKENS, BY_TOKENS, Credit, token_weights
from videor1.types import Group


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenSignal:
    """What each token of B * G responses says for its credit, see `videor1.objective.credit`."""

    values: Tensor  # (N, L) Δ_t, log π(y_t | clip) or the entropy of its distribution, by the credit
    mask: Tensor  # (N, L) bool, True at response tokens

    def sums(self) -> Tensor:
        """(N,) of whole responses."""
        return self.values.masked_fill(~self.mask, 0.0).sum(dim=1)

    def weights(self, rows: Tensor) -> Tensor:
        """(R, L) weights of the tokens of some responses, `rows` (R,), padded to the longest of these."""
        mask = self.mask[rows]
        return token_weights(self.values[rows].abs(), mask)[:, : int(mask.sum(dim=1).max())]


def token_signal(
    scorer: Scorer, groups: Sequence[Group], credit: Credit, *, exact: bool
) -> TokenSignal | None:
    """That of a credit by tokens; None for others. `exact`: the engine's log-probs are the trainer's."""
    if credit not in BY_TOKENS:
        return None
    if credit == "token_entropy":
        entropy = scorer.by_policy(groups, entropy="watch").entropy
        assert entropy is not None
        values = entropy * _of_videos(groups)
    else:
        values = ordered_logprobs(scorer, groups, exact=exact)
        if credit in BY_PERTURBED_TOKENS:
            values = values - scorer.by_policy_perturbed(groups, values)
    return TokenSignal(values=values, mask=response_mask(groups))


def ordered_logprobs(scorer: Scorer, groups: Sequence[Group], *, exact: bool) -> Tensor:
    """(N, L) log-probs of the ordered responses by the policy; a pass only where the engine's differ."""
    return sampled_logprobs(groups) if exact else scorer.by_policy(groups).logprobs


def sampled_logprobs(groups: Sequence[Group]) -> Tensor:
    """(N, L) log-probs with which the engine drew the ordered responses, 0 where padded."""
    return pad_sequence([one.logprobs for group in groups for one in group.ordered], batch_first=True)


def response_mask(groups: Sequence[Group]) -> Tensor:
    """(N, L) bool, True at the tokens of the ordered responses."""
    ids = [one.token_ids for group in groups for one in group.ordered]
    return pad_sequence([torch.ones_like(one, dtype=torch.bool) for one in ids], batch_first=True)


def _of_videos(groups: Sequence[Group]) -> Tensor:
    """(N, 1) bool, True for responses to videos."""
    timed = [group.prompt.clip.is_video for group in groups for _ in group.ordered]
    return torch.tensor(timed, device=groups[0].prompt.input_ids.device)[:, None]
