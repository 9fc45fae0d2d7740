"""The arms of the ablation: what each changes in configs/ablation/tgrpo.yaml, and what it is compared with.

A new arm is one more line of `ARMS`. T-GRPO samples 8 ordered responses a question and 4 shuffled ones a
video. As three quarters of the questions are videos, plain GRPO with 8 + 4 * 0.75 = 11 samples as many.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

BASELINE = "grpo_tokens"  # plain GRPO of equal sampled tokens
EQUAL_STEPS = "grpo"  # plain GRPO of equal steps
UNTRAINED, WO_IMAGE = "zero", "wo_image"


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One way to train, or not to train.

    Args:
        model: laid over the config's model.init_args.
        overlays: config files laid over the config before that.
        from_sft: begins with the checkpoint of SFT, else with the world's untrained model.
        trains: else the checkpoint is only examined.
        twin: the arm that differs in nothing but that it does not measure the effect of frame order.
    """

    model: Mapping[str, Any] = field(default_factory=dict)
    overlays: tuple[str, ...] = ()
    from_sft: bool = True
    trains: bool = True
    twin: str | None = None


def _arm(
    credit: str,
    *,
    group: int | None = None,
    shuffled: int | None = None,
    perturbation: str | None = None,
    rewards: Mapping[str, Any] | None = None,
    scale: str | None = None,
    **settings: Any,
) -> Arm:
    """An arm by its credit and by what else it changes; None leaves the config's value."""
    rollout = {
        "group_size": group,
        "shuffled_size": shuffled,
        "perturbations": None if perturbation is None else [perturbation],
    }
    rollout = {key: value for key, value in rollout.items() if value is not None}
    model: dict[str, Any] = {"credit": credit}
    for key, value in (("rollout", rollout), ("rewards", rewards), ("scale", scale)):
        if value:
            model[key] = value
    return Arm(model=model, **settings)


_ALONE: Mapping[str, Any] = {"group": 11, "shuffled": 0}  # no responses to shuffled frames, equal tokens

ARMS: dict[str, Arm] = {
    "sft": Arm(trains=False),
    "grpo": _arm("none", group=8, shuffled=0),
    "grpo_tokens": _arm("none", **_ALONE),
    "paper": _arm("reward", twin="grpo_tokens"),
    "released": _arm("reward", rewards={"temporal_rule": "released"}, twin="grpo_tokens"),
    "reward_no_std": _arm("reward", scale="none", twin="grpo_no_std"),
    "grpo_no_std": _arm("none", scale="none", **_ALONE),
    "advantage": _arm("advantage", twin="correct"),
    "correct": _arm("correct", **_ALONE),
    "joint": _arm("joint", twin="grpo_tokens"),
    "gap_weight": _arm("gap_weight", twin="grpo_tokens"),
    "shuffled_weight": _arm("shuffled_weight", twin="ordered_weight"),
    "ordered_weight": _arm("ordered_weight", **_ALONE),
    "log_ratio": _arm("log_ratio", twin="log_prob", **_ALONE),
    "log_prob": _arm("log_prob", **_ALONE),
    "token_ratio": _arm("token_ratio", twin="token_entropy", **_ALONE),
    "token_entropy": _arm("token_entropy", **_ALONE),
    "advantage_probable": _arm("advantage", rewards={"temporal_rule": "probable"}, twin="correct"),
    UNTRAINED: _arm("reward", from_sft=False),
    WO_IMAGE: _arm("reward", overlays=("configs/ablation/wo_image.yaml",)),
    "alpha_0.1": _arm("advantage", rewards={"alpha": 0.1}),
    "alpha_0.2": _arm("advantage", rewards={"alpha": 0.2}),
    "alpha_0.4": _arm("advantage", rewards={"alpha": 0.4}),
    "shuffled_2": _arm("advantage", shuffled=2),
    "shuffled_8": _arm("advantage", shuffled=8),
    "reversed": _arm("advantage", perturbation="reversed"),
    "blind": _arm("advantage", perturbation="blind"),
}
