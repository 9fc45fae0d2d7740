"""Batches that ranks seldom meet together: each rank sees another kind of media, or none."""

from __future__ import annotations

from dataclasses import replace

from lightning.pytorch import Callback
from torch.utils.data import DataLoader

from videor1.data.batch import PromptBatch
from videor1.data.dataset import PromptDataset
from videor1.rollout.blind import blind_prompt, vision_token_ids

# What rank 0 and rank 1 see, step by step. "text" has neither media nor a shuffled group, "image" no shuffled
# group; no response to "hopeless" is right, so its group has no variance where all are well formed, or none.
STEPS = (
    ("image", "video"),
    ("video", "text"),
    ("text", "image"),
    ("text", "text"),
    ("video", "hopeless"),
    ("hopeless", "image"),
)


class _Mixed(PromptDataset):
    """Step → batch of one prompt, of the kind that STEPS says."""

    rank = 0

    def __getitem__(self, step: int) -> PromptBatch:  # type: ignore[override]
        kind = STEPS[step][self.rank]
        wanted = {"image": "image"}.get(kind, "video")
        number = next(n for n, record in enumerate(self.records) if record.data_type == wanted)
        (prompt,) = super().__getitem__([number]).prompts
        if kind == "text":
            prompt = blind_prompt(prompt, vision_token_ids(self.maker.builder.processor))
        if kind == "hopeless":
            impossible = replace(prompt.record, solution="<answer>Z</answer>")
            prompt = replace(prompt, record=impossible)
        return PromptBatch([prompt], drawn=[number])


class DealOut(Callback):
    """Lets each rank see what STEPS gives it."""

    def setup(self, trainer, pl_module, stage):
        data = trainer.datamodule
        as_usual = data.train_dataloader

        def dealt() -> DataLoader:
            dataset = as_usual().dataset
            dataset.__class__ = _Mixed
            dataset.rank = trainer.global_rank
            return DataLoader(dataset, sampler=range(len(STEPS)), batch_size=None)

        data.train_dataloader = dealt
