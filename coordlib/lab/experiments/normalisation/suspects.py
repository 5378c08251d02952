"""Every other explanation, one at a time, with batch normalisation left in (B07)."""

from coordlib.lab.experiments.normalisation.painters import (
    HALF_SIZE,
    half_size_arm,
    sweep,
)

SOURCE_RATES = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05]

SUSPECTS = {
    "nothing": {},
    "rate": {"lr": SOURCE_RATES},
    "patience": {"epochs": 240},
    "schedule": {"schedule": "steps"},
    "initialisation": {"network": {"initialisation": "torch"}},
    "weight_decay": {"weight_decay": [0.0, 0.0002, 0.02]},
    "momentum": {"network": {"momentum": [0.01, 0.5]}},
    "raw_inputs": {"network": {"raw": True}},
    "size": {"network": {"width": 2}},
    "borders": {"network": {"kernel_size": 2}},
    "kernel": {"network": {"kernel_size": 3}},
    "three_quarters": {"splits": ("three_quarters",)},
    "more_data": {"splits": ("nearly_all",)},
}
"""What each arm changes. Where it lists several values the best counts, as found on
the very dots that are held out, in the suspect's favour. Kernels of 2x2 do not
overlap, and nothing ever hangs over a border."""

IN_WORDS = {
    "nothing": "nothing changed",
    "size": "twice as wide",
    "borders": "kernels of 2 x 2: no overlap, no borders",
    "kernel": "kernels of 3 x 3",
    "three_quarters": "a quarter held out",
    "more_data": "one in twenty held out",
    "patience": "four times as long",
    "schedule": "the paper's schedule",
    "initialisation": "torch's own starting weights",
    "weight_decay": "best of three weight decays",
    "momentum": "statistics of more or fewer batches",
    "raw_inputs": "inputs in raw pixels",
    "rate": "best of six rates",
    "normalisation": "no batch normalisation",
}
"""What a table calls the arms."""

ACCUSED = {
    "the borders": ("borders", "kernel"),
    "the data": ("three_quarters", "more_data"),
    "the inputs": ("raw_inputs",),
    "the normalisation": ("momentum", "normalisation"),
    "the recipe": ("patience", "schedule", "initialisation", "weight_decay", "rate"),
    "the size": ("size",),
}
"""Whom the arms put on trial, in the order of the alphabet."""


def _arms() -> dict[str, dict]:
    accused = {
        name: half_size_arm("deconv", "batch", **change)
        for name, change in SUSPECTS.items()
    }
    return accused | {"normalisation": half_size_arm("deconv", "none")}


PRESETS = {"cpu": HALF_SIZE | {"arms": _arms()}}


EXPERIMENT = sweep("normalisation-suspects", __doc__, PRESETS)
