"""Agents, and what they learn: the same numbers whatever comes between."""

import pytest
import torch
from learners import LEARNERS, follow_the_ball, learners, make

from coordlib.lab import experiments
from coordlib.lab.data.games import (
    Catch,
)
from coordlib.lab.experiments.play import play as experiment
from coordlib.lab.experiments.play import play_q, play_q_long, play_rates, play_tuned
from coordlib.lab.models.agents import ActorCritic, AtariTrunk, MiniTrunk
from coordlib.lab.models.common import parameter_count
from coordlib.lab.record import results, sweep
from coordlib.lab.record.result import Result
from coordlib.lab.training import resume
from coordlib.lab.training.actor_critic import discounted_returns
from coordlib.lab.training.playing import (
    GamesInPlay,
    epsilon_greedy_policy,
    play,
    random_policy,
    sampling_policy,
)
from coordlib.lab.training.q_learning import ReplayMemory, q_learning

# Agents


def test_coordinates_are_all_that_tells_the_arms_apart():
    plain, coords = (
        parameter_count(MiniTrunk((4, 10, 10), where)) for where in ("none", "input")
    )
    assert plain == 16 * (4 * 9 + 1) + 128 * (16 * 64 + 1)
    assert coords - plain == 16 * 2 * 9
    assert parameter_count(MiniTrunk((4, 10, 10), "ones")) == coords


def test_ones_in_place_of_coordinates_tell_no_place():
    seen = torch.zeros(2, 1, 10, 10)
    seen[0, 0, 2, 3] = seen[1, 0, 6, 5] = 1
    torch.manual_seed(0)
    first, second = MiniTrunk((1, 10, 10), "ones", "max")(seen)
    assert torch.allclose(first, second, atol=1e-6)


def test_the_trunk_for_atari_is_that_of_the_source():
    counts = [parameter_count(AtariTrunk(coordconv=w)) for w in ("none", "all")]
    convs = 32 * (4 * 64 + 1) + 64 * (32 * 16 + 1) + 64 * (64 * 9 + 1)
    assert counts[0] == convs + 512 * (64 * 7 * 7 + 1)
    assert counts[1] - counts[0] == 2 * (32 * 64 + 64 * 16 + 64 * 9)


@pytest.mark.parametrize("trunk", [MiniTrunk, AtariTrunk])
def test_an_unknown_placement_is_named(trunk):
    with pytest.raises(ValueError, match="coordconv must be one of 'none', 'input'"):
        trunk((4, 84, 84), coordconv="output")


def test_maxima_do_not_know_where_things_are_but_coordinates_do():
    seen = torch.zeros(2, 1, 10, 10)
    seen[0, 0, 2, 3] = seen[1, 0, 6, 5] = 1  # far enough from every border
    for coordconv, knows in (("none", False), ("input", True)):
        torch.manual_seed(0)
        first, second = MiniTrunk((1, 10, 10), coordconv, "max")(seen)
        assert torch.allclose(first, second, atol=1e-6) != knows


def test_a_new_policy_is_nearly_even():
    games = Catch(8)
    logits, values = make("actor-critic", games)(games.reset())
    assert logits.shape == (8, 3) and values.shape == (8,)
    assert (logits.softmax(1) - 1 / 3).abs().max() < 0.05


# Learning


@learners
def test_catch_is_learned(learner):
    learn = LEARNERS[learner][0]
    options = {"frames": 30_000, "lr": 0.003}
    if learner == "q-learning":
        options = {"frames": 15_000, "lr": 0.002, "memory": 8000, "warmup": 500}
    games = Catch(32, size=5)
    model = LEARNERS[learner][1](MiniTrunk(games.shape), games.actions)
    history = learn(model, games, **options)
    policy = sampling_policy if learner == "actor-critic" else epsilon_greedy_policy
    assert play(random_policy(3), Catch(500, size=5)).returns.mean() < 0.5
    assert play(policy(model), Catch(500, size=5)).returns.mean() > 0.75
    curve = [point["return"] for point in history.curve]
    assert len(curve) == 20 and curve[-1] > curve[0]
    assert len(history.returns) == history.frames // (4 * 32) * 32


