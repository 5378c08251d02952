"""The games of "play", each arm at its own rate, with ones beside coordinates (L19).

What is judged, written before the first run:

- Estimand, game by game and seed by seed: the gain from coordinates over the plain
  network, and over channels of ones, each as a share of the mean of the two returns.
- A game is similar if the 90 % interval of the gain lies within .1 either way; better
  or worse if the 95 % interval lies beyond 0. The claim is on nine games of Atari; five
  small ones can only be *undecided*, and show what they show.
- Gates: ten seeds; in four games of five the plain network is paid three times what a
  random player is.
"""

from coordlib.lab.data.games import MINATAR
from coordlib.lab.experiments.play.play import (
    Arcade,
    arms,
    relative_gain,
    task,
)
from coordlib.lab.experiments.play.play import summarise as of_two_arms
from coordlib.lab.experiments.play.play_rates import NETWORKS
from coordlib.lab.record.result import Row, rows
from coordlib.lab.record.sweep import Sweep
from coordlib.lab.record.task import Run

TUNED = {"plain": 0.01, "ones": 0.005, "coordconv": 0.005}
"""The best rate of each arm, as "play-rates" found it; a test holds that. In "play" all
arms have the one that is best for the plain network."""


def _arms(frames: int) -> dict[str, dict]:
    return {
        name: arms({name: network}, frames=frames, lr=TUNED[name])[name]
        for name, network in NETWORKS.items()
    }


PRESETS = {
    "quick": {"games": ["catch"], "count": 64, "tested": 256, "arms": _arms(100_000)},
    "cpu": {
        "games": list(MINATAR),
        "count": 64,
        "tested": 64,
        "arms": _arms(2_000_000),
    },
}


def summarise(task: Arcade, arms: dict[str, dict], runs: list[Run]) -> list[Row]:
    """What :func:`coordlib.lab.experiments.play.play.summarise` tells, and the ones.

    Returns
    -------
    list of Row
        Also, by game, ``gain_over_ones``.
    """
    found = of_two_arms(task, arms, runs)
    for game in task.games:
        paid = {run["arm"]: run["test_return"] for run in runs if run["split"] == game}
        gain = relative_gain(paid["ones"], paid["coordconv"])
        label = game.removeprefix("atari-")
        found += rows({"gain_over_ones": gain}, game=label)
    return found


EXPERIMENT = Sweep("play-tuned", __doc__, PRESETS, task, summarise)
