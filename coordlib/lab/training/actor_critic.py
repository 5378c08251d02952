"""An actor-critic, which learns from what it just did (A2C)."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from coordlib.arguments import check_not_negative
from coordlib.lab.data.games import Games
from coordlib.lab.data.seeds import step_generator
from coordlib.lab.training.checks import check_keeping
from coordlib.lab.training.playing import GamesInPlay, PlayHistory, check_learner
from coordlib.lab.training.resume import Resumable
from coordlib.lab.training.schedules import measuring_steps

__all__ = ["actor_critic"]


def actor_critic(
    model: nn.Module,
    games: Games,
    *,
    frames: int,
    rollout: int = 5,
    lr: float = 7e-4,
    discount: float = 0.99,
    entropy: float = 0.01,
    value_weight: float = 0.5,
    clip: float = 0.5,
    clip_rewards: bool = False,
    seed: int = 0,
    measures: int = 20,
    checkpoint: Path | None = None,
    progress: str | bool = False,
) -> PlayHistory:
    """Train a policy and a value by the advantage of what was done (A2C).

    All games take a few steps; each action is then made likelier, as far as it paid
    more than the value estimated, and the values are drawn to what was paid. The
    learning rate falls to 0 along a line.

    Parameters
    ----------
    model : nn.Module
        As :class:`coordlib.lab.models.agents.ActorCritic`.
    games : Games
        Fresh ones; they are played from their beginning.
    frames : int
        Steps of all games together, made up to whole updates.
    rollout : int
        Steps of each game between updates.
    lr : float
        At the start; of RMSprop.
    discount : float
        What a reward counts that comes a step later.
    entropy : float
        Weight of the policy's entropy, which keeps it trying.
    value_weight : float
    clip : float
        The norm that a gradient has at most.
    clip_rewards : bool
        Whether to learn from rewards cut to [-1, 1]. Returns are given uncut.
    seed : int
        Decides which actions are drawn. The global generator is not touched.
    measures : int
        Points of the curve, evenly over the training.
    checkpoint : Path, optional
        Where to keep the state twice a minute, and at the end. It holds every action
        that was done: a training that goes on from it plays the games again up to
        there, and ends with the same numbers as if it had never stopped.
    progress : bool or str
        Show a bar, if tqdm is installed; a string names it.

    Returns
    -------
    PlayHistory

    Raises
    ------
    TypeError, ValueError
        If an argument is of another kind or out of its range: the message names it.
    CheckpointError
        If the checkpoint is damaged or belongs to another training.

    References
    ----------
    Mnih et al., 2016, "Asynchronous methods for deep reinforcement learning".
    """
    check_learner(model, games, lr, discount, clip, seed)
    check_not_negative("entropy", entropy)
    check_not_negative("value_weight", value_weight)
    check_keeping(checkpoint, progress, measures)
    device = next(model.parameters()).device
    optimizer = torch.optim.RMSprop(model.parameters(), lr, alpha=0.99, eps=1e-5)
    playing = GamesInPlay(games, frames, rollout, clip_rewards)
    updates, curve = playing.updates, []
    facts = {"learner": "actor-critic", "lr": lr, "discount": discount}
    facts |= {"entropy": entropy, "value_weight": value_weight, "clip": clip}
    facts |= {"updates": updates, "rollout": rollout, "games": games.count}
    facts |= {"clip_rewards": clip_rewards, "seed": seed, "measures": measures}
    parts = {"model": model, "optimizer": optimizer, "games": playing, "curve": curve}
    state = Resumable(checkpoint, facts, device, **parts)
    stops = measuring_steps(updates, measures)

    for update in state.remaining(updates, progress):
        generator = step_generator(seed, update)
        optimizer.param_groups[0]["lr"] = lr * (1 - (update - 1) / updates)
        steps = []
        for _ in range(rollout):
            logits, values = model(playing.seen.to(device))
            probabilities = logits.detach().softmax(1).cpu()
            actions = torch.multinomial(probabilities, 1, generator=generator)[:, 0]
            rewards, ended = playing.step(actions)
            done = actions.to(device), rewards.to(device), ended.to(device)
            steps.append((logits, values, *done))
        with torch.no_grad():
            bootstrap = model(playing.seen.to(device))[1]
        logits, values, actions, rewards, ended = zip(*steps, strict=True)
        targets = discounted_returns(rewards, ended, bootstrap, discount)
        advantages = torch.cat(targets) - torch.cat(values)
        log_policy = torch.cat(logits).log_softmax(1)
        chosen = log_policy.gather(1, torch.cat(actions)[:, None])[:, 0]
        loss = (
            -(chosen * advantages.detach()).mean()
            + entropy * (log_policy.exp() * log_policy).sum(1).mean()
            + value_weight * advantages.square().mean()
        )
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        if update in stops:
            with state.paused():
                curve.append(playing.point(state.seconds))
        state.keep(update)
    state.finish()
    return playing.history(state.seconds, device, curve)


def discounted_returns(
    rewards: Sequence[Tensor],
    ended: Sequence[Tensor],
    bootstrap: Tensor,
    discount: float,
) -> list[Tensor]:
    """Sum rewards backwards in time, each step later counting less.

    Parameters
    ----------
    rewards, ended : sequence of Tensor, shape (N,)
        Of each step. What comes after an end does not count.
    bootstrap : Tensor, shape (N,)
        The value of what follows the last step.
    discount : float

    Returns
    -------
    list of Tensor, shape (N,)
        One for each step.
    """
    returns, following = [], bootstrap
    for reward, end in zip(reversed(rewards), reversed(ended), strict=True):
        following = reward + discount * following * ~end
        returns.insert(0, following)
    return returns
