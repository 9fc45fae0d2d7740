"""YAML of any content through the command line's own parser: parsed, or one line on stderr."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import cli
from tests.fuzz.amount import cases
from tests.fuzz.strategies import ANY_TEXT, VALUES, as_json, damaged

CONFIG = """\
trainer: {max_steps: 2, logger: false}
model:
  class_path: videor1.modules.TGRPOModule
  init_args:
    policy: nowhere
    rewards: {alpha: 0.3, weights: {accuracy: 1.0}}
    loss: {beta: 0.04, kl: k3}
    rollout: {group_size: 8, sampling: {max_new_tokens: 64}}
data: {root: nowhere, batch_size: 2, clip: {max_frames: 4}}
"""
KEYS = st.sampled_from(
    [
        *(
            "trainer",
            "model",
            "data",
            "seed_everything",
            "model.init_args.loss.beta",
            "ckpt_path",
            "data.clip.fps",
        ),
        *(
            "model.class_path",
            "model.init_args",
            "model.init_args.policy",
            "trainer.callbacks",
            "data.root",
            "<<",
        ),
    ]
)
TORN = st.sampled_from(
    [
        *(
            "&a [*a, *a]",
            "*nowhere",
            "{a: b, a: c}",
            "[" * 300,
            "{? [a, b] : c}",
            "!!python/name:os.system",
            "!x y",
        ),
        *(
            "!!binary zzz",
            "|\n x",
            "- a\n- b: {",
            "2026-13-45",
            "0o9",
            ".inf",
            ".nan",
            "1e999",
            "0x",
            "~",
            "''",
            "\t",
        ),
        *(
            '"\\ud800"',
            '"\\0"',
            "%YAML 9.9",
            "---\n---",
            "...",
            "\ufeff",
            "\x85",
            "a: b: c",
            "@",
            "`",
            "1_000",
            "12:30:45",
        ),
    ]
)
INLINE = st.one_of(TORN, ANY_TEXT, VALUES.map(as_json).map(lambda raw: raw.decode(errors="replace")))


@st.composite
def configs(draw: st.DrawFn) -> bytes:
    """The config with a value replaced, a line added, or bytes of it damaged."""
    text = CONFIG
    match draw(st.integers(0, 3)):
        case 0:
            return draw(damaged(text.encode(), most=3))
        case 1:
            old = draw(
                st.sampled_from(["0.3", "k3", "nowhere", "false", "64", "videor1.modules.TGRPOModule", "8"])
            )
            text = text.replace(old, draw(INLINE))
        case 2:
            text += f"{draw(KEYS)}: {draw(INLINE)}\n"
        case 3:
            lines = text.splitlines()
            lines.insert(draw(st.integers(0, len(lines))), draw(INLINE))
            text = "\n".join(lines)
    return text.encode("utf-8", "surrogatepass")


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("configs") / "config.yaml"


def told(path: Path, content: bytes) -> tuple[int, str]:
    """Exit status and stderr of a command that only parses."""
    path.write_bytes(content)
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        try:
            status = cli.run(["fit", "-c", str(path), "--print_config"])
        except SystemExit as ended:
            status = int(ended.code or 0)
    return status, said.getvalue()


def test_the_config_is_sound(path):
    assert told(path, CONFIG.encode()) == (0, "")


@cases(6, 1000)
@given(content=configs())
def test_a_config_is_parsed_or_refused(path, content):
    status, said = told(path, content)
    assert status in (0, 2)
    if status:
        assert said.startswith("error: ")
        assert said.count("\n") == 1
