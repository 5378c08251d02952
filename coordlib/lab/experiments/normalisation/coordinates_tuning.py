"""The rate for transposed convolutions with coordinates, chosen on validation dots."""

from coordlib.lab.experiments.normalisation.coordinates import presets
from coordlib.lab.experiments.normalisation.painters import sweep
from coordlib.lab.experiments.normalisation.tuning import RATES

PRESETS = presets(splits=("validation",), lr=RATES["deconv"])


EXPERIMENT = sweep("normalisation-coordinates-tuning", __doc__, PRESETS)