def stopped(learn, model, games, at, **options):
    """Begin a training, and let the games break at some step."""
    step, taken = games.step, 0

    def breaking(actions):
        nonlocal taken
        taken += 1
        if taken > at:
            raise KeyboardInterrupt
        return step(actions)

    games.step = breaking
    with pytest.raises(KeyboardInterrupt):
        learn(model, games, **options)


@learners
def test_a_training_that_was_stopped_ends_with_the_same_numbers(
    learner, tmp_path, monkeypatch
):
    monkeypatch.setattr(resume, "CHECKPOINT_SECONDS", 0)
    learn, _, options = LEARNERS[learner]
    whole = make(learner, Catch(8))
    straight = learn(whole, Catch(8), **options)
    broken = options | {"checkpoint": tmp_path / "half.pt"}
    stopped(learn, make(learner, Catch(8)), Catch(8), at=47, **broken)
    resumed = make(learner, Catch(8))
    finished = learn(resumed, Catch(8), **broken)
    assert finished.returns == straight.returns
    assert [{**p, "seconds": 0} for p in finished.curve] == [
        {**p, "seconds": 0} for p in straight.curve
    ]
    for mine, theirs in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(mine, theirs)


def test_memories_are_what_was_paid_within_a_game():
    games = Catch(2, size=3)  # games of two steps
    memory = ReplayMemory(games, frames=20, n_step=2, discount=0.5)
    for step in range(25):
        seen = torch.full((2, *games.shape), step, dtype=torch.uint8)
        ended = torch.tensor([step % 2 == 1] * 2)
        rewards = torch.tensor([10.0 * step, -1.0 * step])
        memory.add(seen, torch.tensor([0, 1]), rewards, ended)
    generator = torch.Generator().manual_seed(0)
    seen, actions, paid, discounts, later = memory.sample(200, generator)
    at, sign = seen[:, 0, 0, 0].float(), torch.tensor([10.0, -1.0])[actions]
    assert at.min() >= 15 and at.max() <= 22  # the latest ten steps, two of them ahead
    last = at % 2 == 1
    assert torch.equal(paid[last], (at * sign)[last])
    assert torch.equal(paid[~last], (at * sign + 0.5 * (at + 1) * sign)[~last])
    assert not discounts.any()  # a game never lasts two steps more
    assert torch.equal(later[:, 0, 0, 0].float(), at + 2)


def test_a_return_counts_later_rewards_less_and_stops_at_the_end_of_a_game():
    rewards = [torch.tensor([1.0, 1.0]), torch.tensor([2.0, 2.0])]
    ended = [torch.tensor([False, True]), torch.tensor([False, False])]
    first, second = discounted_returns(rewards, ended, torch.tensor([8.0, 8.0]), 0.5)
    assert second.tolist() == [2 + 0.5 * 8] * 2
    assert first.tolist() == [1 + 0.5 * 6, 1]


def test_epsilon_is_the_share_of_random_actions():
    class Sure(torch.nn.Linear):
        def forward(self, seen):
            return torch.tensor([0.0, 0.0, 1.0, 0.0]).expand(len(seen), 4)

    seen, greedy = torch.zeros(4000, 1), torch.full((4000,), 2)
    assert torch.equal(epsilon_greedy_policy(Sure(1, 1), 0, 0.0)(seen), greedy)
    chosen = epsilon_greedy_policy(Sure(1, 1), 0, epsilon=0.4)(seen)
    assert float((chosen != 2).float().mean()) == pytest.approx(0.3, abs=0.03)


def test_a_memory_that_is_too_small_is_refused():
    games = Catch(8)
    with pytest.raises(ValueError, match="memory must hold more than 3 steps"):
        q_learning(make("q-learning", games), games, frames=80, memory=24)


def test_rewards_are_cut_for_learning_only():
    class Rich(Catch):
        def step(self, actions):
            seen, _rewards, ended = super().step(actions)
            return seen, 50 * ended.float(), ended

    games = Rich(4)
    playing = GamesInPlay(games, frames=36, rollout=1, clip_rewards=True)
    paid = [playing.step(torch.ones(4, dtype=torch.long))[0] for _ in range(9)]
    assert max(float(one.max()) for one in paid) == 1
    assert playing.returns == [50.0] * 4


