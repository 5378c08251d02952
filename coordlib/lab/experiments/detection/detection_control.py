"""Detection with coordinates, with ones in their place, and without, for longer (L14).

Channels of ones give the network as many weights as coordinates and no news: what
coordinates add is what they add to these. Each trains for twenty epochs, five times as
long as in :mod:`.detection`, and is measured by both numbers that the released code
watches: ``iou``, of the boxes that are kept, and ``positive``, of those that found a
digit.

What is judged, written before the first run:

- Estimand: ``iou_gain`` of coordinates, how much larger their IOU is than that of the
  plain network of the same seed, as a share of it; the source has .24.
- *Coordinates improve detection* (L14): the lower end of the 95 % interval at least
  .05, a twentieth: supported. The upper end below .05: contradicted in size, or, where
  the lower end is above 0, right but too small to matter. The same
  is asked of ``iou_gain_over_ones``; if only the first holds, it was the weights.
  ``positive_gain`` is told beside it and decides nothing.
- Gates: twenty seeds; the plain network has an IOU of at least .5.

Scale: the network of the source; 5,000 canvases in place of 9,000, batches of eight.
"""

from coordlib.lab.experiments.detection import detection
from coordlib.lab.experiments.detection.detection import contest, summarise, task
from coordlib.lab.record.sweep import Sweep

ARMS = ("plain", "constant", "coordconv")


def _arms(epochs: int) -> dict[str, dict]:
    like = detection.PRESETS["cpu"]["arms"]["plain"]
    training = like["training"] | {"epochs": epochs}
    return {arm: like | {"training": training} for arm in ARMS}


PRESETS = {
    "quick": {"samples": 600, "tested": 100, "arms": _arms(epochs=4)},
    "cpu": {"samples": 5000, "tested": 1000, "arms": _arms(epochs=20)},
}


EXPERIMENT = Sweep("detection-control", __doc__, PRESETS, task, summarise, contest)
