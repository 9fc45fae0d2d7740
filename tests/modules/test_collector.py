"""What a micro-batch learns from, with the real policy and engine: credit by tokens, groups left out or asked
again, and a KL penalty in the rewards."""

from __future__ import annotations

import pytest
import torch

from tests.policy.plain import plain_distributions, plain_logprobs
from videor1.errors import ConfigError
from videor1.modules.collector import Collector, Signal
from videor1.modules.scorer import Scorer
from videor1.objective import LossSettings
from videor1.rewards import RewardSettings, RewardTerm
from videor1.rollout.agreement import Agreement, AgreementSettings
from videor1.rollout.engine import Sampling
from videor1.rollout.hf import HFEngine
from videor1.rollout.loop import GroupSettings, RolloutLoop
from videor1.rollout.source import GroupSource

G, KINDS = 3, ("video", "image", "long video")


class Letters(RewardTerm):
    """Some value that differs from response to response."""

    def __call__(self, responses, record):
        return [sum(map(ord, response)) % 7 / 7 for response in responses]


class VideosOnly(Letters):
    def __call__(self, responses, record):
        values = super().__call__(responses, record)
        return values if record.data_type == "video" else [0.4] * len(values)


class Once(RewardTerm):
    """Equal values at the first two calls of a question, then different ones."""

    def __init__(self):
        self.calls = {}

    def __call__(self, responses, record):
        if not responses:
            return []
        self.calls[record.path] = self.calls.get(record.path, 0) + 1
        return [0.4 + 0.1 * place * (self.calls[record.path] > 2) for place in range(len(responses))]


@pytest.fixture
def collector(tiny_policy, tiny_processor):
    def make(credit, term, *, zero_variance="keep", beta=0.04, kl_in="loss", keeps_old=False, shuffled=0):
        engine = HFEngine(tiny_policy, tiny_processor)
        settings = GroupSettings(
            group_size=G,
            shuffled_size=shuffled,
            sampling=Sampling(max_new_tokens=5),
            perturbations=["reversed"],
        )
        agreement = Agreement(
            engine,
            lambda *_: None,
            tiny_policy.config,
            AgreementSettings(every=0),
            dtype=torch.float32,
        )
        source = GroupSource(RolloutLoop(engine, settings, seed=0, perturbs=True), lambda: None, agreement)
        forbidden = torch.tensor(engine.forbidden_ids)
        scorer = Scorer(tiny_policy, tiny_policy, forbidden=forbidden, temperature=1.0, attention="auto")
        signal = Signal(
            rewards=RewardSettings(custom=(term,), correct_above=0.0),
            credit=credit,
            scale="std",
            zero_variance=zero_variance,
            resample_limit=3,
        )
        loss = LossSettings(beta=beta, kl_in=kl_in)
        return Collector(source, scorer, signal, loss, keeps_old=keeps_old, exact=True)

    return make


def collect(collector, media_prompts, kinds=KINDS):
    with torch.no_grad():
        return collector.collect([media_prompts[kind] for kind in kinds], step=2, place=0)


def by_response(model, groups, seen, forbidden):
    return [
        plain_logprobs(model, seen(group), response.token_ids, forbidden)
        for group in groups
        for response in group.ordered
    ]


