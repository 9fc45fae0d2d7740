"""Tests that need vLLM: skipped where it is not installed, unless the run says that it has to be."""

from __future__ import annotations

import importlib.util
import os

import pytest

if importlib.util.find_spec("vllm") is None and os.environ.get("VIDEOR1_NEEDS_VLLM") == "1":
    raise RuntimeError("vLLM is not installed, and VIDEOR1_NEEDS_VLLM=1 says that it has to be")

needs_vllm = pytest.mark.skipif(
    importlib.util.find_spec("vllm") is None, reason="vLLM is not installed: make VLLM=1 setup"
)
