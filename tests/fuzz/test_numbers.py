"""What is computed from rewards and log-probs: finite numbers in, finite numbers out."""

from __future__ import annotations

from typing import get_args

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from callbacks.signs import CHANGES, Rise, Thresholds, Windows, judge
from tests.fuzz.amount import cases
from tests.fuzz.outcome import answer
from tests.fuzz.strategies import ANY_TEXT
from videor1.objective.advantages import group_advantages
from videor1.objective.aggregate import Aggregation
from videor1.objective.correction import importance_correction
from videor1.objective.credit import Credit, Measured, credited_advantages, token_weights
from videor1.objective.divergence import Estimator, kl_penalty
from videor1.objective.loss import policy_loss, sft_loss
from videor1.objective.loss_settings import LossSettings, RatioLevel
from videor1.rewards import length_bonus, probability_above, temporal_bonus

# A reward of one's own may be any finite number; of those near the largest float a sum of six is none.
REWARDS = st.one_of(st.floats(-3, 3, width=32), st.floats(-(2.0**120), 2.0**120, width=32))
SHARES = st.floats(0, 1, width=32)
# A token of probability exp(-40) is not drawn; exp() of more than 88 nats is no float32.
LOGPROBS = st.floats(-40, 0, width=32)


def some(values: st.SearchStrategy[float], least: int, most: int = 6) -> st.SearchStrategy[Tensor]:
    return st.lists(values, min_size=least, max_size=most).map(lambda found: torch.tensor(found).float())


@cases(25, 4000)
@given(
    data=st.data(),
    credit=st.sampled_from(get_args(Credit)),
    scale=st.sampled_from(["std", "none"]),
    alpha=st.floats(0, 10),
)
def test_advantages_are_finite(data, credit, scale, alpha):
    rewards, shuffled = data.draw(some(REWARDS, 1)), data.draw(some(REWARDS, 0))
    accuracy, other = data.draw(some(SHARES, len(rewards), len(rewards))), torch.rand(len(shuffled))
    group = Measured(
        rewards=rewards,
        bonus=alpha * (accuracy > 0.1),
        accuracy=accuracy,
        correct=accuracy > 0.1,
        shuffled_rewards=shuffled,
        shuffled_accuracy=other,
        gained=data.draw(
            st.none() | some(st.floats(-(2.0**99), 2.0**99, width=32), len(rewards), len(rewards))
        ),
    )
    found = answer(lambda: credited_advantages(group, credit, alpha=alpha, scale=scale), ValueError)
    if found is not None:
        assert found.shape == rewards.shape
        assert found.isfinite().all()


@cases(25, 4000)
@given(rewards=some(REWARDS, 2))
def test_different_rewards_never_come_to_nothing(rewards):
    """However large or small they are."""
    found = group_advantages(rewards[None])[0]
    spread = rewards.double().max() - rewards.double().min()
    assert found.isfinite().all()
    assert (found.abs().max() > 0.5) == (spread > 0) or spread < 1e-3


@st.composite
def batches(draw: st.DrawFn) -> tuple[Tensor, Tensor]:
    """Log-probs of N responses and the mask of their tokens; NaN where nothing may look."""
    count, longest = draw(st.integers(1, 3)), draw(st.integers(0, 4))
    mask = torch.arange(longest) < torch.tensor([[draw(st.integers(0, longest))] for _ in range(count)])
    values = draw(st.lists(LOGPROBS, min_size=count * longest, max_size=count * longest))
    return torch.tensor(values).float().view(count, longest).masked_fill(~mask, float("nan")), mask


