"""Checkpoints of one process: a Lightning file, a run, a Hugging Face folder; types and tied weights."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from jsonargparse import auto_cli
from transformers import AutoProcessor, GenerationConfig, Qwen2_5_VLForConditionalGeneration

from tests.export.same import assert_same_policy, tensors_of
from videor1.export import export
from videor1.policy.loading import load_policy


@pytest.fixture(scope="module")
def policy(world, sft):
    """The policy as Lightning restores it."""
    model = load_policy(str(world / "model"))
    state = torch.load(sft / "checkpoints/last.ckpt", weights_only=True)["state_dict"]
    model.load_state_dict({name.removeprefix("model."): tensor for name, tensor in state.items()})
    return model


@pytest.fixture(scope="module")
def exported(sft, tmp_path_factory) -> Path:
    return export(str(sft / "checkpoints/last.ckpt"), str(tmp_path_factory.mktemp("export") / "model"))


def test_a_lightning_file(exported, policy, world, media_prompts):
    model = assert_same_policy(exported, policy, media_prompts)
    assert model.dtype == torch.float32
    restored = policy.state_dict()
    assert all(torch.equal(tensor, restored[name]) for name, tensor in model.state_dict().items())
    base = GenerationConfig.from_pretrained(world / "model")
    assert model.generation_config.to_diff_dict() == base.to_diff_dict()
    before, after = (AutoProcessor.from_pretrained(folder) for folder in (world / "model", exported))
    assert after.tokenizer.get_vocab() == before.tokenizer.get_vocab()
    assert after.chat_template == before.chat_template
    assert after.image_processor.to_dict() == before.image_processor.to_dict()


def test_the_folder_of_a_run_means_its_last_checkpoint(exported, sft, tmp_path):
    export(str(sft), str(tmp_path / "model"))
    weights = "model.safetensors"
    assert (tmp_path / "model" / weights).read_bytes() == (exported / weights).read_bytes()


def test_the_end_of_training_writes_the_same(exported, sft):
    ended, last = tensors_of(sft / "hf"), tensors_of(exported)
    assert ended.keys() == last.keys()
    assert all(torch.equal(ended[name], last[name]) for name in ended)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_another_type_is_rounded_to(dtype, exported, sft, tmp_path):
    folder = export(str(sft), str(tmp_path / "model"), dtype=dtype)
    model = Qwen2_5_VLForConditionalGeneration.from_pretrained(folder)
    wanted = getattr(torch, dtype)
    for part in (model.config, model.config.text_config, model.config.vision_config, model):
        assert part.dtype == wanted
    for name, tensor in tensors_of(exported).items():
        assert torch.equal(model.state_dict()[name], tensor.to(wanted)), name


def test_auto_is_the_type_of_the_base(world, sft, tmp_path):
    load_policy(str(world / "model"), dtype=torch.bfloat16).save_pretrained(tmp_path / "base")
    AutoProcessor.from_pretrained(world / "model").save_pretrained(tmp_path / "base")
    folder = export(str(sft), str(tmp_path / "model"), base=str(tmp_path / "base"))
    assert {tensor.dtype for tensor in tensors_of(folder).values()} == {torch.bfloat16}


def test_a_hugging_face_folder_again(exported, policy, tmp_path, media_prompts):
    again = export(str(exported), str(tmp_path / "again"))
    assert_same_policy(again, policy, media_prompts)
    for name in ("model.safetensors", "README.md"):
        assert (again / name).read_bytes() == (exported / name).read_bytes()


def test_untied_embeddings_keep_a_head_of_their_own(world, tiny_policy, media_prompts, tmp_path):
    config = copy.deepcopy(tiny_policy.config)
    config.tie_word_embeddings = False
    torch.manual_seed(1)
    model = Qwen2_5_VLForConditionalGeneration(config).eval()
    model.save_pretrained(tmp_path / "base")
    AutoProcessor.from_pretrained(world / "model").save_pretrained(tmp_path / "base")
    state = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    torch.save({"state_dict": state, "global_step": 3}, tmp_path / "untied.ckpt")
    folder = export(str(tmp_path / "untied.ckpt"), str(tmp_path / "model"), base=str(tmp_path / "base"))
    assert_same_policy(folder, model, media_prompts)
    assert torch.equal(tensors_of(folder)["lm_head.weight"], model.lm_head.weight)


def test_a_frozen_reference_is_left_out(exported, sft, tmp_path):
    content = torch.load(sft / "checkpoints/last.ckpt", weights_only=True)
    own = content["state_dict"]
    reference = {name.replace("model.", "reference.", 1): torch.zeros_like(t) for name, t in own.items()}
    torch.save({**content, "state_dict": reference | own}, tmp_path / "both.ckpt")
    base = str(sft / "hf")
    folder = export(str(tmp_path / "both.ckpt"), str(tmp_path / "model"), base=base)
    expected = tensors_of(exported)
    assert all(torch.equal(tensor, expected[name]) for name, tensor in tensors_of(folder).items())


def test_what_freezing_left_out_comes_from_the_base(world, sft, tmp_path):
    """As DeepSpeed does under exclude_frozen_parameters, with model.freeze."""
    (tmp_path / "checkpoints").mkdir()
    content = torch.load(sft / "checkpoints/last.ckpt", weights_only=True)
    kept = {name: t for name, t in content["state_dict"].items() if "model.visual." not in name}
    torch.save({**content, "state_dict": kept}, tmp_path / "checkpoints/last.ckpt")
    config = (sft / "config.yaml").read_text().replace("freeze: []", "freeze: [vision, merger]")
    (tmp_path / "config.yaml").write_text(config)
    found = tensors_of(export(str(tmp_path), str(tmp_path / "model")))
    base = load_policy(str(world / "model")).state_dict()
    for name, tensor in found.items():
        source = base[name] if name.startswith("model.visual.") else kept[f"model.{name}"]
        assert torch.equal(tensor, source), name


def test_it_is_a_command(sft, tmp_path, exported):
    output = tmp_path / "model"
    arguments = ["--checkpoint", str(sft), "--output", str(output), "--dtype", "bfloat16"]
    auto_cli(export, args=arguments, as_positional=False)
    assert {tensor.dtype for tensor in tensors_of(output).values()} == {torch.bfloat16}
    auto_cli(export, args=[*arguments[:-1], "float32"], as_positional=False)  # an export may be replaced
    assert {tensor.dtype for tensor in tensors_of(output).values()} == {torch.float32}
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
