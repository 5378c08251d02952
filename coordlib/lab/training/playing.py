"""Learning to play: from what games pay to what to do.

Two families, each with many games side by side and one network for all of them: an
actor-critic, which learns from what it just did, and Q-learning, which learns from
what it remembers.
"""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from time import perf_counter

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from coordlib.arguments import check_integer
from coordlib.lab.data.games import Games, board
from coordlib.lab.training import checkpoints
from coordlib.lab.training import loop as training
from coordlib.lab.training.device import device_seconds

__all__ = [
    "PlayHistory",
    "Played",
    "actor_critic",
    "eager_policy",
    "play",
    "q_learning",
    "random_policy",
    "sampling_policy",
]

_SEED_STEP = 1_000_003  # so that neighbouring seeds never meet

Policy = Callable[[Tensor], Tensor]
"""From what is seen, (N, C, H, W), to actions, (N,)."""


@dataclass(frozen=True)
class PlayHistory:
    """What happened during :func:`actor_critic` or :func:`q_learning`.

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
    more than its value promised, and the values are drawn to what was paid. The
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
        Whether to learn from rewards cut to [-1, 1]. Returns are told uncut.
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
        If ``frames``, ``rollout`` or ``measures`` is no positive integer.
    CheckpointError
        If the checkpoint is damaged or belongs to another training.

    References
    ----------
    Mnih et al., 2016, "Asynchronous methods for deep reinforcement learning".
    """
    check_integer("rollout", rollout)
    device = next(model.parameters()).device
    optimizer = torch.optim.RMSprop(model.parameters(), lr, alpha=0.99, eps=1e-5)
    table = _Table(games, frames, rollout, clip_rewards)

    def update(number: int) -> None:
        generator = _generator(seed, number)
        optimizer.param_groups[0]["lr"] = lr * (1 - (number - 1) / table.updates)
        steps = []
        for _ in range(rollout):
            logits, values = model(table.seen.to(device))
            chances = logits.detach().softmax(1).cpu()
            actions = torch.multinomial(chances, 1, generator=generator)[:, 0]
            told = (actions, *table.step(actions))
            steps.append((logits, values, *(one.to(device) for one in told)))
        with torch.no_grad():
            ahead = model(table.seen.to(device))[1]
        returns = []
        for _, _, _, rewards, ended in reversed(steps):
            ahead = rewards + discount * ahead * ~ended
            returns.insert(0, ahead)
        logits, values, actions, _, _ = map(torch.cat, zip(*steps, strict=True))
        advantages = torch.cat(returns) - values
        logs = logits.log_softmax(1)
        done = logs.gather(1, actions[:, None])[:, 0]
        loss = (
            -(done * advantages.detach()).mean()
            + entropy * (logs.exp() * logs).sum(1).mean()
            + value_weight * advantages.square().mean()
        )
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()

    facts = {"learner": "actor-critic", "lr": lr, "discount": discount}
    facts |= {"entropy": entropy, "value_weight": value_weight, "clip": clip}
    learner = _Learner({"model": model}, optimizer, table, update, facts)
    return learner.run(seed, measures, checkpoint, progress)


