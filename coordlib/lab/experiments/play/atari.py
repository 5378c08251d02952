"""Ms. Pac-Man on the Atari 2600, with and without coordinates."""

from coordlib.lab.experiments.play.play import ARMS, arms, summarise, task
from coordlib.lab.record.sweep import Sweep

NETWORKS = ARMS | {"everywhere": {"coordconv": "all"}}
"""No coordinates, in place of the first convolution, and of every convolution."""

# A frame here is a step of four frames of the console: 10 million make 40.
PRESETS = {
    "quick": {
        "games": ["atari-ms_pacman"],
        "count": 8,
        "tested": 8,
        "arms": arms(ARMS, frames=8_000, lr=0.0007, clip_rewards=True),
    },
    "cpu": {
        "games": ["atari-ms_pacman"],
        "count": 16,
        "tested": 16,
        "arms": arms(ARMS, frames=150_000, lr=0.0007, clip_rewards=True),
    },
    "paper": {
        "games": ["atari-ms_pacman"],
        "count": 16,
        "tested": 64,
        "arms": arms(NETWORKS, frames=10_000_000, lr=0.0007, clip_rewards=True),
    },
}


EXPERIMENT = Sweep("atari", __doc__, PRESETS, task, summarise)
