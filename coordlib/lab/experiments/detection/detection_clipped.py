"""Detection with all boxes cut at the border, as the released code can do (L14)."""

from coordlib.lab.experiments.detection import detection
from coordlib.lab.experiments.detection.detection import contest, summarise, task
from coordlib.lab.record.sweep import Sweep

PRESETS = {
    name: preset
    | {
        "clipped": True,
        "arms": {arm: preset["arms"][arm] for arm in ("plain", "coordconv")},
    }
    for name, preset in detection.PRESETS.items()
}
# A second question, for half the time.
PRESETS["cpu"]["samples"] //= 2


EXPERIMENT = Sweep("detection-clipped", __doc__, PRESETS, task, summarise, contest)
