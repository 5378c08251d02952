"""The rate of each arm of normalisation, chosen on validation dots of its own."""

from coordlib.experiments.normalisation import arm, contest, summarise, task

__all__ = ["PRESETS", "RATES", "contest", "summarise", "task"]

RATES = {"deconv": [0.001, 0.002, 0.005], "coordconv": [0.003, 0.01, 0.03]}

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
