"""Any checkpoint → an ordinary Hugging Face folder with processor and model card.

checkpoint (what a path is) ─▶ saved (its tensors) ─▶ adapters (merged) ─▶ plain (checked, cast) ─▶ folder
run, base (config, processor, where they come from) ──────────────────────▶ card ─────────────────────┘
"""

from videor1.export.command import export
from videor1.export.folder import export_folder

__all__ = ["export", "export_folder"]
