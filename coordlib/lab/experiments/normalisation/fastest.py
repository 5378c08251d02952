"""How long each painter needs without batch normalisation, by its best recipe (L11).

The recipes are those of :mod:`.fastest_tuning`, found for both painters by one rule.
The seconds are those of a whole training, which ends with the rate: what could be had
sooner, from a training that goes on, is not counted.

What is judged, written before the first seed: the logarithm of the ratio of the
seconds, seed by seed, if both painters draw 99 % of the dots held out, on average over
ten seeds. The recipe that was found first for CoordConv did not: one of its ten seeds
drew 83 %. It stays here, dismissed, and the next one in seconds took its place.
"""

from coordlib.lab.experiments.normalisation.painters import arm, sweep

FASTEST = {
    "deconv": {"epochs": 20, "batch_size": 8, "lr": 0.005},
    "coordconv": {"epochs": 0.25, "batch_size": 2, "lr": 0.05},
}
DISMISSED = {"coordconv": {"epochs": 0.25, "batch_size": 2, "lr": 0.02}}
"""What :mod:`.fastest_tuning` found, in its order; a test holds them to it."""

PRESETS = {
    "cpu": {
        "size": 64,
        "arms": {
            f"{painter}_{name}": arm(
                painter, "none", axes={"recipe": recipe}, measures=1, **options
            )
            for name, recipe, recipes in (
                ("none", "fastest", FASTEST),
                ("dismissed", "dismissed", DISMISSED),
            )
            for painter, options in recipes.items()
        },
    },
}


EXPERIMENT = sweep("normalisation-fastest", __doc__, PRESETS)
