"""The faster vision tower against transformers' own: features, gradients, names of the weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import Qwen2_5_VLForConditionalGeneration

from videor1.policy.loading import load_policy
from videor1.policy.pixels import normalise
from videor1.policy.vision import encode
from videor1.types import Clip


@pytest.fixture(scope="module")
def towers(world):
    path = str(world / "model")
    return load_policy(path), Qwen2_5_VLForConditionalGeneration.from_pretrained(path)


@pytest.fixture(scope="module")
def ragged(media_prompts, prompt_builder):
    """Media whose last windows are smaller in one direction or in both."""
    prompts = list(media_prompts.values())
    for number, (height, width) in enumerate([(140, 252), (28, 28), (112, 364)]):
        frames = np.random.default_rng(number).integers(0, 256, (6, height, width, 3), dtype=np.uint8)
        clip = Clip(
            frames=frames, indices=tuple(range(6)), fps=2.0, source_fps=2.0, total_frames=6, path="made.mp4"
        )
        prompts.append(prompt_builder.build(media_prompts["video"].record, clip))
    return prompts


def test_features_and_gradients_are_the_same(towers, ragged):
    fast, own = towers
    features = encode(fast, ragged)
    expected = own.model.visual(
        normalise(torch.cat([prompt.patches for prompt in ragged])),
        grid_thw=torch.cat([prompt.grid_thw for prompt in ragged]),
    ).pooler_output
    assert torch.allclose(features, expected, atol=1e-5)
    weight = torch.randn(features.shape, generator=torch.Generator().manual_seed(0))
    for tower, out in ((fast, features), (own, expected)):
        tower.zero_grad()
        (out * weight).sum().backward()
    gradients = dict(own.model.visual.named_parameters())
    for name, parameter in fast.model.visual.named_parameters():
        wanted = gradients[name].grad
        assert (parameter.grad - wanted).norm() <= 1e-5 * wanted.norm() + 1e-8, name


def test_the_weights_keep_their_names(towers):
    fast, own = towers
    assert fast.state_dict().keys() == own.state_dict().keys()
    assert all(torch.equal(one, own.state_dict()[name]) for name, one in fast.state_dict().items())


def test_without_media_the_tower_runs_all_the_same(towers, media_prompts):
    from dataclasses import replace

    fast, _ = towers
    image = media_prompts["image"]
    text = replace(image, patches=image.patches[:0], grid_thw=image.grid_thw[:0])
    calls = []
    hook = fast.model.visual.register_forward_hook(lambda *_: calls.append(1))
    fast.zero_grad()
    features = encode(fast, [text, text])
    hook.remove()
    assert features.shape == (0, fast.config.text_config.hidden_size)
    assert len(calls) == 1
    features.sum().backward()  # and passes on a gradient, of zeros
    gradients = [parameter.grad for parameter in fast.model.visual.parameters()]
    assert all(gradient is not None and not gradient.any() for gradient in gradients)
