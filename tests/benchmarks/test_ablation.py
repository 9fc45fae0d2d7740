"""The ablation: its statistics by hand, its arms against the command line, and which runs are run again."""

from __future__ import annotations

import json
import math
import shutil

import pytest
import yaml

import cli
from benchmarks.ablation import jobs_of, numbers, parse
from benchmarks.support.ablation.arms import ARMS, BASELINE
from benchmarks.support.ablation.compare import Comparison, Screening, adjusted, against, compare
from benchmarks.support.ablation.jobs import RESULT, Job, Settings
from benchmarks.support.ablation.report import write_report
from benchmarks.support.ablation.result import curves, is_done, read_results, training
from benchmarks.support.ablation.statistics import difference, holm, mean_of
from benchmarks.support.ablation.work import perform, work
from videor1.errors import UserError

T_2 = 4.302653  # 97.5 % of Student's t with 2 degrees of freedom, from a printed table


def pairs(*values):
    return {(0, "w", seed): value for seed, value in enumerate(values)}


def test_a_mean_has_its_t_interval():
    found = mean_of([1.0, 2.0, 3.0])
    assert (found.n, found.mean) == (3, 2.0)
    assert found.high == pytest.approx(2 + T_2 / math.sqrt(3), abs=1e-5)
    assert found.low == pytest.approx(2 - T_2 / math.sqrt(3), abs=1e-5)
    assert not found.excludes_zero  # 2 - 2.484 < 0
    assert mean_of([2.0, 2.1, 2.2]).excludes_zero
    assert mean_of([2.0]).low is None
    with pytest.raises(ValueError, match="no runs"):
        mean_of([])


def test_a_difference_is_paired():
    found = difference(pairs(0.6, 0.8, 0.7, 9.0), {**pairs(0.5, 0.6, 0.4), (1, "w", 3): 0.0})
    assert found is not None
    assert found.gain.n == 3  # the fourth has no partner
    assert found.gain.mean == pytest.approx(0.2)
    t = 0.2 / (0.1 / math.sqrt(3))
    assert found.p_t == pytest.approx(1 - t / math.sqrt(2 + t * t))  # two-sided, 2 degrees of freedom
    assert found.p_flip == pytest.approx(2 / 8)  # all signs as they are, or all flipped, of 2³
    assert difference(pairs(1.0), {(1, "w", 0): 1.0}) is None


def test_signs_are_flipped_exactly():
    found = difference(pairs(3.0, 2.0, 1.0, -0.5), pairs(0.0, 0.0, 0.0, 0.0))
    # sums of ±3 ±2 ±1 ±0.5 that reach 5.5 or -5.5: 6.5, 5.5 and their mirrors, of 16
    assert found is not None and found.p_flip == pytest.approx(4 / 16)
    none = difference(pairs(0.5, 0.6), pairs(0.5, 0.6))
    assert none is not None and none.p_t == none.p_flip == 1.0


def test_holm_steps_down():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.6, 0.9]) == [1.0, 1.0]


def test_holm_tells_pairs_of_one_arm_apart():
    """As in the paper's order, where one arm is compared with several."""

    def compared(other, *gains):
        found = difference(pairs(*gains), pairs(0.0, 0.0, 0.0, 0.0))
        return Comparison(arm="paper", other=other, by_measure={"ordered": found})

    near, far = adjusted([compared("grpo", 0.1, -0.1, 0.2, -0.1), compared("zero", 0.70, 0.71, 0.69, 0.70)])
    assert far.holm == pytest.approx(2 * far.by_measure["ordered"].p_t)
    assert near.holm == pytest.approx(near.by_measure["ordered"].p_t)
    assert far.holm < 0.001 < near.holm


def result(arm, seed, ordered, *, checkpoint=0, shuffled=0.3):
    """What `result.json` of a run holds, as far as reports read it."""
    accuracy = {
        "temporal": {"ordered": ordered, "shuffled": shuffled},
        "other": {"ordered": 0.9, "shuffled": 0.9},
    }
    asked = {"arm": arm, "checkpoint": checkpoint, "seed": seed}
    nothing = dict.fromkeys(("changed_groups", "response_tokens", "train_accuracy"))
    spent = {"sampled_tokens": 1000, "train_seconds": 1.0, "steps": 80}
    return {"asked": asked, "sft": f"w{checkpoint}", "accuracy": accuracy, **nothing, **spent}


def test_runs_that_chose_no_form_stand_apart(tmp_path):
    results = [
        result(arm, seed, base + gain * (arm == "advantage"), checkpoint=checkpoint)
        for checkpoint, seed, base, gain in (
            (0, 0, 0.50, 0.10),
            (0, 1, 0.52, 0.11),
            (0, 2, 0.51, 0.12),
            (1, 0, 0.60, -0.10),
            (0, 100, 0.50, 0.02),
        )
        for arm in (BASELINE, "advantage")
    ]
    screening = Screening(checkpoints=[0], seeds=[0, 1, 2])
    parts = screening.split(results)
    (chosen,), (confirmed,) = against(parts["screening"]), against(parts["confirmation"])
    assert (chosen.arm, chosen.other) == ("advantage", BASELINE)
    assert chosen.by_measure["ordered"].gain.mean == pytest.approx(0.11)
    assert chosen.by_measure["gap"].gain.mean == pytest.approx(0.11)
    assert chosen.holm == pytest.approx(chosen.by_measure["ordered"].p_t)  # of one arm
    assert confirmed.by_measure["ordered"].gain.mean == pytest.approx(-0.04)
    text = write_report(tmp_path, results, screening, full=["advantage"])
    assert "+0.110 [+0.085, +0.135] *" in text  # ± 4.3027 · 0.01 / √3
    assert "above: `advantage`" in text.split("## Confirmation")[0]
    assert "no arm differs" in text.split("## Confirmation")[1]
    assert f"`advantage` > `{BASELINE}`: undecided" in text
    assert (tmp_path / "ablation.png").stat().st_size > 0


