"""Games, many at once: what agents see, what they may do, and what it pays.

Catch is played in tensors and needs nothing else. MinAtar's games and those of the
Atari 2600 come from packages of their own, under the GPL, which are no part of this
book: ``pip install coordlib[play]``. Any other environment with gymnasium's interface
is played through :class:`GymnasiumGames`.
"""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from coordlib.arguments import (
    check_callable,
    check_choice,
    check_instance,
    check_integer,
    check_seed,
    check_tensor,
)
from coordlib.lab.data.seeds import SEED_STEP

__all__ = [
    "MINATAR",
    "AtariGames",
    "Catch",
    "Games",
    "GymnasiumGames",
    "MinAtarGames",
    "board",
    "open_games",
]

MINATAR = ("asterix", "breakout", "freeway", "seaquest", "space_invaders")
"""The games of MinAtar."""


class Games(Protocol):
    """Some games of one kind, played side by side.

    A game that ends begins anew at once: what is then seen is its beginning. The same
    seed and the same actions give the same games.

    Attributes
    ----------
    count : int
        How many there are.
    shape : (int, int, int)
        Channels, rows and columns of what is seen of each.
    actions : int
        How many actions there are to choose from.
    objects : tuple of str
        What the channels show, where each shows a kind of thing; else empty.
    """

    count: int
    shape: tuple[int, int, int]
    actions: int
    objects: tuple[str, ...]

    def reset(self) -> Tensor:
        """Begin all games anew; what is seen, uint8 of shape (count, C, H, W)."""

    def step(self, actions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Do one action in each game.

        Parameters
        ----------
        actions : LongTensor, shape (count,), in [0, actions)

        Returns
        -------
        observations : Tensor, shape (count, C, H, W), uint8
        rewards : Tensor, shape (count,), float32
        ended : Tensor, shape (count,), bool
        """


MOST_GAMES = 2**20
"""Side by side; no machine has room for more."""


def check_games(games: Games) -> None:
    """Refuse what cannot be played as :class:`Games` are."""
    needed = ("count", "shape", "actions", "objects", "reset", "step")
    if isinstance(games, type) or not all(hasattr(games, name) for name in needed):
        raise TypeError(f"games must be Games, got {games!r}")


class Catch:
    """A ball falls, one row a step; a paddle of one pixel may move and wait for it.

    Actions are left, stay and right. When the ball arrives in the last row the game
    ends. A ball that is caught pays 1, any other nothing. Both start in a column drawn
    at random, so that every ball can be reached.

    Parameters
    ----------
    count : int
    seed : int
    size : int
        Rows and columns of the board, at least 2.
    """

    actions = 3
    objects = ("ball", "paddle")

    def __init__(self, count: int, seed: int = 0, size: int = 10) -> None:
        self.count = check_integer("count", count, at_most=MOST_GAMES)
        self.size = check_integer("size", size, at_least=2, at_most=2**10)
        check_seed("seed", seed)
        self.shape = (2, size, size)
        self._generator = torch.Generator().manual_seed(seed)
        self._row = torch.zeros(count, dtype=torch.long)
        self._ball, self._paddle = torch.zeros(2, count, dtype=torch.long)

    def reset(self) -> Tensor:
        """Begin all games anew."""
        self._begin(torch.ones(self.count, dtype=torch.bool))
        return self._observe()

    def step(self, actions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Move each paddle, and let each ball fall by a row."""
        _check_actions(actions, self)
        self._paddle = (self._paddle + actions - 1).clamp(0, self.size - 1)
        self._row = self._row + 1
        ended = self._row == self.size - 1
        rewards = (ended & (self._ball == self._paddle)).float()
        self._begin(ended)
        return self._observe(), rewards, ended

    def _begin(self, which: Tensor) -> None:
        drawn = torch.randint(self.size, (2, self.count), generator=self._generator)
        self._row = self._row.masked_fill(which, 0)
        self._ball = torch.where(which, drawn[0], self._ball)
        self._paddle = torch.where(which, drawn[1], self._paddle)

    def _observe(self) -> Tensor:
        observations = torch.zeros(self.count, *self.shape, dtype=torch.uint8)
        each = torch.arange(self.count)
        observations[each, 0, self._row, self._ball] = 1
        observations[each, 1, -1, self._paddle] = 1
        return observations


class _OneAfterAnother:
    """Games that each play by themselves; what they show is gathered in frames."""

    count: int
    actions: int
    _frames: np.ndarray
    """Shape (count, H, W, C): filling is cheaper than turning."""

    def step(self, actions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Do one action in each game."""
        _check_actions(actions, self)
        rewards, ended = np.zeros(self.count, np.float32), np.zeros(self.count, bool)
        for index, action in enumerate(actions.tolist()):
            rewards[index], ended[index] = self._act(index, action)
        return self._observe(), torch.from_numpy(rewards), torch.from_numpy(ended)

    def _act(self, index: int, action: int) -> tuple[float, bool]:
        """Play in one game, fill its frame, and begin anew where it has ended."""
        raise NotImplementedError

    def _observe(self) -> Tensor:
        # A copy always: of one channel, what is turned counts as contiguous already.
        turned = torch.from_numpy(self._frames).movedim(-1, 1)
        return turned.clone(memory_format=torch.contiguous_format)


class MinAtarGames(_OneAfterAnother):
    """Games of MinAtar: five games of the Atari 2600, made small.

    A board of 10x10 has a channel for each kind of thing. As in MinAtar, one action in
    ten is replaced by the one before it, and a game grows harder as it goes on. Of
    the six actions those are left out that do nothing in a game.

    Parameters
    ----------
    name : str
        One of :data:`MINATAR`.
    count : int
    seed : int

    Raises
    ------
    ModuleNotFoundError
        If MinAtar is not installed.
    ValueError
        If there is no such game, or ``count`` is not positive.

    References
    ----------
    Young & Tian, 2019, "MinAtar: an Atari-inspired testbed".
    """

    def __init__(self, name: str, count: int, seed: int = 0) -> None:
        check_choice("name", name, MINATAR)
        self.count = check_integer("count", count, at_most=MOST_GAMES)
        _check_game_seed(seed)
        try:
            from minatar import Environment
        except ModuleNotFoundError:
            raise _missing(name, "minatar") from None
        self._games = [Environment(name) for _ in range(count)]
        for index, game in enumerate(self._games):
            game.seed(seed * SEED_STEP + index)
        rows, columns, channels = self._games[0].state_shape()
        self.shape = (channels, rows, columns)
        self._minimal_actions = self._games[0].minimal_action_set()
        self.actions = len(self._minimal_actions)
        named = self._games[0].env.channels
        self.objects = tuple(sorted(named, key=named.get))
        self._frames = np.zeros((count, rows, columns, channels), np.uint8)

    def reset(self) -> Tensor:
        """Begin all games anew."""
        for index, game in enumerate(self._games):
            game.reset()
            self._frames[index] = game.state()
        return self._observe()

    def _act(self, index: int, action: int) -> tuple[float, bool]:
        game = self._games[index]
        reward, ended = game.act(self._minimal_actions[action])
        if ended:
            game.reset()
        self._frames[index] = game.state()
        return reward, ended


class AtariGames:
    """Games of the Atari 2600, seen as Mnih et al. (2015) let their network see them.

    Four grey pictures of 84x84 pixels, each the brighter of two neighbouring frames;
    an action is held for four frames, and a game begins with up to 30 frames of
    waiting. Rewards are the points of the game.

    Parameters
    ----------
    name : str
        As the package knows it, such as ``"ms_pacman"``.
    count : int
    seed : int

    Raises
    ------
    ModuleNotFoundError
        If ale-py or gymnasium is not installed.
    ValueError
        If ``count`` is not positive.
    """

    objects = ()

    def __init__(self, name: str, count: int, seed: int = 0) -> None:
        check_instance("name", name, str, "a text")
        if not name:
            raise ValueError("name must be that of a game, got an empty one")
        self.count = check_integer("count", count, at_most=MOST_GAMES)
        _check_game_seed(seed)
        try:
            from ale_py.vector_env import AtariVectorEnv
            from gymnasium.vector import AutoresetMode
        except ModuleNotFoundError:
            raise _missing(name, "gymnasium and ale-py") from None
        self._games = AtariVectorEnv(
            game=name,
            num_envs=count,
            num_threads=1,
            reward_clipping=False,
            autoreset_mode=AutoresetMode.SAME_STEP,
        )
        self._seed = seed
        self.shape = self._games.single_observation_space.shape
        self.actions = int(self._games.single_action_space.n)

    def reset(self) -> Tensor:
        """Begin all games anew."""
        observations, _ = self._games.reset(seed=self._seed * SEED_STEP)
        return torch.from_numpy(observations.copy())

    def step(self, actions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Do one action in each game."""
        _check_actions(actions, self)
        observations, rewards, terminated, truncated, _ = self._games.step(
            actions.numpy()
        )
        return (
            torch.from_numpy(observations.copy()),
            torch.from_numpy(rewards.astype(np.float32)),
            torch.from_numpy(terminated | truncated),
        )


class GymnasiumGames(_OneAfterAnother):
    """Environments of gymnasium, side by side: pictures come in, one action goes out.

    Gymnasium itself is not needed here: anything with its interface does.

    Parameters
    ----------
    make : callable
        Makes one environment, such as ``lambda: gymnasium.make("CarRacing-v3",
        continuous=False)``. Its observations are uint8 or bool, of shape (H, W, C) or
        (H, W); its actions are discrete.
    count : int
    seed : int

    References
    ----------
    Towers et al., 2024, "Gymnasium: a standard interface for reinforcement learning
    environments".
    """

    objects = ()

    def __init__(self, make: Callable[[], Any], count: int, seed: int = 0) -> None:
        check_callable("make", make)
        self.count = check_integer("count", count, at_most=MOST_GAMES)
        _check_game_seed(seed, at_least=0)  # as gymnasium wants it
        self._games = [make() for _ in range(count)]
        if not hasattr(self._games[0], "observation_space"):
            raise TypeError(
                f"make must give an environment, got {type(self._games[0]).__name__}"
            )
        # Only once: the games that follow are drawn by the environments.
        self._seeds: list[int | None] = [seed * SEED_STEP + k for k in range(count)]
        space = self._games[0].observation_space
        shape, dtype = tuple(space.shape or ()), space.dtype
        if len(shape) not in (2, 3) or dtype not in (np.uint8, np.bool_):
            raise ValueError(
                "make must give an environment with observations of shape (H, W, C) or "
                f"(H, W), uint8 or bool, got {shape}, {dtype}"
            )
        actions = self._games[0].action_space
        if not hasattr(actions, "n") or np.ndim(actions.n):
            raise ValueError(
                f"make must give an environment with discrete actions, got {actions}"
            )
        self.actions, self._first_action = int(actions.n), int(actions.start)
        rows, columns, *channels = shape
        self.shape = (*(channels or [1]), rows, columns)
        self._frames = np.zeros((count, rows, columns, self.shape[0]), np.uint8)

    def reset(self) -> Tensor:
        """Begin all games anew."""
        for index, (game, seed) in enumerate(
            zip(self._games, self._seeds, strict=True)
        ):
            self._show(index, game.reset(seed=seed)[0])
        self._seeds = [None] * self.count
        return self._observe()

    def _act(self, index: int, action: int) -> tuple[float, bool]:
        game = self._games[index]
        observation, reward, terminated, truncated, _ = game.step(
            action + self._first_action
        )
        ended = terminated or truncated  # what was cut short has ended too
        if ended:
            observation, _ = game.reset()
        self._show(index, observation)
        return reward, ended

    def _show(self, index: int, observation: np.ndarray) -> None:
        frame = self._frames[index]
        frame[:] = np.reshape(observation, frame.shape)


def open_games(name: str, count: int, seed: int = 0) -> Games:
    """Set up some games by their name.

    Parameters
    ----------
    name : str
        ``"catch"``, one of :data:`MINATAR`, or a game of the Atari 2600 as
        ``"atari-ms_pacman"``.
    count : int
    seed : int

    Returns
    -------
    Games

    Raises
    ------
    ModuleNotFoundError
        If the package with the game is not installed.
    ValueError
        If there is no such game.
    """
    check_instance("name", name, str, "a text")
    if name.startswith("atari-"):
        return AtariGames(name.removeprefix("atari-"), count, seed)
    check_choice("name", name, ("catch", *MINATAR))
    if name == "catch":
        return Catch(count, seed)
    return MinAtarGames(name, count, seed)


def board(observations: Tensor) -> Tensor:
    """Flatten boards with a channel for each kind of thing to numbers of things.

    Parameters
    ----------
    observations : Tensor, shape (N, C, H, W)
        Where a channel is not 0, its thing is.

    Returns
    -------
    Tensor, shape (N, H, W), uint8
        0 where nothing is, else 1 and the last channel whose thing is there.
    """
    check_tensor("observations", observations, 4, any_kind=True)
    if observations.is_complex():
        raise TypeError(f"observations must be real, got {observations.dtype}")
    numbers = torch.arange(1, observations.shape[1] + 1, device=observations.device)
    return ((observations != 0) * numbers[:, None, None]).amax(1).to(torch.uint8)


def _check_game_seed(seed: int, at_least: int = -(2**40)) -> None:
    # Every game has a seed of its own, some millions further.
    check_integer("seed", seed, at_least=at_least, at_most=2**40)


def _check_actions(actions: Tensor, games: Games) -> None:
    check_tensor("actions", actions)
    if actions.is_floating_point():
        raise TypeError(f"actions must be integers, got {actions.dtype}")
    if actions.shape != (games.count,):
        raise ValueError(
            f"actions must have shape ({games.count},), got {tuple(actions.shape)}"
        )
    unknown = (actions < 0) | (actions >= games.actions)
    if unknown.any():
        raise ValueError(
            f"actions must be in [0, {games.actions}), got {actions[unknown][0].item()}"
        )


def _missing(game: str, packages: str) -> ModuleNotFoundError:
    return ModuleNotFoundError(f"{game} needs {packages}: pip install 'coordlib[play]'")
