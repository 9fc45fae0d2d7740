"""The model that is trained: transformers' Qwen2.5-VL, computed with in the ways of this package."""

from __future__ import annotations

from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

from videor1.policy.token_scores import Head
from videor1.policy.vision import speed_up

P = ParamSpec("P")
T = TypeVar("T")


class Policy(Qwen2_5_VLForConditionalGeneration):
    """The same weights under the same names, and the same outputs, as the class it derives from."""

    def __init__(self, config: Qwen2_5_VLConfig) -> None:
        super().__init__(config)
        speed_up(self)
        self.lm_head.__class__ = Head

    @classmethod
    def is_custom_code(cls) -> bool:
        """Not in the sense of transformers, which would then leave the names in checkpoints as they are."""
        return False

    def within(self, do: Callable[Concatenate[Policy, P], T], *args: P.args, **settings: P.kwargs) -> T:
        """What `do` makes with this model's parts, called one by one, as one forward pass of the model.

        FSDP2 gathers the weights that belong to no layer when the model is called; this is such a call.
        """
        return do(self, *args, **settings)


# transformers looks up by this name how a checkpoint's tensors are called
Policy.__name__ = Qwen2_5_VLForConditionalGeneration.__name__
