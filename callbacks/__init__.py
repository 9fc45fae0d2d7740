"""Callbacks observe a run and write what they see; none of them changes what is trained."""

from callbacks.benchmark_eval import BenchmarkEval
from callbacks.data_health import DataHealth
from callbacks.evaluation_writer import EvaluationWriter
from callbacks.hf_export import HFExport
from callbacks.length_curve import LengthCurve
from callbacks.reward_watch import RewardWatch
from callbacks.rollout_samples import RolloutSamples
from callbacks.run_checkpoint import RunCheckpoint
from callbacks.show_answers import ShowAnswers
from callbacks.stage_record import StageRecord
from callbacks.step_seconds import StepSeconds
from callbacks.watchdog import Watchdog

__all__ = [
    "BenchmarkEval",
    "DataHealth",
    "EvaluationWriter",
    "HFExport",
    "LengthCurve",
    "RewardWatch",
    "RolloutSamples",
    "RunCheckpoint",
    "ShowAnswers",
    "StageRecord",
    "StepSeconds",
    "Watchdog",
]
