"""The run that a checkpoint comes from: its `config.yaml`, and what is asked of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from videor1.errors import ConfigError
from videor1.portable import here

CONFIG = "config.yaml"  # as LightningCLI leaves it in the run's folder, every setting in it
_LEVELS = 2  # from <run>/checkpoints/last.ckpt up to <run>


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run's folder and all its settings."""

    folder: Path
    config: Mapping[str, Any]

    @classmethod
    def around(cls, path: Path) -> Run | None:
        """The run that `path` lies in; None where no config of one is near."""
        for folder in path.absolute().parents[:_LEVELS]:
            if (run := cls.at(folder)) is not None:
                return run
        return None

    @classmethod
    def at(cls, folder: Path) -> Run | None:
        """The run of this folder; None where there is no config, or that of something else.

        Raises:
            ConfigError: the config is not YAML.
        """
        path = folder / CONFIG
        if not path.is_file():
            return None
        try:
            config = yaml.safe_load(path.read_text(encoding="utf-8"))
        except yaml.YAMLError as error:
            raise ConfigError(f"{path}: not YAML ({' '.join(str(error).split())})") from error
        return cls(folder=folder, config=config) if isinstance(config, dict) and "model" in config else None

    def get(self, key: str) -> Any:
        """The setting at a dotted key; None where there is none, as for a setting that is null."""
        value: Any = self.config
        for part in key.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        return value

    def examined(self, report: Mapping[str, Any], step: int | None) -> bool:
        """Whether a report is about the weights with which the run ended, and `step` (None: its end) is that.

        Args:
            report: of an examination.
            step: optimizer steps of a checkpoint.
        """
        if here(str(report.get("model"))).resolve() != (self.folder / "hf").resolve():
            return False
        stage = self.folder / "stage.json"
        return step is None or (stage.is_file() and json.loads(stage.read_bytes())["steps"] == step)

    @property
    def policy(self) -> str | None:
        """The folder or hub name that training started from."""
        return self.get("model.init_args.policy")


def folder_of(configs: Sequence[str]) -> Path:
    """The folder of the run that these YAML files, each laid over those before, are the settings of.

    Raises:
        ConfigError: none names trainer.default_root_dir, or one cannot be read.
    """
    named = None
    for file in configs:
        try:
            config = yaml.safe_load(Path(file).read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigError(f"{file}: {error.strerror}") from error
        except yaml.YAMLError as error:
            raise ConfigError(f"{file}: not YAML ({' '.join(str(error).split())})") from error
        trainer = config.get("trainer") if isinstance(config, dict) else None
        named = (trainer or {}).get("default_root_dir") or named
    if named is None:
        raise ConfigError(f"{', '.join(configs)}: no trainer.default_root_dir, so no run to export")
    return Path(named)