@cases(30, 4000)
@given(
    batch=batches(),
    data=st.data(),
    level=st.sampled_from(get_args(RatioLevel)),
    kl=st.sampled_from(get_args(Estimator)),
    aggregation=st.sampled_from(get_args(Aggregation)),
    entropy_bonus=st.sampled_from([0.0, 0.01]),
    mask_truncated=st.booleans(),
)
def test_losses_and_their_gradients_are_finite(
    batch, data, level, kl, aggregation, entropy_bonus, mask_truncated
):
    logprobs, mask = batch
    learned = logprobs.clone().requires_grad_()
    shift = torch.tensor(data.draw(st.sampled_from([0.0, 1e-3, -5.0, 40.0])))
    settings = LossSettings(
        ratio=level,
        kl=kl,
        aggregation=aggregation,
        entropy_bonus=entropy_bonus,
        mask_truncated=mask_truncated,
    )
    advantages = data.draw(some(st.floats(-10, 10, width=32), len(mask), len(mask)))
    told = policy_loss(
        learned,
        mask,
        advantages,
        settings,
        old_logprobs=(logprobs - shift).clamp(max=0),
        reference_logprobs=logprobs - shift,
        weights=torch.where(mask, 2.0, float("inf")),
        token_weights=token_weights(logprobs.abs(), mask),
        entropy=learned.nan_to_num().square(),
        finished=torch.arange(len(mask)) % 2 == 0,
        longest=8,
    )
    plain = sft_loss(learned, mask)
    (told.loss + plain).backward()
    for name in told.__slots__:
        assert getattr(told, name).isfinite(), name
    assert learned.grad is not None
    assert learned.grad.isfinite().all()
    assert 0 <= told.clip_share <= 1


@cases(20, 3000)
@given(batch=batches(), shift=st.floats(-1e4, 1e4), level=st.sampled_from(["off", "token", "sequence"]))
def test_corrections_are_finite(batch, shift, level):
    """However far engine and trainer are apart: ratios that no float can hold are beyond the cap."""
    logprobs, mask = batch
    found = importance_correction(logprobs, logprobs - shift, mask, level=level, cap=2.0)
    for one in (found.difference, found.kl, found.truncated):
        assert one.isfinite()
    assert found.weights is None or ((found.weights >= 0) & (found.weights <= 2)).all()
    assert kl_penalty(logprobs, logprobs - shift, mask).isfinite().all()


@cases(20, 3000)
@given(
    accuracy=some(SHARES, 1), other=some(SHARES, 0), rule=st.sampled_from(["paper", "released", "probable"])
)
def test_bonuses_are_paid_or_not(accuracy, other, rule):
    bonus = temporal_bonus(accuracy, other, rule=rule)
    assert set(bonus.tolist()) <= {0.0, torch.tensor(0.3).item()}
    lengths = torch.arange(len(accuracy)) * 200
    assert set(length_bonus(accuracy, lengths).tolist()) <= {0.0, torch.tensor(0.2).item()}


@cases(20, 3000)
@given(counts=st.tuples(*[st.integers(-1, 60)] * 4))
def test_a_probability_is_one(counts):
    found = answer(lambda: probability_above(*counts), ValueError)
    assert found is None or 0.0 <= found <= 1.0


FIGURES = st.floats(-1e6, 1e6)
NAMES = st.sampled_from(
    ["accuracy/ordered", "accuracy/blind", "reward/accuracy", "reward/format", "length/in_band", *CHANGES]
)


@cases(20, 3000)
@given(
    steps=st.lists(
        st.dictionaries(NAMES | ANY_TEXT.map("letters/{}".format), FIGURES, max_size=4), max_size=8
    ),
    examined=st.dictionaries(
        st.sampled_from(["a/ordered", "a/blind", "/blind", "blind"]), st.tuples(FIGURES, FIGURES)
    ),
    size=st.integers(1, 3),
)
def test_signs_are_judged(steps, examined, size):
    windows = Windows(size)
    for step in steps:
        windows.add(step)
    rises = {name: Rise(first=first, last=last) for name, (first, last) in examined.items()}
    for sign in judge(windows, rises, Thresholds(), credit=True, omega=0.2).values():
        assert sign.advice
        assert sign.seen
        assert all(isinstance(figure, float) for figure in sign.figures.values())
    again = Windows(size)
    again.load(windows.state())
    assert again.state() == windows.state()
