"""Reward terms that a user writes: a class of their own, named by its path in the YAML.

    model:
      init_args:
        rewards:
          custom:
            - class_path: my_package.my_module.MyReward
              init_args: {weight: 0.5}

A term adds weight · value to the reward of a response, beside the built-in terms; it judges the responses to
the shuffled frames as well, which are measured and not trained on.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from videor1.errors import RewardError
from videor1.types import Record


class RewardTerm(ABC):
    """Base of a reward term; `name` is what it is called in logs, `weight` what its values are multiplied by.

    Both can be set in the class or, where `__init__` passes them on, in the YAML.

    Args:
        weight: replaces the class's weight, which is 1 unless the class says otherwise.
        name: replaces the class's name, which is that of the class itself unless it says otherwise.
    """

    weight: float = 1.0
    name: str

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "name" not in cls.__dict__:
            cls.name = cls.__name__

    def __init__(self, *, weight: float | None = None, name: str | None = None) -> None:
        if weight is not None:
            self.weight = weight
        if name is not None:
            self.name = name

    @abstractmethod
    def __call__(self, responses: Sequence[str], record: Record) -> Sequence[float]:
        """One finite number for each of the responses to one question, in their order."""


def custom_reward(term: RewardTerm, responses: Sequence[str], record: Record) -> Tensor:
    """weight · value (G,), float32, of each response; a term is not asked about no responses.

    Raises:
        RewardError: it returned another number of values, what is no number, or NaN or infinity; names the
            class and the record. What the term itself raises passes through.
    """
    if not responses:
        return torch.zeros(0)
    values = term(responses, record)
    where = f"{type(term).__module__}.{type(term).__qualname__}, record {record.problem_id!r}"
    try:
        numbers = [float(value) for value in values]
    except (TypeError, ValueError, OverflowError) as error:
        raise RewardError(f"{where}: must return a sequence of numbers, not {values!r:.200}") from error
    if len(numbers) != len(responses):
        raise RewardError(f"{where}: returned {len(numbers)} values for {len(responses)} responses")
    rewards = term.weight * torch.tensor(numbers, dtype=torch.float32)
    if not rewards.isfinite().all():
        raise RewardError(f"{where}: values must be finite, weighted too, not {numbers}")
    return rewards
