"""Files that leave a mark when something in them is run."""

from __future__ import annotations

from pathlib import Path


class Mark:
    """Pickled, it stands for a call that makes a file."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self):
        return open, (str(self.file), "w")


CODE = """\
open({mark!r}, "w")
from transformers import *
class Config(Qwen2_5_VLConfig): pass
class Model(Qwen2_5_VLForConditionalGeneration): pass
class Processor(Qwen2_5_VLProcessor): pass
class Tokenizer(Qwen2Tokenizer): pass
class Images(Qwen2VLImageProcessor): pass
"""
MAP = {
    "AutoConfig": "own.Config",
    "AutoModel": "own.Model",
    "AutoModelForImageTextToText": "own.Model",
    "AutoProcessor": "own.Processor",
    "AutoTokenizer": ["own.Tokenizer", "own.Tokenizer"],
    "AutoImageProcessor": "own.Images",
}
