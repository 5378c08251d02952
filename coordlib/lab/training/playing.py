"""Learning to play: what an actor-critic and Q-learning share.

Both play many games side by side, with one network for all of them.

Home-made, and not taken from a library of reinforcement learning, for two reasons. A
training that was stopped ends here with the same numbers as one that was not. The games
themselves cannot be saved, but their seed and every action that was done are as good as
the games: they are played again up to there, where libraries go on with new ones. And
what an agent learns by is some ten lines of each loop, which a reader can follow.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil

import torch
from torch import Tensor, nn

from coordlib.arguments import (
    check_callable,
    check_flag,
    check_integer,
    check_module,
    check_not_negative,
    check_number,
    check_seed,
    check_share,
)
from coordlib.lab.data.games import Games, board, check_games
from coordlib.lab.training.checks import check_training_seed

__all__ = [
    "PlayHistory",
    "Played",
    "epsilon_greedy_policy",
    "play",
    "random_policy",
    "sampling_policy",
]

MOST_FRAMES = 10**9
"""More would take years."""

Policy = Callable[[Tensor], Tensor]
"""From what is seen, (N, C, H, W), to actions, (N,)."""


@dataclass(frozen=True)
class PlayHistory:
    """What happened during a training of ``actor_critic`` or ``q_learning``.

    Attributes
    ----------
    frames : int
        Steps of all games together.
    returns : list of float
        What each game paid that came to its end, in that order.
    seconds : float
        Spent on playing and learning; processor time on a CPU.
    device : str
    curve : list of dict
        On the way, the ``step`` (in frames), ``seconds``, and the mean ``return`` of
        the games that ended lately; None before any did.
    """

    frames: int
    returns: list[float] = field(repr=False)
    seconds: float
    device: str
    curve: list[dict[str, float | None]] = field(repr=False)


@dataclass(frozen=True)
class Played:
    """Some games, played to their end.

    Attributes
    ----------
    returns : Tensor, shape (count,)
        What each game paid.
    lengths : LongTensor, shape (count,)
        How many steps it took.
    pictures : Tensor, shape (T, count, H, W), uint8
        The first steps as they were seen: boards as
        :func:`coordlib.lab.data.games.board` gives them, or the latest of some
        pictures.
    rewards : Tensor, shape (T, count)
        What the action paid that followed each picture.
    """

    returns: Tensor
    lengths: Tensor
    pictures: Tensor = field(repr=False)
    rewards: Tensor = field(repr=False)


@torch.no_grad()
def play(policy: Policy, games: Games, *, limit: int = 3000, keep: int = 0) -> Played:
    """Play one game at each place to its end.

    Parameters
    ----------
    policy : callable
        From what is seen to actions, such as :func:`sampling_policy`.
    games : Games
        They are begun anew.
    limit : int
        Steps after which a game that has not ended is taken as it stands.
    keep : int
        How many of the first pictures to keep.

    Returns
    -------
    Played

    Raises
    ------
    TypeError, ValueError
        If an argument is of another kind or out of its range, or the policy gives no
        action for each game.
    """
    check_callable("policy", policy)
    check_games(games)
    check_integer("limit", limit)
    check_integer("keep", keep, at_least=0)
    seen = games.reset()
    going = torch.ones(games.count, dtype=torch.bool)
    returns = torch.zeros(games.count)
    lengths = torch.zeros(games.count, dtype=torch.long)
    pictures, paid = [], []
    for step in range(limit):
        if step < keep:
            pictures.append(board(seen) if games.objects else seen[:, -1])
        actions = policy(seen)
        if not isinstance(actions, Tensor):
            raise TypeError(
                f"policy must give a tensor of actions, got {type(actions).__name__}"
            )
        seen, rewards, ended = games.step(actions)
        rewards = rewards * going
        if step < keep:
            paid.append(rewards)
        returns += rewards
        lengths += going
        going &= ~ended
        if not going.any():
            break
    empty = torch.zeros(0, games.count)
    return Played(
        returns=returns,
        lengths=lengths,
        pictures=torch.stack(pictures) if pictures else empty,
        rewards=torch.stack(paid) if paid else empty,
    )


def random_policy(actions: int, seed: int = 0) -> Policy:
    """Choose among the actions at random, each as likely as the others."""
    check_integer("actions", actions)
    generator = _generator(seed)
    return lambda seen: torch.randint(actions, (len(seen),), generator=generator)


def sampling_policy(model: nn.Module, seed: int = 0) -> Policy:
    """Draw actions as likely as an actor-critic finds them."""
    check_player(model)
    generator = _generator(seed)
    device = next(model.parameters()).device

    def choose(seen: Tensor) -> Tensor:
        probabilities = model(seen.to(device))[0].softmax(1).cpu()
        return torch.multinomial(probabilities, 1, generator=generator)[:, 0]

    return choose


def epsilon_greedy_policy(
    model: nn.Module, seed: int = 0, epsilon: float = 0.05
) -> Policy:
    """Take the action of the highest value, and with a chance of epsilon any."""
    check_player(model)
    check_share("epsilon", epsilon)
    generator = _generator(seed)
    device = next(model.parameters()).device
    return lambda seen: epsilon_greedy(model(seen.to(device)).cpu(), epsilon, generator)


def _generator(seed: int) -> torch.Generator:
    check_seed("seed", seed)
    return torch.Generator().manual_seed(seed)


def check_player(model: nn.Module) -> None:
    """Refuse what is no network, or one that has no parameters."""
    check_module("model", model)
    if next(model.parameters(), None) is None:
        raise ValueError("model has no parameters to play by")


def check_learner(
    model: nn.Module,
    games: Games,
    lr: float,
    discount: float,
    clip: float,
    seed: int,
) -> None:
    """Refuse what nothing can learn to play with."""
    check_player(model)
    check_games(games)
    check_not_negative("lr", lr)  # at 0 nothing is learned, as a control wants it
    check_share("discount", discount)
    check_number("clip", clip)
    if not clip > 0:
        raise ValueError(f"clip must be positive, got {clip!r}")
    check_training_seed(seed)


def epsilon_greedy(
    values: Tensor, epsilon: float | Tensor, generator: torch.Generator
) -> Tensor:
    """Choose the greedy action, or with a chance of epsilon any.

    Parameters
    ----------
    values : Tensor, shape (N, actions)
    epsilon : float, or Tensor of shape (N,)
    generator : torch.Generator

    Returns
    -------
    LongTensor, shape (N,)
    """
    count, actions = values.shape
    explores = torch.rand(count, generator=generator) < epsilon
    random = torch.randint(actions, (count,), generator=generator)
    return torch.where(explores, random, values.argmax(1))


class GamesInPlay:
    """Games in the middle of a training: what is seen, and all that was done.

    Its state is every action ever done: with the seed of the games they are the games.
    Given back, they are played again.

    Parameters
    ----------
    games : Games
        Begun anew.
    frames : int
        Steps of all games together, made up to whole updates.
    rollout : int
        Steps of each game between updates.
    clip_rewards : bool
        Whether rewards are cut to [-1, 1] for learning; returns are not.
    watch : callable, optional
        Is given what was seen, the actions, the rewards and the ends of each step.

    Attributes
    ----------
    updates : int
    seen : Tensor, shape (count, C, H, W), uint8
    returns : list of float
        What each game paid that came to its end.
    """

    def __init__(
        self,
        games: Games,
        frames: int,
        rollout: int,
        clip_rewards: bool,
        watch: Callable[..., None] | None = None,
    ) -> None:
        check_integer("frames", frames, at_most=MOST_FRAMES)
        # An update of more steps than there are to be would go on past the end.
        check_integer("rollout", rollout, at_most=frames)
        check_flag("clip_rewards", clip_rewards)
        self.games = games
        self.updates = ceil(frames / (rollout * games.count))
        self.clip_rewards = clip_rewards
        self.watch = watch
        self.seen = games.reset()
        self.steps = 0
        self.returns: list[float] = []
        self._running = torch.zeros(games.count)
        self._reported = 0  # how many returns the curve has seen
        shape = (self.updates * rollout, games.count)
        self._actions = torch.zeros(shape, dtype=torch.uint8)

    @property
    def frames(self) -> int:
        """Steps of all games together, up to now."""
        return self.steps * self.games.count

    def step(self, actions: Tensor) -> tuple[Tensor, Tensor]:
        """Do an action in each game; give rewards, as they are learned, and ends."""
        before = self.seen
        self.seen, rewards, ended = self.games.step(actions)
        self._actions[self.steps] = actions
        self.steps += 1
        self._running += rewards
        self.returns += self._running[ended].tolist()
        self._running[ended] = 0
        if self.clip_rewards:
            rewards = rewards.clamp(-1, 1)
        if self.watch:
            self.watch(before, actions, rewards, ended)
        return rewards, ended

    def recent_return(self) -> float | None:
        """The mean return of the games that ended since the last call, a few at least.

        None before any did.
        """
        recent = max(len(self.returns) - self._reported, self.games.count)
        self._reported = len(self.returns)
        ended = self.returns[-recent:]
        return sum(ended) / len(ended) if ended else None

    def point(self, seconds: float) -> dict[str, float | None]:
        """A point of the curve: how far the training is, and what games pay lately."""
        latest = self.recent_return()
        return {"step": self.frames, "seconds": seconds, "return": latest}

    def history(
        self, seconds: float, device: torch.device, curve: list[dict]
    ) -> PlayHistory:
        """What happened, once the training is over."""
        return PlayHistory(self.frames, self.returns, seconds, str(device), curve)

    def state_dict(self) -> dict[str, Tensor | int]:
        """Give every action that was done."""
        # A copy: a slice would be written with all that it is a slice of.
        actions = self._actions[: self.steps].clone()
        return {"actions": actions, "reported": self._reported}

    def load_state_dict(self, state: dict[str, Tensor | int]) -> None:
        """Play games that have just begun up to where the others were."""
        for actions in state["actions"]:
            self.step(actions.long())
        self._reported = state["reported"]
