"""The rate for transposed convolutions with coordinates, chosen on validation dots."""

from coordlib.lab.experiments.normalisation.painters import arm, sweep
from coordlib.lab.experiments.normalisation.tuning import RATES

PRESETS = {
    "cpu": {
        "size": 64,
        "arms": {
            "deconv_coordinates": arm(
                "deconv",
                "none",
                splits=("validation",),
                axes={"coordinates": True},
                network={"coordinates": True},
                lr=RATES["deconv"],
            ),
        },
    },
}


EXPERIMENT = sweep("normalisation-coordinates-tuning", __doc__, PRESETS)
