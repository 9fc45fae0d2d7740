"""LoRA by PEFT itself: its own folders, and Lightning checkpoints of an adapted policy."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, PeftModel, PromptTuningConfig, get_peft_model
from torch import nn

from tests.export.same import assert_same_policy, greedy, tensors_of
from videor1.errors import ConfigError
from videor1.export import export
from videor1.policy.loading import load_policy

TARGETS = ["q_proj", "v_proj", "down_proj", "qkv", "merger.mlp.0"]


def adapted(folder: Path, **settings) -> PeftModel:
    """A policy whose adapters do something."""
    config = LoraConfig(**{"r": 4, "lora_alpha": 16, "target_modules": TARGETS, **settings})
    model = get_peft_model(load_policy(str(folder)), config)
    torch.manual_seed(0)
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            nn.init.normal_(parameter, std=0.05)
    return model


def checkpoint_of(model: PeftModel, path: Path, *, only_trained: bool = False, plain: bool = False) -> Path:
    """As a training module with adapters writes it."""
    trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    state = {
        f"model.{name}": tensor
        for name, tensor in model.state_dict().items()
        if name in trained or not only_trained
    }
    lora = model.peft_config["default"].to_dict()
    if plain:
        lora = json.loads(json.dumps(lora, default=sorted))
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"state_dict": state, "global_step": 7, "lora": lora}, path)
    return path


@pytest.fixture(scope="module")
def policy(sft) -> PeftModel:
    return adapted(sft / "hf")


@pytest.fixture
def adapter(policy, tmp_path) -> Path:
    policy.save_pretrained(tmp_path / "adapter")
    return tmp_path / "adapter"


def test_a_peft_folder_on_the_base_it_names(policy, adapter, sft, tmp_path, media_prompts):
    assert json.loads((adapter / "adapter_config.json").read_text())["base_model_name_or_path"] == str(
        sft / "hf"
    )
    folder = export(str(adapter), str(tmp_path / "model"))
    model = assert_same_policy(folder, policy, media_prompts)
    with torch.no_grad(), policy.disable_adapter():
        assert greedy(model, media_prompts) != greedy(policy, media_prompts)
    assert "* Adapters: LoRA, merged: r `4`, lora_alpha `16`, " in (folder / "README.md").read_text()


def test_a_peft_folder_on_another_base(policy, adapter, sft, tmp_path, media_prompts):
    shutil.copytree(sft / "hf", tmp_path / "moved")
    config = json.loads((adapter / "adapter_config.json").read_text())
    (adapter / "adapter_config.json").write_text(
        json.dumps(config | {"base_model_name_or_path": "gone/away/x"})
    )
    with pytest.raises(
        ConfigError, match=r"adapter_config.json: base_model_name_or_path: no Hugging Face mo"
    ):
        export(str(adapter), str(tmp_path / "model"))
    folder = export(str(adapter), str(tmp_path / "model"), base=str(tmp_path / "moved"))
    assert_same_policy(folder, policy, media_prompts)


@pytest.mark.parametrize("only_trained", [False, True])
@pytest.mark.parametrize("plain", [False, True])
def test_a_lightning_checkpoint(policy, sft, tmp_path, media_prompts, only_trained, plain):
    path = checkpoint_of(policy, tmp_path / "a.ckpt", only_trained=only_trained, plain=plain)
    folder = export(str(path), str(tmp_path / "model"), base=str(sft / "hf"))
    assert_same_policy(folder, policy, media_prompts)
    assert "* Step: 7\n* Adapters: LoRA" in (folder / "README.md").read_text()


def test_modules_trained_whole_and_dora(sft, tmp_path, media_prompts):
    """What the rollout's engines cannot take over, PEFT can still merge."""
    model = adapted(sft / "hf", target_modules=["q_proj"], use_dora=True, modules_to_save=["merger.ln_q"])
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "modules_to_save" in name:
                parameter.mul_(1.5)
    path = checkpoint_of(model, tmp_path / "a.ckpt", only_trained=True)
    folder = export(str(path), str(tmp_path / "model"), base=str(sft / "hf"))
    assert_same_policy(folder, model, media_prompts)
    norm = "model.visual.merger.ln_q.weight"
    assert torch.equal(tensors_of(folder)[norm], tensors_of(sft / "hf")[norm] * 1.5)


