"""Coordinates for the transposed convolutions, and no other change (B10).

Without them the same networks are the arm ``deconv_none`` of :mod:`.painters`: the
same widths, kernels, steps, batches and dots, in the same order. What differs is two
channels more before each transposed convolution, and the rate that suits each.
"""

from coordlib.lab.experiments.normalisation.painters import arm, sweep

RATE = 0.02
"""The best on validation dots, which :mod:`.coordinates_tuning` found; a test holds
the two equal."""

PRESETS = {
    "cpu": {
        "size": 64,
        "arms": {
            "deconv_coordinates": arm(
                "deconv",
                "none",
                splits=("quadrant",),
                axes={"coordinates": True},
                network={"coordinates": True},
                lr=RATE,
                measures=1,
            ),
        },
    },
}


EXPERIMENT = sweep("normalisation-coordinates", __doc__, PRESETS)
