"""Terms of a user's own: from YAML to values, and what a wrong one is told."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

import cli
from tests.rewards.terms import Brief, Returns, SaysWord
from videor1.errors import ConfigError, RewardError
from videor1.rewards import RewardSettings, RewardTerm, score_group
from videor1.rewards.custom import custom_reward
from videor1.types import Record

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8").split("## Rewards of your own", 1)[1]
RECORD = Record(
    problem_id="q7",
    problem="?",
    data_type="video",
    problem_type="multiple choice",
    options=("A. left", "B. right"),
    solution="<answer>B</answer>",
    path="x.mp4",
    data_source="mine",
)


class Stop(Exception):
    """Instead of training."""


def built_by_cli(monkeypatch: pytest.MonkeyPatch, world: Path, tmp_path: Path, *files: Path) -> Any:
    """The rewards of the module that `cli.py fit` builds of the quickstart's config and `files`."""
    found = []

    def look(self: cli.VideoR1CLI) -> None:
        cli.LightningCLI.instantiate_classes(self)
        found.append(self.model.rewards)
        raise Stop

    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(cli.VideoR1CLI, "instantiate_classes", look)
    with pytest.raises(Stop):
        cli.main(
            ["fit", "-c", "configs/quickstart/tgrpo.yaml", *(w for file in files for w in ("-c", str(file)))]
            + ["--data.root", str(world), "--model.policy", str(world / "model")]
            + ["--trainer.default_root_dir", str(tmp_path)]
        )
    return found[0]


def overlay(tmp_path: Path, rewards: dict[str, Any]) -> Path:
    path = tmp_path / "rewards.yaml"
    path.write_text(yaml.safe_dump({"model": {"init_args": {"rewards": rewards}}}), encoding="utf-8")
    return path


def test_cli_builds_terms_from_their_class_paths(monkeypatch, world, tmp_path):
    custom = [
        {"class_path": "tests.rewards.terms.SaysWord", "init_args": {"word": "first", "weight": 2.0}},
        {"class_path": "tests.rewards.terms.Brief"},
    ]
    asked = {"custom": custom, "weights": {"format": 0.5}, "overlong": {"longest": 64, "margin": 16}}
    settings = built_by_cli(
        monkeypatch, world, tmp_path, overlay(tmp_path, asked | {"temporal_rule": "probable"})
    )
    says, brief = settings.custom
    assert isinstance(says, SaysWord)
    assert (says.word, says.weight, says.name) == ("first", 2.0, "SaysWord")
    assert isinstance(brief, Brief)
    assert (brief.weight, brief.name) == (0.01, "brief")
    assert (settings.l_min, settings.temporal_rule) == (24, "probable")  # l_min is the base config's
    assert (settings.weights.accuracy, settings.weights.format) == (1.0, 0.5)
    assert (settings.overlong.longest, settings.overlong.margin, settings.overlong.weight) == (64, 16, 1.0)


def test_what_the_readme_shows_works(monkeypatch, world, tmp_path):
    code = re.findall(r"```python\n(.*?)```", README, re.DOTALL)[0]
    (tmp_path / "my_rewards.py").write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    file = tmp_path / "rewards.yaml"
    file.write_text(re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)[0], encoding="utf-8")
    (term,) = built_by_cli(monkeypatch, world, tmp_path, file).custom
    assert type(term).__module__ == "my_rewards"
    values = custom_reward(term, ["<think>before that, and then it turns</think>", "B"], RECORD)
    assert values.tolist() == [pytest.approx(0.2), 0.0]


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("nowhere.Missing", "model.rewards.custom: No module named 'nowhere'"),
        (
            "tests.rewards.terms.Missing",
            "model.rewards.custom: module 'tests.rewards.terms' has no",
        ),
        ("videor1.rewards.RewardTerm", "model.rewards.custom: Expected an instantiatable class"),
        ("tests.rewards.terms.SaysWord", "the following arguments are required: word"),
    ],
)
def test_a_wrong_term_in_the_yaml_gets_one_line(monkeypatch, world, tmp_path, capsys, path, told):
    monkeypatch.chdir(ROOT)
    laid_over = overlay(tmp_path, {"custom": [{"class_path": path}]})
    status = cli.run(
        ["fit", "-c", "configs/quickstart/tgrpo.yaml", "-c", str(laid_over)]
        + ["--data.root", str(world), "--model.policy", str(world / "model")]
    )
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert status == 2
    assert len(errors) == 1
    assert told in errors[0]


def test_terms_are_added_with_their_weights_in_both_orders():
    settings = RewardSettings(alpha=0, omega=0, custom=(SaysWord("B", weight=2.0, name="b"), Brief()))
    rewards = score_group(["B", "one two C"], [1, 3], ["x y", "B B B B"], [2, 4], RECORD, settings)
    assert list(rewards.custom) == ["b", "brief"]
    assert rewards.custom["b"].tolist() == [2, 0]
    assert rewards.custom["brief"].tolist() == pytest.approx([-0.01, -0.03])
    assert rewards.untimed.tolist() == pytest.approx([1.99, -0.03])  # no tags: accuracy and format are 0
    assert rewards.shuffled_untimed.tolist() == pytest.approx([-0.02, 1.96])
    assert rewards.total.tolist() == rewards.untimed.tolist()


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([1.0], "returned 1 values for 2 responses"),
        ([1.0, 2.0, 3.0], "returned 3 values for 2 responses"),
        ([0.0, float("nan")], "finite"),
        ([float("-inf"), 0.0], "finite"),
        ([1e39, 0.0], "finite"),  # infinite as float32
        (None, "sequence of numbers, not None"),
        (0.5, "sequence of numbers, not 0.5"),
        (["much", "less"], "sequence of numbers"),
        (torch.zeros(2, 2), "sequence of numbers"),
    ],
)
def test_wrong_values_name_class_and_record(values, told):
    with pytest.raises(RewardError, match=rf"tests\.rewards\.terms\.Returns, record 'q7': .*{told}"):
        custom_reward(Returns(values), ["a", "b"], RECORD)


def test_values_may_be_what_turns_into_a_float():
    for values in ((1, True), torch.tensor([1.0, 1.0])):
        assert custom_reward(Returns(values), ["a", "b"], RECORD).tolist() == [1.0, 1.0]


def test_a_term_is_not_asked_about_no_responses_and_its_own_errors_pass_through():
    class Breaks(RewardTerm):
        def __call__(self, responses, record):
            raise KeyError("mine")

    assert custom_reward(Breaks(), [], RECORD).shape == (0,)
    with pytest.raises(KeyError, match="mine"):
        custom_reward(Breaks(), ["a"], RECORD)


@pytest.mark.parametrize(
    ("terms", "told"),
    [
        ((Brief(), Brief()), r"custom\[1\]\.name 'brief' is taken"),
        ((Brief(name="length"),), r"custom\[0\]\.name .*'length'"),
        ((Brief(name=""),), r"custom\[0\]\.name"),
        ((Brief(weight=float("nan")),), r"custom\[0\]\.weight"),
    ],
)
def test_settings_errors_name_the_term(terms, told):
    with pytest.raises(ConfigError, match=rf"model\.rewards\.{told}"):
        RewardSettings(custom=terms)