def test_merging_rounds_once(sft, tmp_path):
    export(str(sft / "hf"), str(tmp_path / "base"), dtype="bfloat16")
    model = adapted(tmp_path / "base")
    model.to(torch.bfloat16)
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            parameter.data = parameter.data.float()  # as PEFT keeps them
    path = str(checkpoint_of(model, tmp_path / "a.ckpt"))
    layer = model.base_model.model.model.language_model.layers[0].self_attn.q_proj
    exact = (layer.base_layer.weight.float() + layer.get_delta_weight("default")).detach()
    name = "model.language_model.layers.0.self_attn.q_proj.weight"
    narrow = export(path, str(tmp_path / "narrow"), base=str(tmp_path / "base"))
    assert torch.equal(tensors_of(narrow)[name], exact.bfloat16())
    wide = export(path, str(tmp_path / "wide"), base=str(tmp_path / "base"), dtype="float32")
    assert torch.equal(tensors_of(wide)[name], exact)


def reason(path: Path, tmp_path: Path, sft: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        export(str(path), str(tmp_path / "model"), base=str(sft / "hf"))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_factors_that_are_missing_or_do_not_fit(policy, adapter, sft, tmp_path):
    path = checkpoint_of(policy, tmp_path / "a.ckpt")
    content = torch.load(path, weights_only=False)
    name = "base_model.model.model.language_model.layers.1.self_attn.q_proj.lora_B.default.weight"
    state = {key: tensor for key, tensor in content["state_dict"].items() if key != f"model.{name}"}
    torch.save({**content, "state_dict": state}, path)
    assert reason(path, tmp_path, sft).endswith(f": missing {name}")
    torch.save({**content, "lora": {**content["lora"], "r": 8}}, path)
    assert "of another shape: base_model.model.model." in reason(path, tmp_path, sft)
    torch.save({**content, "lora": {**content["lora"], "target_modules": ["absent_proj"]}}, path)
    assert "absent_proj" in reason(path, tmp_path, sft)
    config = json.loads((adapter / "adapter_config.json").read_text())
    for change, told in (
        ({"r": 8}, "size mismatch"),
        ({"target_modules": [*TARGETS, "up_proj"]}, "missing "),
    ):
        (adapter / "adapter_config.json").write_text(json.dumps(config | change))
        assert told in reason(adapter, tmp_path, sft)
    (adapter / "adapter_config.json").write_text("{")
    assert "adapter_config.json: not JSON" in reason(adapter, tmp_path, sft)


@pytest.mark.filterwarnings("ignore:Model has `tie_word_embeddings=True`")
@pytest.mark.filterwarnings("ignore:Model with `tie_word_embeddings=True`")
@pytest.mark.parametrize("target", ["lm_head", "embed_tokens"])
def test_adapters_of_tied_embeddings(target, sft, tmp_path):
    path = checkpoint_of(adapted(sft / "hf", target_modules=[target]), tmp_path / "a.ckpt")
    assert "adapters of tied embeddings cannot be merged" in reason(path, tmp_path, sft)


@pytest.mark.filterwarnings("ignore:Model has `tie_word_embeddings=True`")
def test_a_head_trained_whole_beside_a_tied_embedding(sft, tmp_path):
    model = adapted(sft / "hf", modules_to_save=["lm_head"])
    with torch.no_grad():
        model.base_model.model.lm_head.modules_to_save["default"].weight.mul_(2)
    path = checkpoint_of(model, tmp_path / "a.ckpt")
    assert "lm_head.weight and model.language_model.embed_tokens.weight differ" in reason(path, tmp_path, sft)


def test_adapters_that_no_weight_can_hold(policy, adapter, sft, tmp_path):
    config = PromptTuningConfig(num_virtual_tokens=2, task_type="CAUSAL_LM", token_dim=128, num_layers=3)
    (adapter / "adapter_config.json").write_text(json.dumps(config.to_dict()))
    assert "PROMPT_TUNING cannot be merged" in reason(adapter, tmp_path, sft)


def test_peft_is_only_needed_here(adapter, sft, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "peft", None)  # as if it were not installed
    assert reason(adapter, tmp_path, sft).endswith("it holds adapters, to merge them pip install peft")
    export(str(sft), str(tmp_path / "model"))
