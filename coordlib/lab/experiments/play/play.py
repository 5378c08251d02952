"""Games played by an actor-critic, with and without coordinates (L19)."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import mean

import torch
from torch import Tensor, nn

from coordlib.lab.data.games import MINATAR, Games, open_games
from coordlib.lab.models.agents import ActorCritic, AtariTrunk, MiniTrunk, QNetwork
from coordlib.lab.models.common import parameter_count
from coordlib.lab.record.device import best_device
from coordlib.lab.record.result import Row, rows
from coordlib.lab.record.results import device_name
from coordlib.lab.record.sweep import Sweep
from coordlib.lab.record.task import Run, identity
from coordlib.lab.training.actor_critic import actor_critic
from coordlib.lab.training.playing import (
    PlayHistory,
    Policy,
    epsilon_greedy_policy,
    play,
    random_policy,
    sampling_policy,
)
from coordlib.lab.training.q_learning import q_learning
from coordlib.surgery import coordify

ARMS = {"plain": {"coordconv": "none"}, "coordconv": {"coordconv": "input"}}
"""Networks that differ in their first layer only."""
READOUTS = ARMS | {
    f"{arm}_max": network | {"readout": "max"} for arm, network in ARMS.items()
}
"""The same, and both again with a dense layer that sees maxima, not places."""
KEPT = 300
"""Frames that are kept of a game to show."""


def arms(networks: dict[str, dict], **training) -> dict[str, dict]:
    """Arms of a sweep that share a recipe."""
    return {
        name: {"network": network, "training": training}
        for name, network in networks.items()
    }


# The recipe is the usual one but for the learning rate, one for both arms: of .0007,
# .002, .005 and .01 the one under which both together were paid most in 150,000 frames
# of training, with a seed of their own, in three of the games.
PRESETS = {
    "quick": {
        "games": ["catch"],
        "count": 64,
        "tested": 256,
        "arms": arms(READOUTS, frames=200_000, lr=0.005),
    },
    "cpu": {
        "games": list(MINATAR),
        "count": 64,
        "tested": 64,
        "arms": arms(ARMS, frames=500_000, lr=0.01),
    },
}


@dataclass(frozen=True)
class Arcade:
    """What agents play: a :class:`~coordlib.lab.record.task.Task` of another kind.

    Each game is a split of the sweep, and what is kept of the best agent of each arm
    is a game that it played.

    Attributes
    ----------
    games : tuple of str
        As :func:`coordlib.lab.data.games.open_games` names them.
    learn : callable
        :func:`~coordlib.lab.training.actor_critic.actor_critic` or its like.
    network : callable
        Makes an agent from the shape of what is seen, the number of actions and the
        options of an arm.
    policy : callable
        From an agent and a seed to how it plays when it is tested.
    count : int
        Games side by side in training.
    tested : int
        Games side by side in the test, each played once.
    limit : int
        Steps after which a tested game is taken as it stands.
    first_seed : int
        Added to every seed, so that recipes can be chosen with seeds of their own.
    """

    games: tuple[str, ...]
    learn: Callable[..., PlayHistory]
    network: Callable[..., nn.Module]
    policy: Callable[[nn.Module, int], Policy]
    count: int
    tested: int
    limit: int = 3000
    first_seed: int = 0
    best: str = "return"
    keeps_weights: bool = True

    def splits(self, seed: int) -> dict[str, None]:
        """The games, which are the same for every seed."""
        return dict.fromkeys(self.games)

    def rank(self, run: Run) -> float:
        """The return in the test."""
        return run["test_return"]

    def train(
        self,
        job: dict,
        device: torch.device | str = "auto",
        folder: Path | None = None,
        progress: str | bool = False,
    ) -> list[tuple[Run, dict[str, Tensor]]]:
        """Train the agents of a job, test them, and keep a game of each."""
        return [
            self._train(job | recipe, best_device(device), folder, progress)
            for recipe in job["recipes"]
        ]

    def _train(
        self,
        run: Run,
        device: torch.device,
        folder: Path | None,
        progress: str | bool,
    ) -> tuple[Run, dict[str, Tensor]]:
        run = {name: value for name, value in run.items() if name != "recipes"}
        name, seed = run["split"], run["seed"] + self.first_seed
        # Neither the games of the test nor those to show are those of the training.
        games, tested, shown = (
            open_games(name, count, 3 * seed + kind)
            for kind, count in enumerate((self.count, self.tested, 9))
        )
        torch.manual_seed(seed)
        model = self.network(games.shape, games.actions, **run["network"]).to(device)
        history = self.learn(
            model,
            games,
            lr=run["lr"],
            seed=seed,
            checkpoint=folder and folder / f"{identity(run)}.pt",
            progress=progress,
            **run["training"],
        )
        returns = [p["return"] for p in history.curve if p["return"] is not None]
        if not returns:
            raise ValueError(
                f"no game of {name} came to its end in {history.frames} frames of "
                "training; give it more"
            )
        model.eval()
        policy = self.policy(model, seed)
        test = play(policy, tested, limit=self.limit)
        guess = play(random_policy(games.actions, seed), tested, limit=self.limit)
        game = play(policy, shown, limit=self.limit, keep=KEPT)
        median = int(game.returns.argsort()[len(game.returns) // 2])
        length = min(int(game.lengths[median]), KEPT)
        run |= {
            "test_return": float(test.returns.mean()),
            "test_length": float(test.lengths.float().mean()),
            "random_return": float(guess.returns.mean()),
            "curve_return": mean(returns),
            "moved": changed_by_a_move(model, policy, tested),
            "seconds": history.seconds,
            "frames": history.frames,
            "parameters": parameter_count(model),
            "objects": list(games.objects),
            "shown_return": float(game.returns[median]),
            "curve": history.curve,
            "device": device_name(device),
        }
        return run, {
            "pictures": game.pictures[:length, median],
            "rewards": game.rewards[:length, median],
        }


def task(
    games: list[str],
    count: int,
    tested: int,
    learner: str = "actor-critic",
    first_seed: int = 0,
) -> Arcade:
    """Play games well.

    Parameters
    ----------
    games : list of str
        As :func:`coordlib.lab.data.games.open_games` names them.
    count, tested : int
        Games side by side, in training and in the test.
    learner : {"actor-critic", "q-learning"}
    first_seed : int
        Of the training; see :class:`Arcade`.
    """
    learn, head, policy = {
        "actor-critic": (actor_critic, ActorCritic, sampling_policy),
        "q-learning": (q_learning, QNetwork, epsilon_greedy_policy),
    }[learner]
    atari = any(name.startswith("atari-") for name in games)
    return Arcade(
        games=tuple(games),
        learn=learn,
        network=partial(agent, head, AtariTrunk if atari else MiniTrunk),
        policy=policy,
        count=count,
        tested=tested,
        limit=27_000 if atari else 3000,
        first_seed=first_seed,
        # Pictures of a game that is sold stay with whoever plays it.
        keeps_weights=not atari,
    )


def agent(
    head: type[nn.Module],
    trunk: type[nn.Module],
    shape: tuple[int, int, int],
    actions: int,
    coordified: bool = False,
    **options,
) -> nn.Module:
    """Put a head on a trunk that sees pictures of this shape.

    A coordified agent sees coordinates, but their weights begin at 0: with the same
    seed it begins as the plain agent does.
    """
    model = head(trunk(shape, **options), actions)
    return coordify(model)[0] if coordified else model


@torch.no_grad()
def changed_by_a_move(
    model: nn.Module, policy: Policy, games: Games, steps: int = 100, every: int = 10
) -> float:
    """How often an agent prefers another action once its picture is moved.

    Pictures from games that it plays are moved right by one pixel, on a ring. An agent
    that does not know places prefers what it preferred.

    Parameters
    ----------
    model : nn.Module
        An :class:`~coordlib.lab.models.agents.ActorCritic` or a
        :class:`~coordlib.lab.models.agents.QNetwork`.
    policy : callable
        How it plays.
    games : Games
    steps, every : int
        How long it plays, and after how many steps the pictures are moved.

    Returns
    -------
    float
        A share of all pictures.
    """
    device = next(model.parameters()).device

    def preferred(seen: Tensor) -> Tensor:
        found = model(seen.to(device))
        return (found[0] if isinstance(found, tuple) else found).argmax(1)

    seen, changed = games.reset(), []
    for step in range(1, steps + 1):
        seen, _, _ = games.step(policy(seen))
        if step % every == 0:
            changed.append(preferred(seen) != preferred(seen.roll(1, -1)))
    return float(torch.cat(changed).float().mean())


def summarise(task: Arcade, arms: dict[str, dict], runs: list[Run]) -> list[Row]:
    """Every agent of one seed, and what coordinates add.

    Returns
    -------
    list of Row
        By game and arm the ``return`` in the test, ``curve``, its mean over the
        training, ``moved`` as :func:`changed_by_a_move`, ``seconds``, ``parameters``,
        and the return of a ``random`` player after the agent's test; by game the
        ``gain``, the difference of the two returns as a share of their mean; over the
        games the ``mean_gain``, the same of the curves as ``mean_curve_gain``, and
        ``better`` and ``worse``, how many games are. There is no gain without both of
        :data:`ARMS`.
    """
    names = {"return": "test_return", "curve": "curve_return"}
    names |= {name: name for name in ("moved", "seconds", "parameters")}
    names["random"] = "random_return"
    found = []
    gains: dict[str, list[float]] = {"return": [], "curve": []}
    for game in task.games:
        played = {run["arm"]: run for run in runs if run["split"] == game}
        label = game.removeprefix("atari-")
        for arm, run in played.items():
            numbers = {name: run[key] for name, key in names.items()}
            found += rows(numbers, game=label, arm=arm)
        if not played.keys() >= ARMS.keys():
            continue
        for name, values in gains.items():
            values.append(relative_gain(*(played[arm][names[name]] for arm in ARMS)))
        found += rows({"gain": gains["return"][-1]}, game=label)
    if gains["return"]:
        found += rows(
            {
                "mean_gain": mean(gains["return"]),
                "mean_curve_gain": mean(gains["curve"]),
                "better": sum(value > 0 for value in gains["return"]),
                "worse": sum(value < 0 for value in gains["return"]),
            }
        )
    return found


def relative_gain(before: float, after: float) -> float:
    """The difference of two returns as a share of the mean of their sizes.

    From -2 to 2, and 0 where nothing was gained by either. Unlike a ratio it does not
    grow without end where the first return is near 0.
    """
    size = (abs(before) + abs(after)) / 2
    return (after - before) / size if size else 0.0


EXPERIMENT = Sweep("play", __doc__, PRESETS, task, summarise)
