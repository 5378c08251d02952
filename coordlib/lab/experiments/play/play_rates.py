"""The learning rate of each arm of "play-tuned", with a seed of its own (L19).

In "play" one rate was chosen for both arms together, so that either may have been
better off with another. Here every arm tries every rate in three of the games, for less
long.
"""

from collections import defaultdict
from statistics import mean

from coordlib.lab.experiments.play.play import Arcade, arms, task
from coordlib.lab.record.result import Row, rows
from coordlib.lab.record.sweep import Sweep
from coordlib.lab.record.task import Run

NETWORKS = {
    "plain": {"coordconv": "none"},
    "ones": {"coordconv": "ones"},
    "coordconv": {"coordconv": "input"},
}
"""Networks that differ in their first layer only."""
RATES = [0.002, 0.005, 0.01, 0.02]
TUNING_SEED = 100

PRESETS = {
    "quick": {
        "games": ["catch"],
        "count": 64,
        "tested": 64,
        "first_seed": TUNING_SEED,
        "arms": arms(NETWORKS, frames=20_000, lr=[0.005, 0.01]),
    },
    "cpu": {
        "games": ["asterix", "breakout", "space_invaders"],
        "count": 64,
        "tested": 64,
        "first_seed": TUNING_SEED,
        "arms": arms(NETWORKS, frames=150_000, lr=RATES),
    },
}


def summarise(task: Arcade, arms: dict[str, dict], runs: list[Run]) -> list[Row]:
    """What every arm was paid by every rate, and its best.

    Returns
    -------
    list of Row
        By arm and ``lr`` the ``share``, a mean over the games: what it was paid in
        training, of the most that any arm was paid in that game by any rate; by arm the
        ``best_lr``, where that is largest.
    """
    most = defaultdict(float)
    for run in runs:
        most[run["split"]] = max(most[run["split"]], run["curve_return"])
    shares: dict[str, dict[float, float]] = defaultdict(dict)
    for arm, lr in sorted({(run["arm"], run["lr"]) for run in runs}):
        mine = [run for run in runs if (run["arm"], run["lr"]) == (arm, lr)]
        # Where nobody was paid anything, a game tells nothing.
        paid = [r["curve_return"] / most[r["split"]] for r in mine if most[r["split"]]]
        shares[arm][lr] = mean(paid) if paid else 0.0
    found = []
    for arm, by_rate in shares.items():
        for lr, share in by_rate.items():
            found += rows({"share": share}, arm=arm, lr=lr)
        found += rows({"best_lr": max(by_rate, key=by_rate.get)}, arm=arm)
    return found


EXPERIMENT = Sweep("play-rates", __doc__, PRESETS, task, summarise)
