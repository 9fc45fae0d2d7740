"""Shared fixtures: a small toy world on disk, its tiny Qwen2.5-VL, and prompts of every kind of media."""

from __future__ import annotations

import os

os.environ["HF_HUB_OFFLINE"] = "1"
