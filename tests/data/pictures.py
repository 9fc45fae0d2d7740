"""A picture for the tests whose four quarters tell how it was turned, and what is asked of it."""

from __future__ import annotations

import numpy as np
import pytest

from videor1.data.frames import read_image
from videor1.errors import MediaError

RED, GREEN, BLUE, WHITE = (200, 30, 30), (30, 200, 30), (30, 30, 200), (230, 230, 230)
CORNERS = np.array([[RED, GREEN], [BLUE, WHITE]], dtype=np.uint8)
QUARTERS = CORNERS.repeat(28, axis=0).repeat(28, axis=1)  # 56 x 56


def corners(clip):
    """The colours near the four corners, (2, 2, 3)."""
    frame = clip.frames[0]
    height, width = frame.shape[0] // 8, frame.shape[1] // 8
    return frame[[[height], [-height]], [[width, -width]]].astype(int)


def refusal(path):
    with pytest.raises(MediaError) as caught:
        read_image(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert len(message.splitlines()) == 1
    return message
