"""Those who learn to play, small; and one who plays well."""

import pytest
import torch

from coordlib.lab.models.agents import ActorCritic, MiniTrunk, QNetwork
from coordlib.lab.training.actor_critic import actor_critic
from coordlib.lab.training.q_learning import q_learning

SMALL = {"frames": 640, "measures": 4}
LEARNERS = {
    "actor-critic": (actor_critic, ActorCritic, SMALL),
    "q-learning": (
        q_learning,
        QNetwork,
        SMALL | {"memory": 320, "warmup": 64, "batch_size": 16, "target_interval": 3},
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
