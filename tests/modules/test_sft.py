"""The SFT module: what its settings do to the model, and several targets of one question in one row."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from lightning.pytorch import Trainer

from tests.policy.plain import plain_logprobs
from videor1.modules.sft import SFTModule, group_by_question
from videor1.objective import sft_loss
from videor1.policy.group_pass import score_responses


def test_gradient_checkpointing_and_freezing_reach_the_model(world):
    module = SFTModule(str(world / "model"), gradient_checkpointing=True, freeze=["vision", "merger"])
    module.trainer = Trainer(accelerator="cpu", logger=False, enable_progress_bar=False)
    module.configure_model()
    assert module.policy.is_gradient_checkpointing
    trained = {name for name, parameter in module.policy.named_parameters() if parameter.requires_grad}
    assert trained
    assert not [name for name in trained if name.startswith("model.visual")]


def test_equal_questions_come_together_in_order(media_prompts):
    video, image = media_prompts["video"], media_prompts["image"]
    again = replace(video, record=replace(video.record, problem_id="again", process="<think>other</think>"))
    elsewhere = replace(video, record=replace(video.record, path="another.mp4"))
    longer = replace(video, input_ids=torch.cat([video.input_ids, video.input_ids[-1:]]))
    groups = group_by_question([video, image, again, elsewhere, longer])
    assert [[id(prompt) for prompt in group] for group in groups] == [
        [id(video), id(again)],
        [id(image)],
        [id(elsewhere)],
        [id(longer)],
    ]


def test_the_loss_is_that_of_separate_rows(tiny_policy, media_prompts):
    video, image = media_prompts["video"], media_prompts["image"]
    targets = {
        "first": torch.tensor([30, 31, 32]),
        "second": torch.tensor([40]),
        "third": torch.tensor([50, 51]),
    }
    runs = []
    hook = tiny_policy.model.visual.register_forward_hook(lambda *_: runs.append(1))
    with torch.no_grad():
        scored = score_responses(
            tiny_policy, [video, image], [[targets["first"], targets["second"]], [targets["third"]]]
        )
        assert len(runs) == 1
        hook.remove()
        rows = [(video, targets["first"]), (video, targets["second"]), (image, targets["third"])]
        plain = [plain_logprobs(tiny_policy, prompt, target).mean() for prompt, target in rows]
    expected = -torch.stack(plain).mean().item()
    assert sft_loss(scored.logprobs, scored.mask).item() == pytest.approx(expected, abs=1e-5)
