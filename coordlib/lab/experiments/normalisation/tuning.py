"""The rate of each arm of normalisation, chosen on validation dots of its own."""

from coordlib.lab.experiments.normalisation.painters import (
    arm,
    sweep,
)

RATES = {
    "deconv": [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1],
    "coordconv": [0.003, 0.01, 0.03, 0.1, 0.3, 1.0],
}
# Three rates for each painter came first, .001 to .005 and .003 to .03. Both arms of
# the transposed convolutions did best at the highest, and the one with batch
# normalisation did better still at .01: so the whole grid of the source, and a step
# beyond it, was tried for both. CoordConv with batch normalisation did best, and badly,
# at the highest rate, and again: hence .3 and 1.

PRESETS = {
    "cpu": {
        "size": 64,
        "arms": {
            f"{painter}_{kind}": arm(painter, kind, lr=rates, splits=("validation",))
            for painter, rates in RATES.items()
            for kind in ("batch", "none")
        },
    },
}


EXPERIMENT = sweep("normalisation-tuning", __doc__, PRESETS)
