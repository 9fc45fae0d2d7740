"""Chains of thought for SFT: any model's own, where a rule says that they lead to the right answer."""

from videor1.annotation.filter import FilterSettings

__all__ = ["FilterSettings"]
