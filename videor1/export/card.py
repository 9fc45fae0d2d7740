"""The model card: what a folder's weights are, and what one needs to use them as they were trained."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml
from huggingface_hub import ModelCardData

from videor1.errors import ConfigError, RecordError
from videor1.export.run import Run
from videor1.portable import portable

REPORT = Path("validation") / "report.json"  # in a run's folder
_SETTINGS = (
    "model.class_path",
    *(
        f"model.init_args.optimizer.{name}"
        for name in ("class_path", "init_args.lr", "init_args.weight_decay")
    ),
    *(f"trainer.{name}" for name in ("max_steps", "max_epochs", "precision", "devices", "num_nodes")),
    *(f"trainer.{name}" for name in ("accumulate_grad_batches", "gradient_clip_val")),
    "data.batch_size",
    *(f"model.init_args.rollout.{name}" for name in ("group_size", "shuffled_size")),
    *(f"model.init_args.rollout.sampling.{name}" for name in ("max_new_tokens", "temperature", "top_p")),
    *(f"model.init_args.{name}" for name in ("loss.beta", "freeze")),
    *(f"data.clip.{name}" for name in ("max_frames", "fps", "video_max_pixels", "image_max_pixels")),
    *("data.max_prompt_tokens", "seed_everything"),
)
_LORA = ("r", "lora_alpha", "target_modules")
_PACKAGES = ("torch", "transformers", "lightning")
_METHODS = {"SFTModule": "sft", "TGRPOModule": "grpo"}
_LOADING = """\
```python
from transformers import AutoProcessor, Qwen2_5_VLForConditionalGeneration

model = Qwen2_5_VLForConditionalGeneration.from_pretrained(folder)
processor = AutoProcessor.from_pretrained(folder)
```

Positions in time are those that Qwen2.5-VL's released weights learned, as vLLM and transformers before 5.16
compute them. Later releases of transformers place the text after a long video elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where weights come from.

    Attributes:
        checkpoint: what kind it was, in words.
        path: of the checkpoint; the card has the part inside the run's folder, without a run the last name.
        base: folder or hub name of the model that was trained; None where nobody knows.
        step: optimizer steps done, where the checkpoint says.
        lora: PEFT's configuration of adapters that were merged.
    """

    checkpoint: str
    path: Path
    base: str | None
    step: int | None = None
    lora: Mapping[str, Any] | None = None


def write_card(origin: Origin, run: Run | None, report: Mapping[str, Any] | None = None) -> str:
    """Text of the card.

    Args:
        origin: see there.
        run: whose folder `origin.path` lies in; None for a card without settings.
        report: of benchmarks; None for a card without scores.
    """
    sections = [_front_matter(origin, run), _origin(origin, run), f"## Use\n\n{_LOADING}"]
    if run is not None:
        sections += [_prompt(run), _training(run)]
    if report is not None:
        sections += [_scores(report)]
    return portable("\n\n".join([*(part for part in sections if part), _versions()]) + "\n")


def find_report(run: Run | None, path: str | None) -> dict[str, Any] | None:
    """The benchmarks' report at `path`, or in the run's folder where there is one.

    Raises:
        ConfigError: nothing is at `path`.
        RecordError: the file is no report.
    """
    if path is not None:
        file = Path(path)
        if not file.is_file():
            raise ConfigError(f"report: no file at '{path}'")
    elif run is None or not (file := run.folder / REPORT).is_file():
        return None
    try:
        report = json.loads(file.read_text(encoding="utf-8"))
        _scores(report)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RecordError(f"{file}: not a report of benchmarks ({type(error).__name__}: {error})") from error
    return report


def _front_matter(origin: Origin, run: Run | None) -> str:
    method = _METHODS.get(_last(run.get("model.class_path"))) if run else None
    data = ModelCardData(
        library_name="transformers",
        pipeline_tag="video-text-to-text",
        base_model=None if origin.base is None else _portable(origin.base),
        tags=["videor1", "qwen2_5_vl", "video-reasoning", *([method] if method else [])],
    )
    return f"---\n{data.to_yaml()}\n---"


def _origin(origin: Origin, run: Run | None) -> str:
    path = origin.path.absolute()
    title, place, what = path.stem, path.name, "A Qwen2.5-VL, exported with videor1."
    if run is not None:
        folder = run.folder.absolute()
        title, what = folder.name, "A Qwen2.5-VL that reasons about video, trained with videor1."
        place = path.relative_to(folder).as_posix()
    facts = {
        "Base model": None if origin.base is None else _code(origin.base),
        "Run": None if run is None else _code(title),
        "Checkpoint": f"{_code(place)}, {origin.checkpoint}",
        "Step": origin.step,
        "Adapters": None if origin.lora is None else _lora(origin.lora),
    }
    lines = [f"* {name}: {value}" for name, value in facts.items() if value is not None]
    return f"# {title}\n\n{what}\n\n" + "\n".join(lines)


def _lora(config: Mapping[str, Any]) -> str:
    named = {name: config[name] for name in _LORA if name in config}
    shown = {k: sorted(v) if isinstance(v, set | list | tuple) else v for k, v in named.items()}
    return "LoRA, merged: " + ", ".join(f"{name} {_code(value)}" for name, value in shown.items())


def _prompt(run: Run) -> str:
    template = run.get("data.template")
    if not isinstance(template, Mapping):
        return ""
    return (
        "## Prompt\n\nThe user's turn is the media, then question, instruction and the hint for the type of"
        f" answer, a line each. The model needs the wording it was trained with:\n\n{_yaml(template)}"
    )


def _training(run: Run) -> str:
    data = {name: run.get(f"data.{name}") for name in ("root", "train")}
    rows = [(f"data.{name}", _portable(value)) for name, value in data.items() if value is not None]
    rows += [
        (name.replace("init_args.", ""), value) for name in _SETTINGS if (value := run.get(name)) is not None
    ]
    lines = "\n".join(f"| `{name}` | {_code(value)} |" for name, value in rows)
    return f"## Training\n\n| setting | value |\n|---|---|\n{lines}"


def _scores(report: Mapping[str, Any]) -> str:
    rows = []
    for name, benchmark in report["benchmarks"].items():
        score, *bounds = (_percent(benchmark["official"][key]) for key in ("score", "low", "high"))
        rows.append(f"| {name} | {benchmark['questions']} | {score} | {' to '.join(bounds)} |")
    of = f" of {_code(report['model'])}" if "model" in report else ""
    table = "\n".join(["| benchmark | questions | score, % | 95 % interval |", "|---|---|---|---|", *rows])
    return (
        f"## Scores\n\nOfficial scores{of}. They can be compared with others of the same protocol,"
        f" {_code(report['protocol_hash'])}:\n\n{table}\n\n{_yaml(report['protocol'])}"
    )


def _versions() -> str:
    return "Exported with " + ", ".join(f"{name} {version(name)}" for name in _PACKAGES) + "."


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f}"


def _yaml(content: Mapping[str, Any]) -> str:
    text = yaml.safe_dump(dict(content), sort_keys=False, allow_unicode=True, width=100)
    return f"```yaml\n{text}```"


def _last(class_path: Any) -> str:
    return str(class_path).rpartition(".")[2]


def _portable(value: Any) -> Any:
    """What means something elsewhere: of an absolute path only its last name."""
    return Path(value).name if isinstance(value, str) and value.startswith(("/", "~")) else value


def _code(value: Any) -> str:
    return f"`{_portable(value)}`"
