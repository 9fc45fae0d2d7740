"""The benchmarks by name, and what each needs on disk."""

from __future__ import annotations

from videor1.data.annotations.benchmark import Benchmark, Needs
from videor1.data.annotations.mmvu import MMVU
from videor1.data.annotations.mvbench import MVBENCH
from videor1.data.annotations.tempcompass import TEMPCOMPASS
from videor1.data.annotations.video_mmmu import VIDEO_MMMU
from videor1.data.annotations.videomme import VIDEOMME
from videor1.data.annotations.vsi_bench import VSI_BENCH

BENCHMARKS: dict[str, Benchmark] = {
    benchmark.name: benchmark for benchmark in (VSI_BENCH, VIDEO_MMMU, MMVU, MVBENCH, TEMPCOMPASS, VIDEOMME)
}
NEEDS: dict[str, Needs] = {name: benchmark.needs for name, benchmark in BENCHMARKS.items()}
