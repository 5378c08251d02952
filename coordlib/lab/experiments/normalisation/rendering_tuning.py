"""The rate and weight decay of each arm for squares, on validation squares."""

from coordlib.lab.experiments.normalisation.painters import HALF_SIZE, half_size_arm
from coordlib.lab.experiments.normalisation.rendering import (
    EPOCHS,
    contest,
    summarise,
    task,
)
from coordlib.lab.record.sweep import Sweep

RATES = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05]
DECAYS = [0.0, 0.002]

PRESETS = {
    "cpu": HALF_SIZE
    | {
        "arms": {
            kind: half_size_arm(
                "deconv",
                kind,
                splits=("validation",),
                epochs=EPOCHS,
                lr=RATES,
                weight_decay=DECAYS,
                measures=1,
            )
            for kind in ("batch", "none")
        }
    }
}

EXPERIMENT = Sweep(
    "normalisation-rendering-tuning", __doc__, PRESETS, task, summarise, contest
)
