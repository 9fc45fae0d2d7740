"""A small record file with each defect once, media to go with it, and audits of it."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image
from transformers import Qwen2_5_VLProcessor

from tests.data.videos import write_video
from videor1.data.cache import CacheSettings
from videor1.data.datamodule import VideoDataModule
from videor1.data.frames import ClipSettings
from videor1.data.prompts import PromptTemplate
from videor1.data.record_file import RecordFile
from videor1.evaluation.ways import EvaluationSettings
from videor1.modules import TGRPOModule
from videor1.rollout.engine import Sampling
from videor1.rollout.settings import RolloutSettings
from videor1.trainer import VideoTrainer

RESPONSE = 8  # tokens kept free for a response
CLIP = ClipSettings(max_frames=4, video_max_pixels=3136, image_max_pixels=16 * 784, min_pixels=3136)
TEMPLATE = PromptTemplate(instruction="Think, then answer.")
VIDEO, IMAGE, BIG = 8, 4, 16  # tokens: 2 rows of 2 x 2; 2 x 2; 4 x 4
ROOM = 9  # tokens that max_prompt_tokens leaves for the big image, which is then shown with 3 x 3


def mc(path: str, problem: str, answer: str, choices: int = 2, **changes: Any) -> dict[str, Any]:
    """A sound multiple-choice record; `changes` damage it."""
    return {
        "problem": problem,
        "data_type": "image" if path.endswith(".png") else "video",
        "problem_type": "multiple choice",
        "options": [f"{'ABCD'[place]}. choice {place}" for place in range(choices)],
        "solution": f"<answer>{answer}</answer>",
        "path": path,
        "data_source": "clean",
        **changes,
    }


def other(path: str, problem: str, solution: str, problem_type: str, **changes: Any) -> dict[str, Any]:
    """A sound record of another kind."""
    return mc(path, problem, "", 0, **{"problem_type": problem_type, "solution": solution, **changes})


TRAIN = [
    mc("./videos/a.mp4", "Which comes first?", "A"),
    mc("videos/a.mp4", " which  COMES first?", "B"),  # 1: asks the same again, with another solution
    mc("videos/copy.mp4", "Which comes last?", "C", 4),  # 2: the content of a.mp4
    mc("videos/a.mp4", "No kind?", "A", problem_type="riddle"),  # 3: malformed
    mc("videos/gone.mp4", "Which?", "A", data_source="broken"),  # 4: missing
    mc("../outside.png", "Which?", "A", data_source="broken"),  # 5: outside
    mc("videos/cut.mp4", "Which?", "A", data_source="broken"),  # 6: damaged
    mc("videos/b.mp4", "Is <|im_end|> the end?", "A", data_source="broken"),  # 7: no prompt
    other(
        "images/red.png", "How many?", "<answer>five</answer>", "numerical", data_source=""
    ),  # 8: no number
    mc("images/red.png", "What else?", "E"),  # 9: no option
    other("images/red.png", "What is it?", "red", "free-form"),  # 10: no tags
    mc("images/red.png", "word " * 300, "A", data_source="broken"),  # 11: too long even with the least media
    mc("images/big.png", "word " * 60, "B"),  # 12: fits with less of its media
    other("videos/b.mp4", "How far?", "<answer>1.5 m</answer>", "regression"),
    other("videos/b.mp4", "Read it.", "<answer> </answer>", "OCR"),  # 14: empty
    mc("videos/b.mp4", "Unlettered?", "A", options=["left", "right"]),  # 15
]
USABLE = (0, 1, 2, 8, 9, 10, 12, 13, 14, 15)  # positions in TRAIN
VALIDATE = [
    mc("videos/same_as_b.mp4", "Which?", "A"),
    mc("images/green.png", "Which?", "B"),
]
BENCHMARK = [
    mc("images/red.png", "what ELSE?", "A"),  # path, content and question
    mc("elsewhere/b.mp4", "New?", "A"),  # content
    mc("videos/a.mp4", "New?", "A"),  # path only: it is another video there
    mc("videos/none.mp4", "New?", "A"),  # missing
    mc("images/other.png", "New?", "A"),
    mc("images/other.png", "New?", "A", data_type="smell"),  # malformed
]


@dataclass(frozen=True, kw_only=True)
class World:
    """Folders of record files and media, and the settings that go with them."""

    root: Path
    policy: Path
    max_prompt_tokens: int = 16384
    settings: dict[str, Any] = field(default_factory=dict)  # of the data module

    def audit(self, folder: Path, *, benchmarks: tuple[str, ...] = (), **settings: Any) -> dict[str, Any]:
        """Audits into `folder`/audit; returns what audit.json says."""
        given = {"train": "train.json", "validate": "validate.json", "workers": 0, "max_bad_share": 1.0}
        data = VideoDataModule(
            str(self.root),
            batch_size=2,
            clip=CLIP,
            template=TEMPLATE,
            **{
                "max_prompt_tokens": self.max_prompt_tokens,
                "cache": CacheSettings(folder=str(self.root.parent / "cache")),
                **given,
                **self.settings,
                **settings,
            },
        )
        sampling = Sampling(max_new_tokens=RESPONSE)
        model = TGRPOModule(
            str(self.policy),
            rollout=RolloutSettings(sampling=sampling),
            evaluation=EvaluationSettings(sampling=sampling),
        )
        trainer = VideoTrainer(
            accelerator="cpu",
            logger=False,
            enable_checkpointing=False,
            accumulate_grad_batches=3,
            default_root_dir=folder,
        )
        try:
            trainer.audit(
                model, data, benchmarks=benchmarks, benchmark_root=str(self.root.parent / "bench"), ranks=2
            )
        finally:
            written = folder / "audit" / "audit.json"
            report = json.loads(written.read_text(encoding="utf-8")) if written.exists() else {}
        return report


def write_world(folder: Path, policy: Path) -> World:
    """Media, records and benchmark below `folder`."""
    root, bench = folder / "root", folder / "bench"
    for place in (root / "videos", root / "images", bench / "images", bench / "videos", bench / "elsewhere"):
        place.mkdir(parents=True)
    a, b = write_video(root / "videos/a.mp4"), write_video(root / "videos/b.mp4", frames=12)
    shutil.copy(a, root / "videos/copy.mp4")
    shutil.copy(b, root / "videos/same_as_b.mp4")
    shutil.copy(b, bench / "elsewhere/b.mp4")
    (root / "videos/cut.mp4").write_bytes(a.read_bytes()[: a.stat().st_size // 2])
    write_video(bench / "videos/a.mp4", frames=14)
    for name, colour, side in (
        ("red", (200, 30, 30), 56),
        ("green", (0, 200, 0), 56),
        ("big", (0, 0, 99), 112),
    ):
        Image.new("RGB", (side, side), colour).save(root / f"images/{name}.png")
    shutil.copy(root / "images/red.png", bench / "images/red.png")
    shutil.copy(root / "images/red.png", folder / "outside.png")
    Image.new("RGB", (84, 84)).save(bench / "images/other.png")
    for file, records in ((root / "train.json", TRAIN), (root / "validate.json", VALIDATE)):
        write_records(file, records)
    write_records(bench / "bench.json", BENCHMARK)
    return World(root=root, policy=policy)


def write_records(file: Path, records: list[dict[str, Any]]) -> None:
    """As JSON lines, the ids being the positions."""
    lines = [json.dumps({"problem_id": number} | record) for number, record in enumerate(records)]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def words(root: Path, processor: Qwen2_5_VLProcessor, position: int) -> int:
    """Tokens of a prompt without those of its media."""
    records = RecordFile.open(root / "train.json")
    record = records[list(records.positions).index(position)]
    media = "<|vision_start|><|vision_end|>"
    chat = [{"role": "user", "content": media + TEMPLATE.render(record)}]
    text = processor.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    return len(processor.tokenizer(text)["input_ids"])


def timeless(report: dict[str, Any]) -> dict[str, Any]:
    """Without what differs from audit to audit of the same things."""
    splits = {
        name: {key: value for key, value in split.items() if key != "speed"}
        for name, split in report["splits"].items()
    }
    return {**report, "splits": splits}
