"""The painters of "rendering-centre" with raw pixels, as the source feeds them (L09).

Its docstring says what is judged. It is an experiment of its own so that the row of the
ledger need not wait for it.
"""

from coordlib.lab.experiments.coordinates.rendering_centre import (
    contest,
    presets,
    summarise,
    task,
)
from coordlib.lab.record.sweep import Sweep

PRESETS = presets("raw")

EXPERIMENT = Sweep("rendering-centre-raw", __doc__, PRESETS, task, summarise, contest)
