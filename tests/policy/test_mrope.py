"""Position ids by Qwen's rule, against values worked out by hand."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from videor1.policy.mrope import position_ids

IMAGE, VIDEO = 5, 6


def positions(ids, *, images=None, videos=None, seconds=None, tokens_per_second=2):
    return position_ids(
        torch.tensor(ids),
        image_grid_thw=None if images is None else torch.tensor(images),
        video_grid_thw=None if videos is None else torch.tensor(videos),
        second_per_grid_ts=seconds,
        image_token_id=IMAGE,
        video_token_id=VIDEO,
        spatial_merge_size=2,
        tokens_per_second=tokens_per_second,
    ).tolist()


def test_text_counts_up_in_all_axes():
    assert positions([1, 2, 3]) == [[0, 1, 2]] * 3


def test_text_after_a_long_video_starts_past_its_last_moment():
    # 2 text tokens, then 3 rows in time of 1 x 2 merged patches, 1 s a row at 2 ids a second: t = 0, 2, 4.
    # The block starts at 2, so its largest id is 2 + 4 = 6 and the text goes on at 7 (the rule of
    # transformers 5.16+ would say 2 + max(h, w) = 4).
    got = positions([1, 1, *[VIDEO] * 6, 1, 1], videos=[[3, 2, 4]], seconds=[1.0])
    assert got == [
        [0, 1, 2, 2, 4, 4, 6, 6, 7, 8],
        [0, 1, 2, 2, 2, 2, 2, 2, 7, 8],
        [0, 1, 2, 3, 2, 3, 2, 3, 7, 8],
    ]


def test_fractions_of_a_second_are_floored_after_the_product():
    # 0.75 s a row at 2 ids a second: floor(0, 1.5, 3.0, 4.5) = 0, 1, 3, 4
    got = positions([VIDEO] * 4, videos=[[4, 2, 2]], seconds=[0.75])
    assert got == [[0, 1, 3, 4], [0, 0, 0, 0], [0, 0, 0, 0]]


def test_times_are_exact_whatever_the_default_type_is():
    """Lightning's bf16-true makes it bfloat16, in which 0.37 s is 0.369."""
    rows = 40
    seconds = [0.37]
    expected = positions([VIDEO] * 2 * rows, videos=[[rows, 2, 4]], seconds=seconds)
    torch.set_default_dtype(torch.bfloat16)
    try:
        assert positions([VIDEO] * 2 * rows, videos=[[rows, 2, 4]], seconds=seconds) == expected
    finally:
        torch.set_default_dtype(torch.float32)


def test_the_frame_rate_alone_moves_the_temporal_ids():
    slow, fast = (positions([VIDEO] * 3, videos=[[3, 2, 2]], seconds=[s])[0] for s in (2.0, 0.5))
    assert slow == [0, 4, 8]
    assert fast == [0, 1, 2]


def test_images_and_videos_mixed_in_one_prompt():
    # image 2 x 2 merged at 1 (after one text token): ids up to 1 + 1 = 2; text at 3; video of 2 rows of
    # 1 x 1 at 4, 1 s a row: t = 4, 6; text at 7; image 1 x 3 at 8: w up to 10; text at 11
    ids = [1, *[IMAGE] * 4, 1, *[VIDEO] * 2, 1, *[IMAGE] * 3, 1]
    got = positions(ids, images=[[1, 4, 4], [1, 2, 6]], videos=[[2, 2, 2]], seconds=[1.0])
    assert got == [
        [0, 1, 1, 1, 1, 3, 4, 6, 7, 8, 8, 8, 11],
        [0, 1, 1, 2, 2, 3, 4, 4, 7, 8, 8, 8, 11],
        [0, 1, 2, 1, 2, 3, 4, 4, 7, 8, 9, 10, 11],
    ]


def test_two_videos_side_by_side_keep_their_own_clocks():
    got = positions([VIDEO] * 4, videos=[[2, 2, 2], [2, 2, 2]], seconds=[1.0, 2.0])
    assert got[0] == [0, 2, 3, 7]


@given(
    rows=st.integers(1, 6),
    height=st.integers(1, 4),
    width=st.integers(1, 4),
    seconds=st.floats(0.05, 8.0),
    before=st.integers(0, 5),
)
def test_what_follows_a_video_is_one_past_everything_before(rows, height, width, seconds, before):
    count = rows * height * width
    ids = [1] * before + [VIDEO] * count + [1]
    got = torch.tensor(positions(ids, videos=[[rows, 2 * height, 2 * width]], seconds=[seconds]))
    assert (got[:, -1] == got[:, :-1].max() + 1).all()
    assert (
        got[1:, before : before + count].max(1).values == torch.tensor([height, width]) - 1 + before
    ).all()


@pytest.mark.parametrize(
    ("ids", "videos", "seconds", "message"),
    [
        ([VIDEO] * 3, [[1, 4, 4]], [1.0], "needs 4 vision tokens"),
        ([VIDEO] * 2, None, None, "no grid left"),
        ([1, 1], [[1, 2, 2]], [1.0], "more grids than vision blocks"),
        ([VIDEO], [[1, 2, 2]], [], "1 videos but 0 second_per_grid_ts"),
    ],
)
def test_tokens_and_grids_that_do_not_match_are_refused(ids, videos, seconds, message):
    with pytest.raises(ValueError, match=message):
        positions(ids, videos=videos, seconds=seconds)
