"""An independent replication without batch normalisation, and what held it back."""

from coordlib.lab.experiments.normalisation.painters import (
    arm,
    contest,
    summarise,
    task,
)
from coordlib.lab.record.sweep import Sweep

RECIPE = {
    "epochs": 200,
    "batch_size": 32,
    "schedule": "constant",
    "lr": 0.002,
    "weight_decay": 0.002,
    "measures": 5,
}
"""As published (D'Cruz, 2019): 85.8 % of the held-out dots after 200 epochs, with a
painter of width 2 whose kernels are 2x2. It has no batch normalisation, and a rectifier
after the last layer, so that a score below zero counts as zero."""


def _arms(epochs: int) -> dict[str, dict]:
    return {
        name: arm(
            "deconv",
            "none",
            axes={"last_layer": name},
            network={"width": 2, "kernel_size": 2, "rectified": name == "rectified"},
            **RECIPE | {"epochs": epochs},
        )
        for name in ("rectified", "linear")
    }


PRESETS = {
    "cpu": {"size": 64, "arms": _arms(200)},
    "paper": {"size": 64, "arms": _arms(400)},
}

EXPERIMENT = Sweep(
    name="normalisation-replication",
    question=__doc__,
    presets=PRESETS,
    task=task,
    summarise=summarise,
    contest=contest,
)
