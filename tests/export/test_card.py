"""The model card: metadata for the hub, what using the model needs, scores; no paths of a machine."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch
import yaml
from huggingface_hub import ModelCard

from videor1.data.prompts import PromptTemplate
from videor1.export import export
from videor1.export.card import Origin, write_card
from videor1.export.checkpoint import Kind
from videor1.export.run import Run

CONFIG = {
    "model": {
        "class_path": "videor1.modules.TGRPOModule",
        "init_args": {
            "policy": "runs/mine/sft/hf",
            "optimizer": {"class_path": "torch.optim.AdamW", "init_args": {"lr": 1e-6}},
            "rollout": {"group_size": 8, "shuffled_size": 4, "sampling": {"max_new_tokens": 768}},
            "loss": {"beta": 0.0},
            "freeze": None,
        },
    },
    "trainer": {"max_steps": 1200},
    "data": {
        "root": "/somewhere/else/Video-R1-data",
        "train": "Video-R1-260k.json",
        "clip": {"max_frames": 16},
        "template": {"question": "{problem}{options}", "instruction": "Zuerst denken: <think>…</think>"},
    },
}
REPORT = {
    "model": "/somewhere/else/hf",
    "protocol": {"frames_and_pixels": {"max_frames": 32}, "scoring": 1},
    "protocol_hash": "0123456789abcdef",
    "benchmarks": {
        "mvbench": {"questions": 4000, "official": {"score": 0.6482, "low": 0.6333, "high": 0.6629}},
        "vsi_bench": {"questions": 3, "official": {"score": None, "low": None, "high": None}},
    },
}


@pytest.fixture
def run(tmp_path) -> Run:
    folder = tmp_path / "mine"
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(CONFIG, allow_unicode=True), encoding="utf-8")
    found = Run.at(folder)
    assert found is not None
    return found


def card_of(run: Run | None, report: dict | None = None, **settings) -> ModelCard:
    path = (run.folder if run else Path("/somewhere")) / "checkpoints/last.ckpt"
    origin = Origin(checkpoint=Kind.FILE.value, path=path, **{"base": "runs/mine/sft/hf", **settings})
    return ModelCard(write_card(origin, run, report))


def table(card: ModelCard) -> dict[str, str]:
    return dict(re.findall(r"^\| `(\S+)` \| `(.*)` \|$", card.text, re.MULTILINE))


def test_metadata(run):
    data = card_of(run).data
    assert data.library_name == "transformers"
    assert data.pipeline_tag == "video-text-to-text"
    assert data.base_model == "runs/mine/sft/hf"
    assert {"videor1", "grpo", "qwen2_5_vl"} <= set(data.tags)
    assert card_of(run, base="Qwen/Qwen2.5-VL-7B-Instruct").data.base_model == "Qwen/Qwen2.5-VL-7B-Instruct"
    assert card_of(None, base=None).data.base_model is None


def test_where_it_comes_from(run):
    text = card_of(run, step=1200).text
    assert "\n# mine\n" in text
    assert "* Base model: `runs/mine/sft/hf`\n* Run: `mine`\n" in text
    assert "* Checkpoint: `checkpoints/last.ckpt`, Lightning checkpoint file\n* Step: 1200\n" in text
    assert "Step" not in card_of(run).text
    lora = {"r": 8, "lora_alpha": 16, "target_modules": {"v_proj", "q_proj"}, "bias": "none"}
    told = "* Adapters: LoRA, merged: r `8`, lora_alpha `16`, target_modules `['q_proj', 'v_proj']`"
    assert told in card_of(run, lora=lora).text


def test_settings_stand_under_their_keys(run):
    settings = table(card_of(run))
    assert settings["model.class_path"] == "videor1.modules.TGRPOModule"
    assert settings["model.optimizer.lr"] == "1e-06"
    assert settings["model.rollout.group_size"] == "8"
    assert settings["model.rollout.shuffled_size"] == "4"
    assert settings["model.loss.beta"] == "0.0"
    assert settings["data.clip.max_frames"] == "16"
    assert settings["data.train"] == "Video-R1-260k.json"
    assert "model.freeze" not in settings  # null
    assert not table(card_of(None))


def test_no_path_of_a_machine(run, tmp_path):
    text = card_of(run, REPORT, base=str(tmp_path / "base")).text
    assert table(card_of(run))["data.root"] == "Video-R1-data"
    assert str(tmp_path) not in text
    assert "/somewhere" not in text
    assert "/somewhere" not in card_of(None, REPORT, base="/somewhere/else/base").content


def test_the_wording_can_be_read_back(run):
    (block,) = re.findall(r"```yaml\n(.*?)```", card_of(run).text, re.DOTALL)
    assert yaml.safe_load(block) == CONFIG["data"]["template"]


def test_scores(run):
    text = card_of(run, REPORT).text
    assert "| mvbench | 4000 | 64.8 | 63.3 to 66.3 |\n| vsi_bench | 3 | – | – to – |" in text
    assert "Official scores of `hf`." in text
    assert "`0123456789abcdef`" in text
    assert yaml.safe_load(re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)[-1]) == REPORT["protocol"]
    assert "## Scores" not in card_of(run).text


def test_loading_as_the_card_says(sft, tmp_path):
    folder = export(str(sft), str(tmp_path / "model"))
    (code,) = re.findall(
        r"```python\n(.*?)```", (folder / "README.md").read_text(encoding="utf-8"), re.DOTALL
    )
    names = {"folder": str(folder)}
    exec(code, names)
    image = torch.zeros(3, 56, 56, dtype=torch.uint8)
    words = names["processor"](text=["<|vision_start|><|image_pad|><|vision_end|>?"], images=[image])
    inputs = {name: torch.as_tensor(value) for name, value in words.items()}
    assert names["model"].generate(**inputs, max_new_tokens=4).shape[0] == 1


def test_runs_and_exports_have_one(sft, tmp_path):
    ended = ModelCard.load(sft / "hf" / "README.md")
    assert "* Checkpoint: `hf`, end of training\n* Step: 60\n" in ended.text
    (tmp_path / "report.json").write_text(json.dumps(REPORT), encoding="utf-8")
    folder = export(str(sft), str(tmp_path / "model"), report=str(tmp_path / "report.json"))
    card = ModelCard.load(folder / "README.md")
    assert "* Checkpoint: `checkpoints/last.ckpt`, Lightning checkpoint file\n* Step: 60\n" in card.text
    assert "| mvbench |" in card.text
    template = yaml.safe_load(re.findall(r"```yaml\n(.*?)```", card.text, re.DOTALL)[0])
    assert PromptTemplate(**template).instruction == "Think, then answer."
    for text in (card.content, ended.content):
        assert str(sft) not in text
        assert str(Path.home()) not in text


def test_a_report_in_the_run_is_found(sft, tmp_path):
    run = tmp_path / "run"
    (run / "validation").mkdir(parents=True)
    (run / "config.yaml").write_text((sft / "config.yaml").read_text())
    (run / "checkpoints").symlink_to(sft / "checkpoints")
    (run / "stage.json").write_text((sft / "stage.json").read_text())
    for model, told in ((str(run / "hf"), True), ("/somewhere/else/hf", False)):
        report = json.dumps(REPORT | {"model": model})
        (run / "validation/report.json").write_text(report, encoding="utf-8")
        folder = export(str(run), str(tmp_path / "model"))
        assert ("## Scores" in (folder / "README.md").read_text(encoding="utf-8")) is told
