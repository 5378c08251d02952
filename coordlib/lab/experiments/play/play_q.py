"""The same games played by Q-learning, with and without coordinates (L20)."""

from coordlib.lab.data.games import MINATAR
from coordlib.lab.experiments.play.play import ARMS, arms, summarise, task
from coordlib.lab.record.sweep import Sweep

# Of the learning rates .0005, .001 and .002 the best for plain agents in two games; a
# trial as in "play", of 60,000 frames.
PRESETS = {
    "quick": {
        "learner": "q-learning",
        "games": ["catch"],
        "count": 32,
        "tested": 256,
        "arms": arms(ARMS, frames=50_000, memory=20_000, lr=0.001),
    },
    "cpu": {
        "learner": "q-learning",
        "games": list(MINATAR),
        "count": 32,
        "tested": 32,
        "arms": arms(ARMS, frames=100_000, memory=60_000, batch_size=64, lr=0.001),
    },
}


EXPERIMENT = Sweep("play-q", __doc__, PRESETS, task, summarise)
