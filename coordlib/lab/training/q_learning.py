"""Q-learning, which learns from what it remembers."""

from copy import deepcopy
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from coordlib.arguments import check_integer, check_share
from coordlib.lab.data.games import Games
from coordlib.lab.data.seeds import step_generator
from coordlib.lab.training.checks import check_keeping
from coordlib.lab.training.playing import (
    GamesInPlay,
    PlayHistory,
    check_learner,
    epsilon_greedy,
)
from coordlib.lab.training.resume import Resumable
from coordlib.lab.training.schedules import measuring_steps

__all__ = ["q_learning"]

MOST_MEMORY = 10**8  # frames; of the smallest games some 20 GB


def q_learning(
    model: nn.Module,
    games: Games,
    *,
    frames: int,
    rollout: int = 1,
    batch_size: int = 128,
    memory: int = 100_000,
    warmup: int = 5_000,
    n_step: int = 3,
    target_interval: int = 250,
    epsilon: float = 0.4,
    lr: float = 2.5e-4,
    discount: float = 0.99,
    clip: float = 10.0,
    clip_rewards: bool = False,
    seed: int = 0,
    measures: int = 20,
    checkpoint: Path | None = None,
    progress: str | bool = False,
) -> PlayHistory:
    """Train the values of actions, from a replay memory of what many games did.

    A small relative of Ape-X (Horgan et al., 2018): every game is played by an
    epsilon-greedy policy of its own, from ``epsilon`` down to its eighth power; rewards
    are summed over ``n_step`` steps; a target network, an earlier state of the one that
    is trained, gives the value of the action that the newer one prefers. The replay
    memory is sampled evenly here; Ape-X prefers what was surprising.

    Parameters
    ----------
    model : nn.Module
        As :class:`coordlib.lab.models.agents.QNetwork`.
    batch_size : int
        Steps of a game drawn from the memory for each update.
    memory : int
        How many frames the replay memory holds.
    warmup : int
        Frames before the first update.
    n_step : int
        Steps whose rewards are summed before the target network says what follows.
    target_interval : int
        Updates after which the weights are copied to the target network.
    epsilon : float
        The largest share of random actions.
    lr : float
        Of Adam.
    games, frames, rollout, discount, clip, clip_rewards, seed, measures, \
checkpoint, progress
        As in :func:`~coordlib.lab.training.actor_critic.actor_critic`.

    Returns
    -------
    PlayHistory

    Raises
    ------
    TypeError, ValueError
        If an argument is of another kind or out of its range: the message names it.
        If the memory holds no more than ``n_step`` steps of each game.
    CheckpointError
        If the checkpoint is damaged or belongs to another training.

    References
    ----------
    Mnih et al., 2015, "Human-level control through deep reinforcement learning"; van
    Hasselt et al., 2016, "Deep reinforcement learning with double Q-learning"; Horgan
    et al., 2018, "Distributed prioritized experience replay".
    """
    counts = {"rollout": rollout, "batch_size": batch_size, "memory": memory}
    counts |= {"n_step": n_step, "target_interval": target_interval}
    check_learner(model, games, lr, discount, clip, seed)
    for name, value in counts.items():
        check_integer(name, value)
    check_integer("memory", memory, at_most=MOST_MEMORY)
    check_integer("batch_size", batch_size, at_most=MOST_MEMORY)
    check_share("epsilon", epsilon)
    check_keeping(checkpoint, progress, measures)
    device = next(model.parameters()).device
    target = deepcopy(model)
    optimizer = torch.optim.Adam(model.parameters(), lr)
    replay = ReplayMemory(games, memory, n_step, discount)
    playing = GamesInPlay(games, frames, rollout, clip_rewards, replay.add)
    check_integer("warmup", warmup, at_least=0, at_most=frames)
    updates, curve = playing.updates, []
    # Each game has its own epsilon.
    places = torch.arange(games.count) / max(games.count - 1, 1)
    epsilons = epsilon ** (1 + 7 * places)
    facts = {"learner": "q-learning", "lr": lr, "discount": discount, "clip": clip}
    facts |= {"warmup": warmup, "epsilon": epsilon, "updates": updates} | counts
    facts |= {"games": games.count, "clip_rewards": clip_rewards}
    facts |= {"seed": seed, "measures": measures}
    parts = {"model": model, "target": target, "optimizer": optimizer}
    parts |= {"games": playing, "curve": curve}
    state = Resumable(checkpoint, facts, device, **parts)
    stops = measuring_steps(updates, measures)

    for update in state.remaining(updates, progress):
        generator = step_generator(seed, update)
        for _ in range(rollout):
            with torch.no_grad():
                values = model(playing.seen.to(device)).cpu()
            playing.step(epsilon_greedy(values, epsilons, generator))
        if playing.frames >= warmup and replay.steps > n_step:
            drawn = replay.sample(batch_size, generator)
            seen, actions, rewards, discounts, later = (one.to(device) for one in drawn)
            with torch.no_grad():
                greedy = model(later).argmax(1, keepdim=True)
                following = target(later).gather(1, greedy)[:, 0]
            estimates = model(seen).gather(1, actions[:, None])[:, 0]
            optimizer.zero_grad()
            F.smooth_l1_loss(estimates, rewards + discounts * following).backward()
            nn.utils.clip_grad_norm_(model.parameters(), clip)
            optimizer.step()
            if update % target_interval == 0:
                target.load_state_dict(model.state_dict())
        if update in stops:
            with state.paused():
                curve.append(playing.point(state.seconds))
        state.keep(update)
    state.finish()
    return playing.history(state.seconds, device, curve)