@pytest.mark.parametrize(("gain", "told"), [(0.1, "as in the paper"), (-0.1, "against the paper")])
def test_the_papers_order_is_read_off_the_figures(tmp_path, gain, told):
    results = [result("zero", seed, 0.5 + seed / 100) for seed in range(3)]
    results += [result("paper", seed, 0.5 + gain + seed / 99) for seed in range(3)]
    text = write_report(tmp_path, results, Screening(checkpoints=[0], seeds=[0]), full=["paper"])
    assert f"`paper` > `zero`: {told}." in text


def test_other_weights_of_one_checkpoint_make_no_pair():
    other = {**result(BASELINE, 0, 0.4), "sft": "another"}
    assert compare([result("advantage", 0, 0.5), other], "advantage", BASELINE) is None


def test_curves_are_averaged_at_their_end(tmp_path):
    rows = [f"{step},{100},{step / 100 if step >= 5 else ''}" for step in range(30)]
    (tmp_path / "metrics.csv").write_text("\n".join(["step,tokens/sampled,reward/accuracy", *rows]))
    found = training(curves(tmp_path / "metrics.csv"))
    assert found["sampled_tokens"] == 3000
    assert found["train_accuracy"] == pytest.approx(0.195)  # of steps 10 … 29
    assert found["changed_groups"] is None


@pytest.mark.parametrize("arm", [name for name, arm in ARMS.items() if arm.trains])
def test_the_arms_are_understood_by_the_command_line(tmp_path, capsys, arm):
    job = Job(settings=Settings(out=tmp_path, steps=7), arm=arm, checkpoint=0, seed=3)
    with pytest.raises(SystemExit) as stopped:
        cli.main([*job.words("fit"), "--print_config"])
    assert stopped.value.code == 0
    shown = yaml.safe_load(capsys.readouterr().out)
    assert (shown["seed_everything"], shown["trainer"]["max_steps"]) == (3, 7)
    model = shown["model"]["init_args"]
    for key, value in ARMS[arm].model.items():
        kept = {name: model[key][name] for name in value} if isinstance(value, dict) else model[key]
        assert kept == value, key


def test_all_arms_of_a_seed_come_before_the_next(tmp_path):
    jobs = jobs_of(Settings(out=tmp_path), ["grpo", "paper"], [0, 1], numbers("0-1,100"))
    assert [job.name for job in jobs[:3]] == ["see", "sft/0", "sft/1"]
    assert [job.ready for job in jobs[:4]] == [True, False, False, False]
    assert [job.seed for job in jobs[3:]] == [0] * 4 + [1] * 4 + [100] * 4
    options = parse(["--screening", "0,1:2-3", "--arms", "sft"])
    assert (options.screening.checkpoints, options.screening.seeds) == ([0, 1], [2, 3])


@pytest.fixture
def settings(world, tmp_path):
    """An ablation on the tests' small world, whose untrained model stands in for that of SFT."""
    (tmp_path / "world").symlink_to(world)
    (tmp_path / "sft/0").mkdir(parents=True)
    (tmp_path / "sft/0/hf").symlink_to(world / "model")
    (tmp_path / "sft/0" / RESULT).write_text("{}")
    return Settings(out=tmp_path, steps=1, samples=1)


@pytest.mark.filterwarnings("ignore:Experiment logs directory")  # the run's folder, with its overlays
def test_a_whole_result_is_kept_and_a_half_one_made_anew(settings):
    job = Job(settings=settings, arm="grpo", checkpoint=0, seed=0)
    job.folder.mkdir(parents=True)
    (job.folder / f"{RESULT}.unfinished").write_text('{"asked"')
    assert not is_done(job)
    assert perform(job) == 0
    assert is_done(job)
    (found,) = read_results(settings.out)
    assert found["steps"] == 1
    assert found["sampled_tokens"] == pytest.approx(16 * 8 * found["response_tokens"])  # none is shuffled
    assert set(found["accuracy"]) == {"temporal", "other"}
    assert not (job.folder / "hf").exists() and not (job.folder / "validation").exists()
    other = Job(settings=Settings(out=settings.out, steps=2, samples=1), arm="grpo", checkpoint=0, seed=0)
    with pytest.raises(UserError, match="made with steps 1, now 2"):
        is_done(other)


def test_a_run_that_fails_names_its_log_and_the_others_go_on(settings, capsys):
    shutil.rmtree(settings.out / "sft/0")
    jobs = [Job(settings=settings, arm="zero", checkpoint=0, seed=seed) for seed in (0, 1)]
    (settings.out / "sft/0").mkdir()
    (settings.out / "sft/0" / RESULT).write_text("{}")
    waits = Job(settings=settings, arm="grpo", checkpoint=1, seed=0)
    (settings.out / "world").unlink()
    outcome = work([waits, *jobs], workers=1)
    assert outcome.failed == ["runs/zero/0-0", "runs/zero/0-1"]
    assert outcome.left == ["runs/grpo/1-0"]
    assert str(jobs[0].folder / "log.txt") in capsys.readouterr().out
    assert "error: model.policy: no Hugging Face model folder" in (jobs[0].folder / "log.txt").read_text()
    assert work(jobs, workers=1, deadline=0.0).left == [job.name for job in jobs]


def test_what_is_kept_of_a_run_is_json(settings):
    asked = Job(settings=settings, arm="paper", checkpoint=0, seed=0).asked()
    assert json.loads(json.dumps(asked)) == asked
