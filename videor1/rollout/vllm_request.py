"""A prompt as vLLM reads it: text ids with one vision token, frames and their timing."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from PIL import Image

from videor1.types import Clip, Prompt

UNCAPPED = {"cap_pixels_per_frame": False}  # a rule that transformers 5.22 is to have by default
# The frames have their size already: no bound of the processor's may change it.
_AS_THEY_ARE = {"size": {"shortest_edge": 1, "longest_edge": 2**40}}
_PROCESSING = {"images_kwargs": _AS_THEY_ARE, "videos_kwargs": _AS_THEY_ARE | UNCAPPED}


def as_request(prompt: Prompt, vision_ids: Collection[int]) -> dict[str, Any]:
    """What `vllm.LLM.generate` takes for a prompt; vLLM makes of it the same ids and patches as the trainer.

    Args:
        prompt: with one image, one video, or none.
        vision_ids: tokens of an image and of a video. vLLM wants one where the prompt has one for each patch.
    """
    ids = prompt.input_ids.tolist()
    before = [None, *ids[:-1]]
    text = [id_ for id_, last in zip(ids, before, strict=True) if id_ not in vision_ids or id_ != last]
    request: dict[str, Any] = {"prompt_token_ids": text, "mm_processor_kwargs": _PROCESSING}
    if prompt.clip.is_video:
        request["multi_modal_data"] = {"video": [(prompt.clip.frames, _timing(prompt.clip))]}
    elif len(prompt.grid_thw):
        request["multi_modal_data"] = {"image": [Image.fromarray(prompt.clip.frames[0])]}
    return request


def _timing(clip: Clip) -> dict[str, Any]:
    """The sampled frames as a film of their own, all of which is used."""
    frames = len(clip.frames)
    return {
        "fps": clip.fps,
        "duration": frames / clip.fps,
        "total_num_frames": frames,
        "frames_indices": list(range(frames)),
        "video_backend": "videor1",
        "do_sample_frames": False,
    }