@torch.no_grad()
def test_token_weights_say_what_reversed_frames_change(collector, media_prompts, tiny_policy, tiny_processor):
    experience = collect(collector("token_ratio", Letters()), media_prompts)
    forbidden = torch.tensor(HFEngine(tiny_policy, tiny_processor).forbidden_ids)
    groups = experience.groups
    ordered = by_response(tiny_policy, groups, lambda group: group.prompt, forbidden)
    reverse = by_response(tiny_policy, groups, lambda group: group.perturbed or group.prompt, forbidden)
    for row, (one, other) in enumerate(zip(ordered, reverse, strict=True)):
        change = (one - other).abs()
        expected = torch.ones(len(one))
        if groups[row // G].prompt.clip.is_video:
            assert change.max() > 1e-4
            expected = 0.5 + 0.5 * change / change.mean()
        weights = experience.token_weights[row]
        torch.testing.assert_close(weights[: len(one)], expected, atol=2e-2, rtol=2e-2)
        assert (weights[len(one) :] == 1).all()
    assert torch.equal(experience.advantages, experience.plain_advantages)


@torch.no_grad()
def test_entropy_weighs_tokens_of_videos_alone(collector, media_prompts, tiny_policy, tiny_processor):
    experience = collect(collector("token_entropy", Letters()), media_prompts)
    forbidden = torch.tensor(HFEngine(tiny_policy, tiny_processor).forbidden_ids)
    for row, weights in enumerate(experience.token_weights):
        group, number = experience.groups[row // G], row % G
        ids = group.ordered[number].token_ids
        logprobs = plain_distributions(tiny_policy, group.prompt, ids, forbidden)
        entropy = -(logprobs.exp() * logprobs).nan_to_num().sum(-1)
        expected = 0.5 + 0.5 * entropy / entropy.mean() if group.perturbed else torch.ones(len(ids))
        torch.testing.assert_close(weights[: len(ids)], expected, atol=1e-3, rtol=1e-3)


@torch.no_grad()
def test_kl_in_the_reward_is_taken_off_before_groups_are_compared(collector, media_prompts, tiny_policy):
    apart = 0.1 * torch.arange(3 * G, dtype=torch.float32)[:, None]

    class Apart(Scorer):
        def by_reference(self, groups, *, vision=None):
            return super().by_reference(groups, vision=vision) - apart

    made = collector("none", Letters(), beta=0.5, kl_in="reward")
    made._scorer.__class__ = Apart
    experience = collect(made, media_prompts)
    lengths = torch.tensor([len(one.token_ids) for group in experience.groups for one in group.ordered])
    total = torch.cat([reward.untimed for reward in experience.rewards]) - 0.5 * lengths * apart[:, 0]
    total = total.view(3, G)
    expected = (total - total.mean(1, keepdim=True)) / (total.std(1, keepdim=True) + 1e-4)
    torch.testing.assert_close(experience.advantages.view(3, G), expected, atol=1e-3, rtol=1e-3)


def test_groups_without_variance_are_skipped(collector, media_prompts):
    experience = collect(collector("none", VideosOnly(), zero_variance="skip"), media_prompts)
    assert experience.learned == (0, 2)
    assert experience.share == pytest.approx(2 / 3)
    assert [group.prompt for group in experience.learned_groups] == [
        media_prompts["video"],
        media_prompts["long video"],
    ]
    assert len(experience.sampled_logprobs) == len(experience.reference_logprobs) == 2 * G
    assert torch.equal(
        experience.learned_advantages,
        torch.cat([experience.advantages[:G], experience.advantages[2 * G :]]),
    )
    assert experience.advantages[G : 2 * G].abs().sum() == 0


def test_where_nothing_has_variance_one_group_passes_and_counts_nothing(collector, media_prompts):
    experience = collect(collector("none", VideosOnly(), zero_variance="skip"), media_prompts, ["image"])
    assert experience.learned == (0,)
    assert experience.share == 0


def test_skipped_rows_fit_their_token_weights(collector, media_prompts):
    kept = collect(collector("token_ratio", VideosOnly(), zero_variance="keep"), media_prompts)
    skipped = collect(collector("token_ratio", VideosOnly(), zero_variance="skip"), media_prompts)
    assert skipped.token_weights.shape == skipped.sampled_logprobs.shape
    rows = [*range(G), *range(2 * G, 3 * G)]
    width = skipped.token_weights.shape[1]
    torch.testing.assert_close(skipped.token_weights, kept.token_weights[rows][:, :width])


def test_equal_fractions_are_asked_again_until_they_differ(collector, media_prompts):
    once = Once()
    experience = collect(collector("none", once, zero_variance="resample"), media_prompts, ["video", "image"])
    assert set(once.calls.values()) == {3}
    assert all(reward.untimed.var() > 0 for reward in experience.rewards)


def test_asking_again_has_a_limit_and_leaves_other_groups_alone(collector, media_prompts):
    first = collect(collector("none", VideosOnly()), media_prompts)
    again = collect(collector("none", VideosOnly(), zero_variance="resample"), media_prompts)

    def ids(group):
        return [one.token_ids.tolist() for one in group.ordered]

    assert ids(again.groups[0]) == ids(first.groups[0])
    assert ids(again.groups[2]) == ids(first.groups[2])
    assert ids(again.groups[1]) != ids(first.groups[1])
    assert again.rewards[1].untimed.var() == 0


def test_the_policy_before_the_update_is_kept_for_several(collector, media_prompts):
    experience = collect(collector("none", Letters(), keeps_old=True), media_prompts)
    torch.testing.assert_close(experience.old_logprobs, experience.sampled_logprobs, atol=1e-4, rtol=1e-4)
    assert collect(collector("none", Letters()), media_prompts).old_logprobs is None


def test_joint_groups_need_and_use_the_responses_to_reversed_frames(collector, media_prompts):
    experience = collect(collector("joint", Letters(), shuffled=2), media_prompts)
    reward = experience.rewards[0]
    both = torch.cat([reward.untimed, reward.shuffled_untimed])
    expected = (reward.untimed - both.mean()) / (both.std() + 1e-4)
    torch.testing.assert_close(experience.advantages[:G], expected, atol=1e-5, rtol=1e-5)
    image = slice(G, 2 * G)
    assert torch.equal(experience.advantages[image], experience.plain_advantages[image])


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"credit": "joint"}, "model.credit"),
        ({"resample_limit": 0}, "model.resample_limit"),
        ({"zero_variance": "skip"}, "model.zero_variance"),
    ],
)
def test_signals_that_would_not_be_there_name_their_key(changes, key):
    settings = {"credit": "none", "scale": "std", "zero_variance": "keep", "resample_limit": 1} | changes
    with pytest.raises(ConfigError, match=key):
        Signal(rewards=RewardSettings(), **settings).check(
            GroupSettings(shuffled_size=0), LossSettings(kl_in="reward")
        )
