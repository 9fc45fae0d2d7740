"""What the policy learns from rewards: advantages within a group, and the losses."""

from videor1.objective.advantages import Scale, group_advantages
from videor1.objective.correction import Correction, CorrectionSettings, Level, importance_correction
from videor1.objective.credit import (
    BY_PERTURBED_TOKENS,
    BY_RESPONSES,
    BY_TOKENS,
    BY_WEIGHT,
    Credit,
    Measured,
    credited_advantages,
    token_weights,
)
from videor1.objective.divergence import k3, kl_penalty
from videor1.objective.loss import PolicyLoss, policy_loss, sft_loss
from videor1.objective.loss_settings import LossSettings

__all__ = [
    "BY_PERTURBED_TOKENS",
    "BY_RESPONSES",
    "BY_TOKENS",
    "BY_WEIGHT",
    "Correction",
    "CorrectionSettings",
    "Credit",
    "Level",
    "LossSettings",
    "Measured",
    "PolicyLoss",
    "Scale",
    "credited_advantages",
    "group_advantages",
    "importance_correction",
    "k3",
    "kl_penalty",
    "policy_loss",
    "sft_loss",
    "token_weights",
]
