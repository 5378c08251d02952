"""Games: what is seen of them, what actions do, and what they pay."""

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch
from learners import LEARNERS, follow_the_ball, learners, make

from coordlib.lab.data import games as games_module
from coordlib.lab.data.games import (
    Catch,
    GymnasiumGames,
    MinAtarGames,
    board,
    open_games,
)
from coordlib.lab.training.playing import (
    play,
)


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
        ([0, 1], r"shape \(3,\), got \(2,\)"),
        (1, r"shape \(3,\), got \(\)"),
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


@pytest.mark.parametrize("shape", [(4, 6), (4, 6, 1), (4, 6, 2)])
def test_what_was_seen_stays_when_a_game_goes_on(shape):
    games = GymnasiumGames(lambda: Walk(shape), 2)
    seen = games.reset()
    before = seen.clone()
    after, _, _ = games.step(torch.tensor([1, 1]))
    assert torch.equal(seen, before) and not torch.equal(seen, after)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        ("Walk", TypeError, "make must be callable, got str"),
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
