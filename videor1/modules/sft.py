"""SFT cold start: the policy learns to write the chains of thought of the CoT file."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from videor1.data.batch import PromptBatch
from videor1.data.prompts import target_text
from videor1.modules.trained import TrainedModule
from videor1.objective import sft_loss
from videor1.policy.group_pass import score_responses
from videor1.policy.loading import end_token_ids
from videor1.types import Prompt, Record


class SFTModule(TrainedModule):
    """Cross-entropy on the response alone; the released code also trained on the prompt's tokens."""

    def training_step(self, batch: PromptBatch, batch_idx: int) -> Tensor:
        questions = group_by_question(batch.prompts)
        scored = score_responses(
            self.policy,
            [prompts[0] for prompts in questions],
            [[self._target_ids(prompt.record) for prompt in prompts] for prompts in questions],
            attention=self.attention,
        )
        assert scored.entropy is not None
        loss = batch.share * sft_loss(scored.logprobs, scored.mask)
        self.means.add("loss", loss)
        self.means.add("entropy", scored.entropy[scored.mask])
        self.log_step(batch_idx)
        owners = [prompt.record for prompts in questions for prompt in prompts]
        return self.guard.admit(loss, {"log-probs": scored.logprobs}, scored.mask, owners)

    def _target_ids(self, record: Record) -> Tensor:
        """(C,) ids of the target text and the end token."""
        ids = self.processor.tokenizer(target_text(record), add_special_tokens=False)["input_ids"]
        return torch.tensor([*ids, end_token_ids(self.policy.generation_config)[0]], device=self.device)


def group_by_question(prompts: Sequence[Prompt]) -> list[list[Prompt]]:
    """Prompts that ask the same about the same media, side by side: one pass learns all their targets."""
    questions: dict[tuple[str, tuple[int, ...]], list[Prompt]] = {}
    for prompt in prompts:
        questions.setdefault((prompt.record.path, tuple(prompt.input_ids.tolist())), []).append(prompt)
    return list(questions.values())