class ReplayMemory:
    """What was seen, done and paid in the latest steps of all games.

    Parameters
    ----------
    games : Games
    frames : int
        How many are remembered, of all games together.
    n_step : int
        Steps whose rewards are summed.
    discount : float
    """

    def __init__(self, games: Games, frames: int, n_step: int, discount: float) -> None:
        self.n_step, self.discount = n_step, discount
        self.room = frames // games.count
        if self.room <= n_step:
            raise ValueError(
                f"memory must hold more than {n_step} steps of {games.count} games "
                f"(n_step), got {frames} frames"
            )
        size = (self.room, games.count)
        self.seen = torch.zeros(*size, *games.shape, dtype=torch.uint8)
        self.actions = torch.zeros(size, dtype=torch.long)
        self.rewards = torch.zeros(size)
        self.ended = torch.zeros(size, dtype=torch.bool)
        self.steps = 0

    def add(
        self, seen: Tensor, actions: Tensor, rewards: Tensor, ended: Tensor
    ) -> None:
        """Remember a step of all games, in place of the oldest."""
        at = self.steps % self.room
        self.seen[at], self.actions[at] = seen, actions
        self.rewards[at], self.ended[at] = rewards, ended
        self.steps += 1

    def sample(self, count: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        """Draw some of what is remembered, all alike.

        Returns
        -------
        seen : Tensor, shape (count, C, H, W), uint8
        actions : LongTensor, shape (count,)
        rewards : Tensor, shape (count,)
            The discounted sum over ``n_step`` steps, or up to the end of the game.
        discounts : Tensor, shape (count,)
            What the value of ``later`` counts; 0 if the game ended before.
        later : Tensor, shape (count, C, H, W), uint8
            What was seen ``n_step`` steps later.
        """
        oldest = max(self.steps - self.room, 0)
        newest = self.steps - self.n_step  # this one is not drawn
        at = torch.randint(oldest, newest, (count,), generator=generator)
        game = torch.randint(self.seen.shape[1], (count,), generator=generator)
        rewards, discounts = torch.zeros(count), torch.ones(count)
        for step in range(self.n_step):
            now = (at + step) % self.room
            rewards += discounts * self.rewards[now, game]
            discounts *= self.discount * ~self.ended[now, game]
        at, later = at % self.room, (at + self.n_step) % self.room
        return (
            self.seen[at, game],
            self.actions[at, game],
            rewards,
            discounts,
            self.seen[later, game],
        )
