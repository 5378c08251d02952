"""Games, agents, and what they learn: the same numbers whatever comes between."""

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch

from coordlib.lab import experiments
from coordlib.lab.data import games as games_module
from coordlib.lab.data.games import (
    Catch,
    GymnasiumGames,
    MinAtarGames,
    board,
    open_games,
)
from coordlib.lab.experiments.play import play as experiment
from coordlib.lab.models.agents import ActorCritic, AtariTrunk, MiniTrunk, QNetwork
from coordlib.lab.models.common import parameter_count
from coordlib.lab.record import results, sweep
from coordlib.lab.training import loop as training
from coordlib.lab.training import playing
from coordlib.lab.training.playing import (
    actor_critic,
    eager_policy,
    play,
    q_learning,
    random_policy,
    sampling_policy,
)

SMALL = {"frames": 640, "measures": 4}
LEARNERS = {
    "actor-critic": (actor_critic, ActorCritic, SMALL),
    "q-learning": (
        q_learning,
        QNetwork,
        SMALL | {"memory": 320, "warmup": 64, "batch_size": 16, "refresh": 3},
    ),
}
learners = pytest.mark.parametrize("learner", LEARNERS)


def make(learner, games, **network):
    torch.manual_seed(0)
    return LEARNERS[learner][1](MiniTrunk(games.shape, **network), games.actions)


def follow_the_ball(seen):
    """The right play of Catch: left, stay or right, as the ball lies."""
    ball, paddle = (seen[:, k].flatten(1).argmax(1) % seen.shape[-1] for k in (0, 1))
    return (ball - paddle).sign() + 1


# Games


def test_every_ball_of_catch_can_be_caught():
    assert play(follow_the_ball, Catch(500)).returns.eq(1).all()


def test_a_paddle_that_does_not_move_catches_one_ball_in_ten():
    still = play(lambda seen: torch.ones(len(seen), dtype=torch.long), Catch(5000))
    assert abs(float(still.returns.mean()) - 0.1) < 0.02
    assert still.lengths.eq(9).all()


def test_catch_shows_one_ball_and_one_paddle():
    games = Catch(4, seed=1, size=6)
    for _ in range(12):
        seen, _, _ = games.step(torch.randint(3, (4,)))
        assert seen.dtype == torch.uint8 and seen.shape == (4, 2, 6, 6)
        assert seen.flatten(2).sum(2).eq(1).all()
        assert seen[:, 1, -1].sum(1).eq(1).all()


@pytest.mark.parametrize(
    ("actions", "message"),
    [
        ([0, 1, 3], r"actions must be in \[0, 3\), got 3"),
        ([0, -1, 1], r"in \[0, 3\), got -1"),
        ([0, 1], r"shape \(3,\), not \(2,\)"),
        (1, r"shape \(3,\), not \(\)"),
    ],
)
def test_actions_that_there_are_not_are_refused(actions, message):
    games = Catch(3)
    games.reset()
    with pytest.raises(ValueError, match=message):
        games.step(torch.tensor(actions))


def test_the_seed_decides_the_balls():
    first, again, other = (Catch(50, seed=seed).reset() for seed in (3, 3, 4))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_a_board_names_the_last_thing_of_each_cell():
    seen = torch.zeros(1, 3, 2, 2)
    seen[0, 0, 0] = seen[0, 2, 0, 1] = seen[0, 1, 1, 1] = 1
    assert board(seen).tolist() == [[[1, 3], [0, 2]]]


@pytest.mark.parametrize("name", ["pong", "catch2", ""])
def test_an_unknown_game_is_named(name):
    with pytest.raises(ValueError, match="name must be one of 'catch', 'asterix'"):
        open_games(name, 1)


