"""What the policy learns from rewards: advantages within a group, and the losses."""

from videor1.objective.advantages import Scale, group_advantages
from videor1.objective.correction import Correction, CorrectionSettings, Level, importance_correction
from videor1.objective.loss import PolicyLoss, k3, policy_loss, sft_loss

__all__ = [
    "Correction",
    "CorrectionSettings",
    "Level",
    "PolicyLoss",
    "Scale",
    "group_advantages",
    "importance_correction",
    "k3",
    "policy_loss",
    "sft_loss",
]
