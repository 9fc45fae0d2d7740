"""LightningModules a config can name: `PolicyModule` (no training), `SFTModule`, `TGRPOModule`."""

from videor1.modules.policy import PolicyModule
from videor1.modules.sft import SFTModule
from videor1.modules.tgrpo import TGRPOModule

__all__ = ["PolicyModule", "SFTModule", "TGRPOModule"]