@pytest.mark.parametrize(
    ("name", "package"), [("breakout", "minatar"), ("atari-ms_pacman", "ale_py")]
)
def test_a_missing_package_is_named_with_the_remedy(monkeypatch, name, package):
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setitem(sys.modules, f"{package}.vector_env", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'coordlib\[play\]'"):
        open_games(name, 1)


class Countdown:
    """A game as MinAtar makes them: it ends, and pays, after three actions."""

    def __init__(self, name):
        self.env = SimpleNamespace(channels={"other": 1, "own": 0})
        self.left, self.done = 3, []

    def seed(self, seed):
        self.seeded = seed

    def state_shape(self):
        return [10, 10, 2]

    def minimal_action_set(self):
        return [0, 2, 5]

    def reset(self):
        self.left = 3

    def state(self):
        state = np.zeros((10, 10, 2), bool)
        state[self.left, 7, 1] = True
        return state

    def act(self, action):
        self.done.append(action)
        self.left -= 1
        return (action, True) if self.left == 0 else (0, False)


def test_games_of_minatar_are_stepped_together(monkeypatch):
    fake = ModuleType("minatar")
    fake.Environment = Countdown
    monkeypatch.setitem(sys.modules, "minatar", fake)
    games = MinAtarGames("breakout", 2, seed=5)
    assert (games.shape, games.actions) == ((2, 10, 10), 3)
    assert games.objects == ("own", "other")
    assert games._games[0].seeded != games._games[1].seeded
    assert games.reset()[:, 1, 3, 7].tolist() == [1, 1]
    for _ in range(2):
        _, rewards, ended = games.step(torch.tensor([0, 2]))
        assert not rewards.any() and not ended.any()
    seen, rewards, ended = games.step(torch.tensor([1, 2]))
    assert games._games[1].done == [5, 5, 5]  # of six actions, these do something
    assert rewards.tolist() == [2, 5] and ended.all()
    assert seen[:, 1, 3, 7].tolist() == [1, 1]  # a new game has begun


@pytest.mark.parametrize("name", games_module.MINATAR)
def test_the_games_of_minatar_go_the_same_way_again(name):
    pytest.importorskip("minatar")
    steps = torch.randint(3, (40, 2), generator=torch.Generator().manual_seed(0))
    runs = []
    for _ in range(2):
        games = MinAtarGames(name, 2, seed=1)
        seen = [games.reset(), *(games.step(actions)[0] for actions in steps)]
        runs.append(torch.stack(seen))
    assert torch.equal(*runs)
    assert runs[0].shape[2:] == games.shape and runs[0].max() == 1
    assert len(games.objects) == games.shape[0]


def test_ms_pacman_is_seen_as_four_pictures():
    pytest.importorskip("ale_py")
    pytest.importorskip("gymnasium")
    games = open_games("atari-ms_pacman", 2)
    assert (games.shape, games.actions) == ((4, 84, 84), 9)
    start = games.reset()
    seen, rewards, ended = games.step(torch.tensor([1, 2]))
    assert seen.shape == start.shape == (2, 4, 84, 84) and seen.dtype == torch.uint8
    assert torch.equal(seen[:, :3], start[:, 1:])  # a new picture comes last
    assert rewards.dtype == torch.float32 and ended.dtype == torch.bool


class Walk:
    """An environment as gymnasium has them: a light to be walked off the board."""

    def __init__(self, shape=(4, 6, 2), dtype=np.uint8, actions=None):
        self.observation_space = SimpleNamespace(shape=shape, dtype=np.dtype(dtype))
        self.action_space = actions or SimpleNamespace(n=2, start=3)
        self.rng, self.seeds, self.done = None, [], []

    def reset(self, seed=None, options=None):
        self.seeds.append(seed)
        if seed is not None:
            self.rng = np.random.default_rng(seed)
        self.column, self.age = int(self.rng.integers(1, 5)), 0
        return self.picture(), {}

    def step(self, action):
        self.done.append(action)
        self.column += 2 * (action - 3) - 1
        self.age += 1
        gone = not 0 <= self.column < 6
        picture = None if gone else self.picture()
        return picture, float(gone), gone, self.age == 7, {}

    def picture(self):
        space = self.observation_space
        picture = np.zeros(space.shape, space.dtype)
        picture[1, self.column] = 1
        return picture


def test_environments_of_gymnasium_are_stepped_together():
    games = GymnasiumGames(Walk, 3, seed=2)
    assert (games.shape, games.actions, games.objects) == ((2, 4, 6), 2, ())
    observations = games.reset()
    assert observations.shape == (3, 2, 4, 6) and observations.dtype == torch.uint8
    columns = [game.column for game in games._games]
    assert observations[:, :, 1].argmax(2).tolist() == [[c, c] for c in columns]
    before = observations.clone()
    observations, rewards, ended = games.step(torch.tensor([0, 1, 0]))
    assert [game.done for game in games._games] == [[3], [4], [3]]
    assert rewards.dtype == torch.float32 and ended.dtype == torch.bool
    assert not torch.equal(observations, before)


def test_a_game_that_ends_or_is_cut_short_begins_anew_with_its_own_draws():
    games = GymnasiumGames(Walk, 2)
    games.reset()
    for game in games._games:
        game.column = 3
    for _ in range(3):
        observations, rewards, ended = games.step(torch.tensor([1, 0]))
    assert rewards.tolist() == [1, 0] and ended.tolist() == [True, False]
    assert observations[0, 0].sum() == 1 and games._games[0].age == 0
    for action in (1, 0, 1, 0):
        observations, rewards, ended = games.step(torch.tensor([0, action]))
    assert ended[1] and not rewards[1]
    for game in games._games:
        assert game.seeds[0] is not None and not any(game.seeds[1:])
    assert games._games[0].seeds[0] != games._games[1].seeds[0]


def test_the_seed_decides_the_games_of_gymnasium():
    actions = torch.randint(2, (30, 4), generator=torch.Generator().manual_seed(0))

    def observations(seed):
        games = GymnasiumGames(Walk, 4, seed)
        return torch.stack([games.reset(), *(games.step(a)[0] for a in actions)])

    first, again, other = map(observations, (5, 5, 6))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_grey_pictures_and_boards_of_truths_have_channels_too():
    games = GymnasiumGames(lambda: Walk((4, 6), bool), 1)
    assert games.shape == (1, 4, 6)
    assert games.reset().sum() == 1


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        ("Walk", TypeError, "make must be a callable, got str"),
        (lambda: Walk((8,)), ValueError, r"shape \(H, W, C\) or .* got \(8,\), uint8"),
        (lambda: Walk((4, 6), np.float32), ValueError, r"got \(4, 6\), float32"),
        (
            lambda: Walk(actions="Box(2,)"),
            ValueError,
            r"discrete actions, got Box\(2,\)",
        ),
    ],
)
def test_environments_without_pictures_or_discrete_actions_are_refused(
    make, error, message
):
    with pytest.raises(error, match=message):
        GymnasiumGames(make, 1)


