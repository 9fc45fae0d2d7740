"""The Hugging Face engine for a policy that is cut into shards: it decodes with a whole copy.

Decoding with the shards would gather all weights anew for every token, and ranks whose responses end at
different lengths would wait for each other for ever.
"""

from __future__ import annotations

import torch
from transformers import Qwen2_5_VLProcessor

from videor1.policy.loading import empty_copy
from videor1.policy.model import Policy
from videor1.policy.weights import PolicyWeights
from videor1.rollout.hf import HFEngine, HFEngineSettings


class ReplicaEngine(HFEngine):
    """Engine on a plain copy of the policy, which follows it: once more its weights on each device.

    Args:
        policy: lends its configuration; adapters are merged in the copy.
        processor: decodes the responses.
        settings: see there.
        dtype: of the copy.
        device: where it lives.
    """

    def __init__(
        self,
        policy: Policy,
        processor: Qwen2_5_VLProcessor,
        settings: HFEngineSettings,
        *,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        super().__init__(empty_copy(policy, dtype=dtype, device=device), processor, settings)
        self.version: int | None = None  # of the weights it has

    @torch.no_grad()
    def sync(self, weights: PolicyWeights, *, version: int) -> None:
        """See `Engine.sync`; all ranks gather tensor by tensor."""
        if version == self.version:
            return
        for name, tensor in weights.tensors(all=self.version is None):
            self.model.get_parameter(name).copy_(tensor)
        self.version = version
