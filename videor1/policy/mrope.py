"""M-RoPE position ids by Qwen's own rule.

Text counts up equally in all three axes. A vision block starts one past everything before it and counts
    t: floor(row * seconds_per_grid * tokens_per_second)   h, w: the merged patch's row and column
and the text after it starts at `max over t, h, w of the block + 1`. This is the rule of transformers 4.57.6,
of vLLM and of the released weights' training; transformers 5.16 and later put the text after a video at
`start + max(h, w)` instead, which moves every later position as soon as a video is longer than it is wide.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def position_ids(
    input_ids: Tensor,
    *,
    image_grid_thw: Tensor | None,
    video_grid_thw: Tensor | None,
    second_per_grid_ts: Tensor | Sequence[float] | None,
    image_token_id: int,
    video_token_id: int,
    spatial_merge_size: int,
    tokens_per_second: float,
) -> Tensor:
    """Positions of one unpadded sequence.

    Args:
        input_ids: (L,) ids in which each vision token has one image or video token.
        image_grid_thw: (images, 3) patches in time, height and width, in order of appearance.
        video_grid_thw: (videos, 3) likewise.
        second_per_grid_ts: (videos,) seconds between two rows of the temporal grid.

    Returns:
        (3, L) int64 positions in time, height and width.

    Raises:
        ValueError: a run of vision tokens that the grids do not account for, or the other way round.
    """
    images = [] if image_grid_thw is None else image_grid_thw.tolist()
    videos = [] if video_grid_thw is None else video_grid_thw.tolist()
    # float32 whatever the default type is: bf16-true makes it bfloat16, which has too few digits for times
    given = [] if second_per_grid_ts is None else second_per_grid_ts
    seconds = torch.as_tensor(given, dtype=torch.float32).tolist()
    if len(seconds) != len(videos):
        raise ValueError(f"{len(videos)} videos but {len(seconds)} second_per_grid_ts")
    pending = {image_token_id: iter([(grid, 0.0) for grid in images])}
    pending[video_token_id] = iter(list(zip(videos, seconds, strict=True)))

    ids = input_ids.tolist()
    parts: list[Tensor] = []
    cursor, position = 0, 0
    while cursor < len(ids):
        if ids[cursor] in pending:
            block = next(pending[ids[cursor]], None)
            if block is None:
                raise ValueError(f"vision token at {cursor} has no grid left")
            part = _vision_block(*block, spatial_merge_size, tokens_per_second) + position
            if ids[cursor : cursor + part.shape[1]] != [ids[cursor]] * part.shape[1]:
                raise ValueError(f"grid {block[0]} needs {part.shape[1]} vision tokens from {cursor} on")
        else:
            end = next((i for i in range(cursor, len(ids)) if ids[i] in pending), len(ids))
            part = torch.arange(position, position + end - cursor).expand(3, -1)
        parts.append(part)
        cursor += part.shape[1]
        position = int(part.max()) + 1
    if any(next(blocks, None) is not None for blocks in pending.values()):
        raise ValueError("more grids than vision blocks in input_ids")
    return torch.cat(parts, dim=1).to(input_ids.device) if parts else input_ids.new_zeros(3, 0)


def _vision_block(grid: list[int], seconds: float, merge: int, tokens_per_second: float) -> Tensor:
    """(3, t*h*w / merge²) positions of one image or video, counted from 0."""
    rows, height, width = grid[0], grid[1] // merge, grid[2] // merge
    # float32 and this order of factors, as in every other implementation: they decide the floor
    times = (torch.arange(rows, dtype=torch.float32) * seconds * tokens_per_second).long()
    axes = torch.meshgrid(times, torch.arange(height), torch.arange(width), indexing="ij")
    return torch.stack([axis.flatten() for axis in axes])