def test_pictures_are_kept_with_what_followed_them():
    played = play(follow_the_ball, Catch(3), keep=20)
    assert played.pictures.shape == (9, 3, 10, 10) and played.pictures.max() == 2
    assert torch.equal(played.rewards.sum(0), played.returns)
    assert played.rewards[:-1].eq(0).all()


# The experiment


SWEEP = {
    "games": ["catch"],
    "count": 8,
    "tested": 16,
    "arms": experiment.arms(experiment.ARMS, frames=800, measures=2, lr=0.002),
}


def test_the_sweep_tells_what_coordinates_add(monkeypatch, tmp_path):
    monkeypatch.setitem(experiment.PRESETS, "quick", SWEEP)
    options = {"where": tmp_path, "report": lambda _: None, "device": "cpu"}
    result = experiments.run("play", "quick", seeds=[0, 1], **options)
    plain, coords = (
        result.values("return", game="catch", arm=a) for a in experiment.ARMS
    )
    gain = experiment.relative_gain(plain[0], coords[0])
    assert result.values("mean_gain")[0] == pytest.approx(gain)
    assert result.values("gain", game="catch")[0] == pytest.approx(gain)
    assert result.values("better")[0] + result.values("worse")[0] <= 1
    assert {(run["arm"], run["seed"]) for run in result.runs} == {
        (arm, seed) for arm in experiment.ARMS for seed in (0, 1)
    }
    kept = results.load_weights(
        "play", "quick", where=tmp_path, arm="plain", split="catch"
    )
    assert kept["pictures"].shape == (9, 10, 10)


def test_every_arm_is_tuned_with_a_seed_that_it_is_not_measured_with():
    for preset, mine in play_rates.PRESETS.items():
        assert mine["first_seed"] == 100
        later = play_tuned.PRESETS[preset]
        assert mine["arms"].keys() == later["arms"].keys() == play_tuned.TUNED.keys()
        assert "first_seed" not in later
        for name, arm in mine["arms"].items():
            assert later["arms"][name]["network"] == arm["network"]
            assert later["arms"][name]["training"]["lr"] == play_tuned.TUNED[name]
            assert arm["training"]["lr"] == mine["arms"]["plain"]["training"]["lr"]


def test_the_long_q_learning_is_longer_and_nothing_else():
    longer, shorter = (play_q_long.PRESETS["cpu"], play_q.PRESETS["cpu"])
    for name, arm in shorter["arms"].items():
        ten_times = {"frames": 10 * arm["training"]["frames"]}
        mine = longer["arms"][name]
        assert mine == arm | {"training": arm["training"] | ten_times}
    assert longer == shorter | {"arms": longer["arms"]}
    assert shorter["arms"]["plain"]["training"]["frames"] == 100_000


def test_nothing_tuned_is_stored_before_the_rates_are():
    tuning, tuned = map(results.best, ("play-rates", "play-tuned"))
    if tuning is None:
        assert tuned is None
    else:
        found = {arm: tuning.mean("best_lr", arm=arm) for arm in play_tuned.TUNED}
        assert found == play_tuned.TUNED


def test_the_best_rate_is_that_of_the_largest_share_over_the_games():
    def run(game, arm, lr, paid):
        return {"split": game, "arm": arm, "lr": lr, "curve_return": paid}

    runs = [
        run("a", "plain", 0.1, 10.0),
        run("a", "plain", 0.2, 5.0),
        run("b", "plain", 0.1, 0.0),
        run("b", "plain", 0.2, 0.4),
        run("a", "ones", 0.1, 20.0),
        run("b", "ones", 0.1, 0.1),
    ]
    measured = Result("play-rates", "quick", {})
    measured.add(0, play_rates.summarise(None, {}, runs))
    assert measured.mean("share", arm="plain", lr=0.1) == pytest.approx(0.25)
    assert measured.mean("share", arm="plain", lr=0.2) == pytest.approx(0.625)
    assert measured.mean("best_lr", arm="plain") == 0.2
    assert measured.mean("best_lr", arm="ones") == 0.1


