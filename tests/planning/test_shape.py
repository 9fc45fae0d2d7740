"""Parameters counted from a config.json equal those of the model that transformers makes of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

from videor1.errors import ConfigError
from videor1.planning.shape import ModelShape, shape_of
from videor1.planning.sizes import SIZES, find_shape


def config_of(shape: ModelShape) -> Qwen2_5_VLConfig:
    language, vision = shape.language, shape.vision
    return Qwen2_5_VLConfig(
        text_config={
            "hidden_size": language.hidden,
            "intermediate_size": language.intermediate,
            "num_hidden_layers": language.layers,
            "num_attention_heads": language.heads,
            "num_key_value_heads": language.kv_heads,
            "vocab_size": language.vocabulary,
            "tie_word_embeddings": language.tied,
        },
        vision_config={
            "hidden_size": vision.hidden,
            "intermediate_size": vision.intermediate,
            "depth": vision.depth,
            "num_heads": vision.heads,
            "out_hidden_size": vision.out,
            "window_size": 112,
            "fullatt_block_indexes": [7, 15, 23, 31],
        },
        tie_word_embeddings=language.tied,
    )


@pytest.mark.parametrize(("size", "parameters"), [("3B", 3_754_622_976), ("7B", 8_292_166_656)])
def test_released_sizes_have_the_parameters_of_their_models(size, parameters):
    shape = SIZES[size]
    config = config_of(shape)
    with torch.device("meta"):
        model = Qwen2_5_VLForConditionalGeneration(config)
    visual, language = model.model.visual, model.model.language_model
    assert shape.parameters == model.num_parameters() == parameters
    assert shape.vision.merger_parameters == count(visual.merger)
    assert shape.vision.tower_parameters == count(visual) - count(visual.merger)
    assert shape.vision.block_parameters == count(visual.blocks[0])
    assert shape.language.layer_parameters == count(language.layers[0])
    assert shape_of(config.to_dict()) == shape


def test_the_largest_have_about_the_parameters_of_their_names():
    assert SIZES["32B"].parameters == pytest.approx(33.5e9, rel=0.005)
    assert SIZES["72B"].parameters == pytest.approx(73.4e9, rel=0.005)


def test_a_folder_tells_its_shape(world, tiny_policy):
    shape = find_shape(str(world / "model"), size=None, configs=[])
    assert shape.parameters == tiny_policy.num_parameters()
    assert shape.language.tied


def test_a_size_or_a_published_name_will_do():
    assert find_shape("nowhere", size="3B", configs=[]) is SIZES["3B"]
    assert find_shape("Qwen/Qwen2.5-VL-72B-Instruct", size=None, configs=[]) is SIZES["72B"]


def test_a_stage_that_has_not_run_has_the_shape_that_it_starts_from(tmp_path):
    (tmp_path / "sft.yaml").write_text(
        "trainer: {default_root_dir: runs/a/sft}\nmodel: {init_args: {policy: Qwen/Qwen2.5-VL-7B-Instruct}}\n"
    )
    configs = [tmp_path / "tgrpo.yaml"]
    assert find_shape("runs/a/sft/hf", size=None, configs=configs) is SIZES["7B"]
    with pytest.raises(ConfigError, match=r"model.policy: there is nothing at 'runs/b/hf' yet; .* --size"):
        find_shape("runs/b/hf", size=None, configs=configs)


def test_another_model_is_refused(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"hidden_size": 3}))
    with pytest.raises(ConfigError, match=r"is no Qwen2.5-VL's: 'vision_config' is missing"):
        find_shape(str(tmp_path), size=None, configs=[Path("x.yaml")])
    with pytest.raises(ConfigError, match="size must be one of 3B, 7B, 32B, 72B, got '8B'"):
        find_shape("x", size="8B", configs=[])


def count(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
