"""Detection with all boxes cut at the border, as the released code can do (L14)."""

from coordlib.lab.experiments.detection import detection
from coordlib.lab.experiments.detection.detection import contest, summarise, task

__all__ = ["PRESETS", "contest", "summarise", "task"]

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
