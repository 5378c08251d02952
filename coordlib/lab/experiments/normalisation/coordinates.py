"""Coordinates for the transposed convolutions, and no other change (B10).

Without them the same networks are the arm ``deconv_none`` of :mod:`.painters`: the
same widths, kernels, steps, batches and dots, in the same order. What differs is two
channels more before each transposed convolution, and the rate that suits each.
"""

from coordlib.lab.experiments.normalisation.painters import arm, sweep

RATE = 0.02
"""The best on validation dots, which :mod:`.coordinates_tuning` found; a test holds
the two equal."""


def presets(**options) -> dict[str, dict]:
    """The painter with coordinates at full size, with these options of its arm."""
    coordinates = {"coordinates": True}
    told = arm("deconv", "none", axes=coordinates, network=coordinates, **options)
    return {"cpu": {"size": 64, "arms": {"deconv_coordinates": told}}}


PRESETS = presets(splits=("quadrant",), lr=RATE, measures=1)


EXPERIMENT = sweep("normalisation-coordinates", __doc__, PRESETS)
