"""The kinds of videos that the tests read: containers, codecs, pixel formats and oddities, by file name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.data.videos import GROUPS, ONE_GROUP, UNEVEN, write_numbered

X265 = {"x265-params": "log-level=none:keyint=8"}  # open groups are its default
X265_ONE = {"x265-params": "log-level=none:keyint=-1:scenecut=0"}
OPEN = {"x264-params": "open-gop=1:keyint=8:bframes=3:b-adapt=0:scenecut=0"}

# file name → arguments of `write_numbered`. decord can be trusted with the plain ones, not with the others.
PLAIN: dict[str, dict[str, Any]] = {
    "h264.mp4": {"options": ONE_GROUP},
    "h264.mov": {"options": ONE_GROUP},
    "h264.mkv": {"options": ONE_GROUP},
    "b-frames.mp4": {"options": {**ONE_GROUP, "bf": "4"}},
    "hevc.mp4": {"codec": "libx265", "options": X265_ONE},
    "vp9.webm": {"codec": "libvpx-vp9", "options": ONE_GROUP},
    "vp8.webm": {"codec": "libvpx", "options": ONE_GROUP},
    "av1.mp4": {"codec": "libsvtav1", "options": {"g": "10000"}},
    "av1.mkv": {"codec": "libsvtav1", "options": {"g": "10000"}},
    "h264 of 10 bits.mp4": {"pixels": "yuv420p10le", "options": ONE_GROUP},
    "hevc of 10 bits.mp4": {"codec": "libx265", "pixels": "yuv420p10le", "options": X265_ONE},
    "yuv444.mp4": {"pixels": "yuv444p", "options": ONE_GROUP},
    "full range.mp4": {"pixels": "yuvj420p", "options": ONE_GROUP},
    "interlaced.mp4": {"options": {**ONE_GROUP, "flags": "+ildct+ilme"}},
    "odd sides.mp4": {"height": 43, "width": 57, "pixels": "yuv444p", "options": ONE_GROUP},
    "odd sides.webm": {"codec": "libvpx-vp9", "height": 43, "width": 57, "options": ONE_GROUP},
    "turned by 90.mp4": {"turned": 90, "options": ONE_GROUP},
    "turned by 180.mov": {"turned": 180, "options": ONE_GROUP},
    "turned by 270.mkv": {"turned": 270, "options": ONE_GROUP},
    "uneven times.mp4": {"times": UNEVEN, "options": ONE_GROUP},
    "uneven times.mkv": {"times": UNEVEN, "options": ONE_GROUP},
    "starts late.mp4": {"times": [5000 + 100 * n for n in range(30)], "options": ONE_GROUP},
    "starts late.mkv": {"times": [5000 + 100 * n for n in range(30)], "options": ONE_GROUP},
    "with sound.mp4": {"audio": True, "options": ONE_GROUP},
    "with sound.webm": {"codec": "libvpx-vp9", "audio": True, "options": ONE_GROUP},
    "with a cover.mp4": {"cover": True, "options": ONE_GROUP},
    "in fragments.mp4": {"container": {"movflags": "frag_every_frame+empty_moov"}, "options": ONE_GROUP},
    "index first.mp4": {"container": {"movflags": "faststart"}, "options": ONE_GROUP},
}
INTRICATE: dict[str, dict[str, Any]] = {
    "groups.mp4": {"options": GROUPS},
    "groups.mkv": {"options": GROUPS},
    "open groups.mp4": {"options": OPEN},
    "open groups.mkv": {"options": OPEN},
    "open groups of hevc.mp4": {"codec": "libx265", "options": X265},
    "groups of vp9.webm": {"codec": "libvpx-vp9", "options": {"g": "8"}},
    "groups of av1.mp4": {"codec": "libsvtav1", "options": {"g": "8"}},
    "key frames only.mp4": {"options": {"g": "1"}},
    "key frames only.mov": {"codec": "prores_ks", "pixels": "yuv422p10le"},
    "grey of 16 bits.mkv": {"codec": "ffv1", "pixels": "gray16le"},
    "mpeg4.avi": {"codec": "mpeg4", "options": GROUPS},
    "mjpeg.avi": {"codec": "mjpeg", "pixels": "yuvj420p"},
    "stream.ts": {"options": GROUPS},
    "stream.mpg": {"codec": "mpeg2video", "rate": 25, "options": GROUPS},
    "h264.flv": {"options": GROUPS},
    "wmv2.wmv": {"codec": "wmv2", "options": {"g": "8"}},
    "turned, in groups.mp4": {"turned": 90, "options": GROUPS},
    "mirrored, in groups.mp4": {"mirrored": True, "options": GROUPS},
    "turned and mirrored.mp4": {"turned": 90, "mirrored": True, "options": GROUPS},
    "uneven times in groups.mp4": {"times": UNEVEN, "options": GROUPS},
}


class Library:
    """Videos by name, written when first asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __getitem__(self, name: str) -> Path:
        path = self.folder / name
        if not path.exists():
            write_numbered(path, **(PLAIN | INTRICATE)[name])
        return path
