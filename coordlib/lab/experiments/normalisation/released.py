"""Dots on the split of the released code, beside the four fifths of the text (L03).

The text of Liu et al. (2018) trains on four fifths of the positions; the released code
draws one split, the same for every run, of 2,368 to train and 768 to test. The arms,
rates and steps are those of "normalisation" at 64x64, so that the two differ in the
split only.

What is judged, written before the first run: the held-out accuracy of each arm as on
four fifths, by the rules of the rows that read "normalisation"; and the difference
between the two splits, of which .05 matters, one held-out dot in twenty. Five seeds.
"""

from coordlib.lab.experiments.normalisation import painters
from coordlib.lab.experiments.normalisation.painters import sweep

PRESETS = {
    name: preset
    | {
        "arms": {
            arm: described | {"splits": ["released"]}
            for arm, described in preset["arms"].items()
        }
    }
    for name, preset in painters.PRESETS.items()
}

EXPERIMENT = sweep("normalisation-released", __doc__, PRESETS)
