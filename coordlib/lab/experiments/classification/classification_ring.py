"""Naming photographs without a border to tell the place by (L15, P05).

With zeros around it a network tells the side of a picture by the border, so that in
:mod:`.classification` the network without coordinates knows some of the place. On a
ring it cannot: every convolution is padded by what stands at the other side. Three
first layers are compared, a plain one, one with channels of ones, and one with
coordinates; the last two have the same number of weights. The recipe, the pictures and
the splits are those of :mod:`.classification`.

What is judged, written before the first run:

- *Coordinates change little* (L15), on the split "natural": accuracy with coordinates
  minus that with ones, seed by seed. Two one-sided tests: the 90 % interval within .003
  either way, the third decimal of the source: supported; the 95 % interval outside:
  contradicted. At the size of "cpu" the seeds differ by more, and it will be undecided.
- *The classes are no functions of position, and augmentation removes such a bias*
  (P05): on "placed", where the name depends on the place, coordinates minus ones
  without augmentation at least .05, a twentieth of the pictures; and that gain at least
  .05 above the gain with augmentation. On "natural" the equivalence above within .02.
- Gates: twelve seeds; with ones at least .3 of the natural pictures are named right,
  and of the placed ones .15, where .1 is chance. (That without coordinates no network
  knows the side is no gate but a test: moved by half the canvas, a picture keeps its
  answer.)

Scale: ResNet-20 in place of ResNet-50, CIFAR-10 in place of ImageNet.
"""

from dataclasses import replace

from coordlib.lab.experiments.classification import classification
from coordlib.lab.experiments.classification.classification_ones import (
    arms,
    contest,
    summarise,
)
from coordlib.lab.record.sweep import Sweep
from coordlib.lab.record.task import Task


def _plain(theirs: dict[str, dict]) -> dict[str, dict]:
    return {k: arm for k, arm in theirs.items() if arm["axes"]["first"] == "conv"}


PRESETS = {
    name: preset | {"arms": arms(_plain(preset["arms"]), "circular")}
    for name, preset in classification.PRESETS.items()
}


def task(samples: int) -> Task:
    """Name what a photograph shows, as in :mod:`.classification`, on both splits."""
    return replace(classification.task(samples), **vars(contest()))


EXPERIMENT = Sweep("classification-ring", __doc__, PRESETS, task, summarise, contest)
