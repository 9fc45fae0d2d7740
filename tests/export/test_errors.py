"""What cannot be exported ends as one line that names file, tensors or setting; nothing is lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from videor1.errors import ConfigError, RecordError
from videor1.export import export


@pytest.fixture(scope="module")
def state(sft) -> dict[str, torch.Tensor]:
    return torch.load(sft / "checkpoints/last.ckpt", weights_only=True)["state_dict"]


def reason(checkpoint: Path, tmp_path: Path, error: type = ConfigError, **settings) -> str:
    output = settings.pop("output", tmp_path / "output")
    with pytest.raises(error) as caught:
        export(str(checkpoint), str(output), **settings)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def written(content: object, path: Path) -> Path:
    torch.save(content, path)
    return path


def test_what_is_no_checkpoint(tmp_path):
    told = reason(tmp_path / "nowhere.ckpt", tmp_path)
    assert told.startswith(f"checkpoint: '{tmp_path / 'nowhere.ckpt'}' is not there; accepted are: Lightning")
    (tmp_path / "notes.txt").write_text("no tensors")
    assert "is a file that torch.save has not written; acc" in reason(tmp_path / "notes.txt", tmp_path)
    assert "is a folder with notes.txt; accepted" in reason(tmp_path, tmp_path)
    (tmp_path / "void").mkdir()
    told = reason(tmp_path / "void", tmp_path)
    for kind in ("ZeRO", "FSDP2", "PEFT adapter", "Hugging Face", "a run with checkpoints/last.ckpt"):
        assert kind in told


def test_a_folder_with_anything_else_is_left_alone(tmp_path, sft):
    """A project has a config.json too, and a clone of a model's repository has a history."""
    for name, config, beside in (("project", '{"name": "node"}', "thesis.tex"), ("clone", None, ".git/HEAD")):
        folder = tmp_path / name
        (folder / beside).parent.mkdir(parents=True, exist_ok=True)
        (folder / beside).write_text("years of work")
        text = (sft / "hf/config.json").read_text() if config is None else config
        (folder / "config.json").write_text(text)
        assert "is there and is no model folder" in reason(sft / "hf", tmp_path, output=folder)
        assert (folder / beside).read_text() == "years of work"


def test_a_link_to_a_model_folder_is_followed(tmp_path, sft):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    export(str(sft / "hf"), str(tmp_path / "link"))
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real/model.safetensors").is_file()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "real"]


def test_what_holds_no_policy(tmp_path, sft):
    base = {"base": str(sft / "hf")}
    told = reason(written({"weights": torch.ones(2)}, tmp_path / "a.ckpt"), tmp_path, **base)
    assert told.endswith("a.ckpt' is not one of Lightning: it has no state_dict")
    other = {"state_dict": {"net.weight": torch.ones(2)}}
    told = reason(written(other, tmp_path / "b.ckpt"), tmp_path, **base)
    assert told.endswith("holds no policy: of its 1 tensors none is named model.…")
    assert "holds a list, not" in reason(written([1], tmp_path / "c.ckpt"), tmp_path, **base)


class Harmful:
    def __reduce__(self):
        return exec, ("raise SystemExit('ran')",)


def test_code_in_a_checkpoint_is_not_run(tmp_path, sft):
    path = written({"state_dict": {}, "callbacks": Harmful()}, tmp_path / "x.ckpt")
    assert "x.ckpt' is refused, loading it might run code" in reason(path, tmp_path, base=str(sft / "hf"))


def test_tensors_that_are_not_the_base_s(tmp_path, sft, state):
    base = str(sft / "hf")
    lost = [name for name in state if ".layers.2." in name]
    kept = {name: tensor for name, tensor in state.items() if name not in lost}
    told = reason(written({"state_dict": kept}, tmp_path / "less.ckpt"), tmp_path, base=base)
    assert f"less.ckpt' does not fit '{base}': missing model.language_model.layers.2." in told
    assert told.count(".layers.2.") == 3
    extra = state | {"model.value_head.weight": torch.ones(3)}
    told = reason(written({"state_dict": extra}, tmp_path / "more.ckpt"), tmp_path, base=base)
    assert told.endswith(f"does not fit '{base}': not of this model: value_head.weight")
    name = "model.model.visual.merger.ln_q.weight"
    bent = state | {name: torch.ones(5)}
    told = reason(written({"state_dict": bent}, tmp_path / "bent.ckpt"), tmp_path, base=base)
    assert told.endswith("of another shape: model.visual.merger.ln_q.weight (5,) instead of (96,)")
    apart = state | {"model.lm_head.weight": state["model.lm_head.weight"] + 1}
    told = reason(written({"state_dict": apart}, tmp_path / "apart.ckpt"), tmp_path, base=base)
    assert "lm_head.weight and model.language_model.embed_tokens.weight differ" in told
    assert not (tmp_path / "output").exists()


def test_a_base_that_is_missing_or_another_model(tmp_path, sft, state):
    path = written({"state_dict": state}, tmp_path / "alone.ckpt")
    assert reason(path, tmp_path).startswith("base: no config.yaml of a run is near ")
    told = reason(path, tmp_path, base=str(tmp_path / "gone"))
    assert told.startswith(f"base: no Hugging Face model folder at '{tmp_path / 'gone'}'")
    (tmp_path / "bert").mkdir()
    (tmp_path / "bert/config.json").write_text('{"model_type": "bert"}')
    told = reason(path, tmp_path, base=str(tmp_path / "bert"))
    assert told.endswith("is a model of type bert, not a Qwen2.5-VL")
    run = tmp_path / "run"
    (run / "checkpoints").mkdir(parents=True)
    path.rename(run / "checkpoints/last.ckpt")
    (run / "config.yaml").write_text("model: {init_args: {policy: was/once/here}}")
    told = reason(run, tmp_path)
    assert told.startswith(
        f"{run}/config.yaml: model.init_args.policy: no Hugging Face model folder at 'was/"
    )
    (run / "config.yaml").write_text("model: {")
    assert reason(run, tmp_path).startswith(f"{run}/config.yaml: not YAML")


def test_nothing_but_an_export_is_replaced(tmp_path, sft, world):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("three years")
    assert "is there and is no model folder" in reason(sft, tmp_path, output=tmp_path / "mine")
    assert "would replace the base" in reason(sft, tmp_path, output=world / "model")
    told = reason(sft / "hf", tmp_path, output=sft / "hf")
    assert told == f"output: '{sft / 'hf'}' would replace the checkpoint '{sft / 'hf'}'; choose another"
    assert (tmp_path / "mine/thesis.txt").read_text() == "three years"


def test_a_report_that_is_none(tmp_path, sft):
    path = tmp_path / "report.json"
    assert reason(sft, tmp_path, report=str(path)) == f"report: no file at '{path}'"
    for text in (
        "{",
        "[]",
        json.dumps({"protocol": {}, "protocol_hash": "x", "benchmarks": {"mvbench": {}}}),
    ):
        path.write_text(text)
        told = reason(sft, tmp_path, RecordError, report=str(path))
        assert told.startswith(f"{path}: not a report of benchmarks (")