@learners
def test_what_gymnasium_has_can_be_learned(learner):
    games = GymnasiumGames(Walk, 16)
    learn, _, options = LEARNERS[learner]
    history = learn(make(learner, games), games, **options)
    assert history.curve[-1]["return"] is not None


def test_an_environment_of_gymnasium_itself_is_played():
    gymnasium = pytest.importorskip("gymnasium")

    class Board(Walk, gymnasium.Env):
        def __init__(self):
            Walk.__init__(self)
            self.observation_space = gymnasium.spaces.Box(0, 1, (4, 6, 2), np.uint8)
            self.action_space = gymnasium.spaces.Discrete(2, start=3)

        def step(self, action):
            _, *rest = super().step(action)
            self.column %= 6
            return self.picture(), *rest

    def limited():
        checked = gymnasium.wrappers.PassiveEnvChecker(Board())
        return gymnasium.wrappers.TimeLimit(checked, 2)

    games = GymnasiumGames(limited, 2)
    games.reset()
    games.step(torch.tensor([0, 1]))
    observations, _, ended = games.step(torch.tensor([1, 0]))
    assert ended.all() and observations.sum((1, 2, 3)).tolist() == [2, 2]


# Agents


def test_coordinates_are_all_that_tells_the_arms_apart():
    plain, coords = (
        parameter_count(MiniTrunk((4, 10, 10), where)) for where in ("none", "input")
    )
    assert plain == 16 * (4 * 9 + 1) + 128 * (16 * 64 + 1)
    assert coords - plain == 16 * 2 * 9


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
    policy = sampling_policy if learner == "actor-critic" else eager_policy
    assert play(random_policy(3), Catch(500, size=5)).returns.mean() < 0.5
    assert play(policy(model), Catch(500, size=5)).returns.mean() > 0.75
    told = [point["return"] for point in history.curve]
    assert len(told) == 20 and told[-1] > told[0]
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
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", 0)
    learn, _, options = LEARNERS[learner]
    whole = make(learner, Catch(8))
    straight = learn(whole, Catch(8), **options)
    broken = options | {"checkpoint": tmp_path / "half.npz"}
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
    memory = playing._Memory(games, frames=20, ahead=2, discount=0.5)
    for step in range(25):
        seen = torch.full((2, *games.shape), step, dtype=torch.uint8)
        ended = torch.tensor([step % 2 == 1] * 2)
        rewards = torch.tensor([10.0 * step, -1.0 * step])
        memory.add(seen, torch.tensor([0, 1]), rewards, ended)
    generator = torch.Generator().manual_seed(0)
    seen, actions, paid, kept, later = memory.draw(200, generator)
    at, sign = seen[:, 0, 0, 0].float(), torch.tensor([10.0, -1.0])[actions]
    assert at.min() >= 15 and at.max() <= 22  # the latest ten steps, two of them ahead
    last = at % 2 == 1
    assert torch.equal(paid[last], (at * sign)[last])
    assert torch.equal(paid[~last], (at * sign + 0.5 * (at + 1) * sign)[~last])
    assert not kept.any()  # a game never lasts two steps more
    assert torch.equal(later[:, 0, 0, 0].float(), at + 2)


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
    table = playing._Table(games, frames=36, rollout=1, clip_rewards=True)
    paid = [table.step(torch.ones(4, dtype=torch.long))[0] for _ in range(9)]
    assert max(float(one.max()) for one in paid) == 1
    assert table.returns == [50.0] * 4


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
    kept = results.load_weights("play", "quick", "plain_catch", tmp_path)
    assert kept["pictures"].shape == (9, 10, 10)


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