def q_learning(
    model: nn.Module,
    games: Games,
    *,
    frames: int,
    rollout: int = 1,
    batch_size: int = 128,
    memory: int = 100_000,
    warmup: int = 5_000,
    ahead: int = 3,
    refresh: int = 250,
    explore: float = 0.4,
    lr: float = 2.5e-4,
    discount: float = 0.99,
    clip: float = 10.0,
    clip_rewards: bool = False,
    seed: int = 0,
    measures: int = 20,
    checkpoint: Path | None = None,
    progress: str | bool = False,
) -> PlayHistory:
    """Train the returns that actions promise, from a memory of what many games did.

    A small relative of Ape-X (Horgan et al., 2018): every game has its own share of
    random actions, from ``explore`` down to its eighth power; rewards are summed over
    some steps; a second, older network judges the action that the newer one prefers.
    Memories are drawn evenly here; Ape-X prefers the surprising ones.

    Parameters
    ----------
    model : nn.Module
        As :class:`coordlib.lab.models.agents.QNetwork`.
    games : Games
        Fresh ones; they are played from their beginning.
    frames : int
        Steps of all games together, made up to whole updates.
    rollout : int
        Steps of each game between updates.
    batch_size : int
        Memories an update.
    memory : int
        How many frames are remembered.
    warmup : int
        Frames before the first update.
    ahead : int
        Steps whose rewards are summed before a network says what follows.
    refresh : int
        Updates after which the older network becomes the newer one.
    explore : float
    lr : float
        Of Adam.
    discount, clip, clip_rewards, seed, measures, checkpoint, progress
        As in :func:`actor_critic`.

    Returns
    -------
    PlayHistory

    Raises
    ------
    TypeError, ValueError
        If a number that counts something is no positive integer, or the memory holds
        no more than ``ahead`` steps of each game.
    CheckpointError
        If the checkpoint is damaged or belongs to another training.

    References
    ----------
    Mnih et al., 2015, "Human-level control through deep reinforcement learning"; van
    Hasselt et al., 2016, "Deep reinforcement learning with double Q-learning"; Horgan
    et al., 2018, "Distributed prioritized experience replay".
    """
    counts = {"rollout": rollout, "batch_size": batch_size, "memory": memory}
    for name, value in (counts | {"ahead": ahead, "refresh": refresh}).items():
        check_integer(name, value)
    device = next(model.parameters()).device
    older = deepcopy(model)
    optimizer = torch.optim.Adam(model.parameters(), lr)
    store = _Memory(games, memory, ahead, discount)
    table = _Table(games, frames, rollout, clip_rewards, store.add)
    places = torch.arange(games.count) / max(games.count - 1, 1)
    random_share = explore ** (1 + 7 * places)

    def update(number: int) -> None:
        generator = _generator(seed, number)
        for _ in range(rollout):
            with torch.no_grad():
                eager = model(table.seen.to(device)).argmax(1).cpu()
            blind = torch.rand(games.count, generator=generator) < random_share
            drawn = torch.randint(games.actions, (games.count,), generator=generator)
            table.step(torch.where(blind, drawn, eager))
        if table.frames < warmup or store.steps <= ahead:
            return
        drawn = store.draw(batch_size, generator)
        seen, actions, paid, kept, later = (one.to(device) for one in drawn)
        with torch.no_grad():
            best = model(later).argmax(1, keepdim=True)
            target = paid + kept * older(later).gather(1, best)[:, 0]
        promised = model(seen).gather(1, actions[:, None])[:, 0]
        optimizer.zero_grad()
        F.smooth_l1_loss(promised, target).backward()
        nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        if number % refresh == 0:
            older.load_state_dict(model.state_dict())

    facts = {"learner": "q-learning", "lr": lr, "discount": discount, "clip": clip}
    facts |= {"warmup": warmup, "explore": explore} | counts
    parts = {"model": model, "older": older}
    learner = _Learner(parts, optimizer, table, update, facts)
    return learner.run(seed, measures, checkpoint, progress)


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
        If ``limit`` is no positive integer.
    """
    check_integer("limit", limit)
    seen = games.reset()
    going = torch.ones(games.count, dtype=torch.bool)
    returns = torch.zeros(games.count)
    lengths = torch.zeros(games.count, dtype=torch.long)
    pictures, paid = [], []
    for step in range(limit):
        if step < keep:
            pictures.append(board(seen) if games.objects else seen[:, -1])
        seen, rewards, ended = games.step(policy(seen))
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
    generator = torch.Generator().manual_seed(seed)
    return lambda seen: torch.randint(actions, (len(seen),), generator=generator)


def sampling_policy(model: nn.Module, seed: int = 0) -> Policy:
    """Draw actions as likely as an actor-critic finds them."""
    generator = torch.Generator().manual_seed(seed)
    device = next(model.parameters()).device

    def choose(seen: Tensor) -> Tensor:
        chances = model(seen.to(device))[0].softmax(1).cpu()
        return torch.multinomial(chances, 1, generator=generator)[:, 0]

    return choose


def eager_policy(model: nn.Module, seed: int = 0, explore: float = 0.05) -> Policy:
    """Take the action that promises most, and now and then any other."""
    generator = torch.Generator().manual_seed(seed)
    device = next(model.parameters()).device

    def choose(seen: Tensor) -> Tensor:
        promised = model(seen.to(device)).cpu()
        blind = torch.rand(len(seen), generator=generator) < explore
        drawn = torch.randint(promised.shape[1], (len(seen),), generator=generator)
        return torch.where(blind, drawn, promised.argmax(1))

    return choose


class _Table:
    """Games in play: what is seen, what was done, and what it paid."""

    def __init__(
        self,
        games: Games,
        frames: int,
        rollout: int,
        clip_rewards: bool,
        watch: Callable[..., None] | None = None,
    ) -> None:
        check_integer("frames", frames)
        self.games = games
        self.updates = ceil(frames / (rollout * games.count))
        self.rollout = rollout
        self.clip_rewards = clip_rewards
        self.watch = watch
        self.seen = games.reset()
        self.steps = 0
        self.returns: list[float] = []
        self.running = torch.zeros(games.count)
        # Every action ever done: with the seed they are the games.
        shape = (self.updates * rollout, games.count)
        self.actions = torch.zeros(shape, dtype=torch.uint8)

    @property
    def frames(self) -> int:
        return self.steps * self.games.count

    def step(self, actions: Tensor) -> tuple[Tensor, Tensor]:
        """Do an action in each game; give rewards, as they are learned, and ends."""
        before = self.seen
        self.seen, rewards, ended = self.games.step(actions)
        self.actions[self.steps] = actions
        self.steps += 1
        self.running += rewards
        self.returns += self.running[ended].tolist()
        self.running[ended] = 0
        if self.clip_rewards:
            rewards = rewards.clamp(-1, 1)
        if self.watch:
            self.watch(before, actions, rewards, ended)
        return rewards, ended

    def lately(self, since: int) -> float | None:
        """The mean return of the games that ended since, a few at least."""
        ended = self.returns[-max(len(self.returns) - since, self.games.count) :]
        return sum(ended) / len(ended) if ended else None


class _Memory:
    """What was seen, done and paid in the latest steps of all games."""

    def __init__(self, games: Games, frames: int, ahead: int, discount: float) -> None:
        self.ahead, self.discount = ahead, discount
        self.room = frames // games.count
        if self.room <= ahead:
            raise ValueError(
                f"memory must hold more than {ahead} steps of {games.count} games, "
                f"got {frames} frames"
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
        at = self.steps % self.room
        self.seen[at], self.actions[at] = seen, actions
        self.rewards[at], self.ended[at] = rewards, ended
        self.steps += 1

    def draw(self, count: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        """Draw memories: seen, action, what it paid, weight of later, and later."""
        oldest = max(self.steps - self.room, 0)
        newest = self.steps - self.ahead  # this one is not drawn
        at = torch.randint(oldest, newest, (count,), generator=generator)
        game = torch.randint(self.seen.shape[1], (count,), generator=generator)
        paid, kept = torch.zeros(count), torch.ones(count)
        for step in range(self.ahead):
            now = (at + step) % self.room
            paid += kept * self.rewards[now, game]
            kept *= self.discount * ~self.ended[now, game]
        at, later = at % self.room, (at + self.ahead) % self.room
        return (
            self.seen[at, game],
            self.actions[at, game],
            paid,
            kept,
            self.seen[later, game],
        )


@dataclass
class _Learner:
    """A training, and all that it needs to go on as if it had not stopped."""

    parts: dict[str, nn.Module]
    optimizer: torch.optim.Optimizer
    table: _Table
    update: Callable[[int], None]
    facts: dict
    done: int = 0
    seconds: float = 0.0
    told: int = 0  # how many returns the curve has told
    curve: list[dict] = field(default_factory=list)

    def run(
        self,
        seed: int,
        measures: int,
        checkpoint: Path | None,
        progress: str | bool,
    ) -> PlayHistory:
        check_integer("measures", measures)
        table, model = self.table, self.parts["model"]
        device = next(model.parameters()).device
        facts = self.facts | {"seed": seed, "measures": measures}
        facts |= {"updates": table.updates, "rollout": table.rollout}
        facts |= {"games": table.games.count, "clip_rewards": table.clip_rewards}
        facts["shapes"] = {n: list(t.shape) for n, t in model.state_dict().items()}
        if checkpoint is not None:
            self.restore(checkpoints.load(Path(checkpoint), facts))
        stops = {round(table.updates * k / measures) for k in range(1, measures + 1)}
        start, saved = device_seconds(device), perf_counter()

        def pause() -> None:
            nonlocal start
            self.seconds += device_seconds(device) - start
            start = device_seconds(device)

        for number in training.counted(self.done, table.updates, progress):
            self.update(number)
            self.done = number
            if number in stops:
                pause()
                point = {"step": table.frames, "seconds": self.seconds}
                self.curve.append(point | {"return": table.lately(self.told)})
                self.told = len(table.returns)
            late = perf_counter() - saved > training.CHECKPOINT_SECONDS
            if checkpoint is not None and (late or number == table.updates):
                pause()
                checkpoints.save(Path(checkpoint), self.tensors(), facts)
                saved = perf_counter()
        return PlayHistory(
            frames=table.frames,
            returns=table.returns,
            seconds=self.seconds,
            device=str(device),
            curve=self.curve,
        )

    def tensors(self) -> dict[str, Tensor]:
        weights = {
            f"{part}/{name}": value
            for part, module in self.parts.items()
            for name, value in module.state_dict().items()
        }
        counters = {name: getattr(self, name) for name in ("done", "seconds", "told")}
        counters["curve"] = self.curve
        return (
            weights
            | training.optimizer_tensors(self.optimizer)
            | {"actions": self.table.actions[: self.table.steps]}
            | {"counters": checkpoints.as_tensor(counters)}
        )

    def restore(self, tensors: dict[str, Tensor] | None) -> None:
        if tensors is None:
            return
        for name, value in checkpoints.from_tensor(tensors["counters"]).items():
            setattr(self, name, value)
        for actions in tensors["actions"]:
            self.table.step(actions.long())
        for part, module in self.parts.items():
            own = module.state_dict()
            module.load_state_dict({name: tensors[f"{part}/{name}"] for name in own})
        training.restore_optimizer(self.optimizer, tensors)


def _generator(seed: int, number: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed + _SEED_STEP * number)