def test_a_first_seed_moves_every_seed(monkeypatch):
    seen = []

    def stop(name, count, seed):
        seen.append(seed)
        raise KeyboardInterrupt

    monkeypatch.setattr(experiment, "open_games", stop)
    job = {"arm": "plain", "split": "catch", "seed": 2, "network": {}, "training": {}}
    job |= {"recipes": [{"lr": 0.1, "weight_decay": 0.0}]}
    for first in (0, 100):
        with pytest.raises(KeyboardInterrupt):
            experiment.task(["catch"], 4, 4, first_seed=first).train(job, "cpu")
    assert seen == [3 * 2, 3 * 102]


def test_ones_are_told_from_coordinates_game_by_game(monkeypatch, tmp_path):
    small = {"games": ["catch"], "count": 8, "tested": 8}
    arms = play_tuned._arms(600)
    monkeypatch.setitem(play_tuned.PRESETS, "quick", small | {"arms": arms})
    quiet = {"where": tmp_path, "device": "cpu", "report": lambda line: None}
    measured = experiments.run("play-tuned", "quick", **quiet)
    paid = {
        a: measured.mean("return", game="catch", arm=a) for a in ("ones", "coordconv")
    }
    gain = experiment.relative_gain(paid["ones"], paid["coordconv"])
    assert measured.mean("gain_over_ones", game="catch") == pytest.approx(gain)


def test_a_training_too_short_for_a_game_to_end_is_refused(monkeypatch, tmp_path):
    short = SWEEP | {"arms": experiment.arms(experiment.ARMS, frames=40, measures=1)}
    monkeypatch.setitem(experiment.PRESETS, "quick", short)
    with pytest.raises(ValueError, match="no game of catch came to its end in 40"):
        experiments.run("play", "quick", where=tmp_path, report=lambda _: None)


def test_a_coordified_agent_begins_as_the_plain_one():
    seen, agents = Catch(16).reset(), []
    for options in ({}, {"coordified": True}):
        torch.manual_seed(3)
        agents.append(
            experiment.agent(ActorCritic, MiniTrunk, (2, 10, 10), 3, **options)
        )
    plain, coords = (agent(seen)[0] for agent in agents)
    assert torch.allclose(plain, coords, atol=1e-6)
    assert parameter_count(agents[1]) - parameter_count(agents[0]) == 16 * 2 * 9


@pytest.mark.parametrize("name", ["play", "play-q", "play-coordified", "atari"])
def test_the_arms_of_every_preset_differ_in_their_network_only(name):
    for config in experiments.find(name).presets.values():
        recipes = [arm["training"] for arm in config["arms"].values()]
        assert all(recipe == recipes[0] for recipe in recipes)
        assert sweep.jobs(config["arms"], config["games"], 0, True)


@pytest.mark.parametrize(
    ("before", "after", "gain"),
    [(1, 1, 0), (1, 3, 1), (3, 1, -1), (0, 5, 2), (0, 0, 0), (-1, 1, 2)],
)
def test_a_gain_is_a_share_of_the_mean(before, after, gain):
    assert experiment.relative_gain(before, after) == gain


def test_a_choice_changes_with_the_place_only_if_the_place_decides():
    class Which(torch.nn.Module):
        """Prefers an action by the column of the ball, or by what there is."""

        def __init__(self, looks_at_columns):
            super().__init__()
            self.scale = torch.nn.Parameter(torch.ones(1))
            self.looks_at_columns = looks_at_columns

        def forward(self, seen):
            ball = seen[:, 0].sum(1).float()  # (N, columns)
            if not self.looks_at_columns:
                ball = ball.sum(1, keepdim=True).expand(-1, 10)
            return self.scale * ball.unflatten(1, (2, 5)).sum(2)

    for looks, changed in ((True, 0.2), (False, 0.0)):
        found = experiment.changed_by_a_move(Which(looks), random_policy(3), Catch(500))
        assert found == pytest.approx(changed, abs=0.05)  # two columns of ten
