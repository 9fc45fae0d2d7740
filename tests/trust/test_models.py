"""Model folders that try to run code when they are loaded, and nothing runs."""

from __future__ import annotations

import io
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from jinja2.exceptions import SecurityError
from safetensors.torch import load_file

from tests.trust.attacks import CODE, MAP, Mark
from videor1.errors import ConfigError
from videor1.export.adapters import merge_folder
from videor1.export.base import open_base
from videor1.policy.loading import load_policy, load_processor
from videor1.rollout.vllm_settings import VLLMSettings


@pytest.fixture
def folder(world, tmp_path) -> Path:
    return shutil.copytree(world / "model", tmp_path / "model")


@pytest.fixture
def mark(tmp_path) -> Path:
    return tmp_path / "was run"


def test_the_attack_works_where_nothing_is_done(mark, tmp_path):
    """Else the tests below would show nothing."""
    torch.save(Mark(mark), tmp_path / "x.bin")
    torch.load(tmp_path / "x.bin", weights_only=False)
    assert mark.exists()


def refused(load: Callable[[str], object], folder: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        load(str(folder))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_pickle_in_the_place_of_weights(folder, mark):
    weights = load_file(folder / "model.safetensors")
    torch.save({"x": Mark(mark)}, folder / "pytorch_model.bin")
    load_policy(str(folder))  # safetensors come first
    assert not mark.exists()
    (folder / "model.safetensors").unlink()
    torch.save(weights | {"x": Mark(mark)}, folder / "pytorch_model.bin")
    assert "its weights are refused, loading them might run code" in refused(load_policy, folder)
    assert refused(lambda name: open_base(name, key="base").load(), folder).startswith("base: '")
    torch.save(weights, folder / "pytorch_model.bin")
    load_policy(str(folder))  # plain ones are taken
    assert not mark.exists()


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json", "processor_config.json"])
@pytest.mark.parametrize("known", [True, False], ids=["a known type", "a type of its own"])
def test_code_in_a_model_folder(folder, mark, name, known, monkeypatch):
    """Also where somebody at the terminal, or `yes |`, would have agreed."""
    content = json.loads((folder / name).read_text()) | {"auto_map": MAP}
    if not known:
        kind = {"config": "model_type", "tokenizer_config": "tokenizer_class"}
        content[kind.get(name.removesuffix(".json"), "processor_class")] = "Own"
    (folder / name).write_text(json.dumps(content))
    (folder / "own.py").write_text(CODE.format(mark=str(mark)))
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n" * 9))
    for load in (load_policy, load_processor, lambda path: open_base(path, key="base")):
        try:
            assert "transformers_modules" not in type(load(str(folder))).__module__
        except ConfigError as error:
            assert "wants to run code of its own (auto_map" in str(error)
            assert "\n" not in str(error)
    assert sys.stdin.read() == "y\n" * 9  # nobody was asked
    assert not mark.exists()


def test_a_pickle_in_the_place_of_adapters(world, tiny_policy, mark, tmp_path):
    peft = pytest.importorskip("peft")
    config = peft.LoraConfig(r=1, target_modules=["q_proj"])
    config.save_pretrained(str(tmp_path / "adapter"))
    torch.save({"x": Mark(mark)}, tmp_path / "adapter/adapter_model.bin")
    model = open_base(str(world / "model"), key="base").load()
    told = refused(lambda path: merge_folder(model, Path(path), torch.float32), tmp_path / "adapter")
    assert "refused, loading them might run code" in told
    assert not mark.exists()


def test_vllm_runs_a_folder_s_code_only_when_told_to():
    with pytest.warns(UserWarning, match=r"arguments\.trust_remote_code: vLLM will run whatever code"):
        VLLMSettings(arguments={"trust_remote_code": True})
    with pytest.raises(ConfigError, match=r"arguments\.hf_token would be read in config\.yaml"):
        VLLMSettings(arguments={"hf_token": "hf_secret"})


def test_a_chat_template_reaches_nothing(folder, mark):
    """It is a program in Jinja; transformers runs it in a sandbox."""
    command = f"touch {mark.with_name('mark')}"
    reach = f"{{{{ cycler.__init__.__globals__.os.system('{command}') }}}}"
    (folder / "chat_template.jinja").write_text(reach)
    with pytest.raises(SecurityError):
        load_processor(str(folder)).apply_chat_template([{"role": "user", "content": "x"}], tokenize=False)
    assert not mark.with_name("mark").exists()
