"""The rate of each arm of normalisation, chosen on validation dots of its own."""

from coordlib.experiments.normalisation import arm, summarise, task

__all__ = ["PRESETS", "RATES", "summarise", "task"]

RATES = {"deconv": [0.001, 0.002, 0.005, 0.01], "coordconv": [0.003, 0.01, 0.03]}
# Three rates for each painter, the middle one tried before. Both arms of the first did
# best at the highest, so a fourth beyond it was added.

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
