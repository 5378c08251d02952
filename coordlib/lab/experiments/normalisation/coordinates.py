"""Coordinates for the transposed convolutions, and no other change (B10)."""

from coordlib.lab.experiments.normalisation.painters import (
    BOTH,
    TUNED,
    arm,
    sweep,
)

RATE = 0.01
"""The best on validation dots, which :mod:`.coordinates_tuning` found; a test holds
the two equal."""

# No training had been run when the rule of B10 was written. What stays the same:
# widths, kernels, steps, batches, the dots and their order; what differs is two
# channels more before each transposed convolution, and the rate that suits each.
PRESETS = {
    "cpu": {
        "size": 64,
        "arms": {
            "off": arm(
                "deconv",
                "none",
                splits=BOTH,
                axes={"coordinates": False},
                lr=TUNED["deconv_none"],
                measures=1,
            ),
            "on": arm(
                "deconv",
                "none",
                splits=BOTH,
                axes={"coordinates": True},
                network={"coordinates": True},
                lr=RATE,
                measures=1,
            ),
        },
    },
}


EXPERIMENT = sweep("normalisation-coordinates", __doc__, PRESETS)
