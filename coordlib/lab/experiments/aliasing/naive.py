"""What the source calls naive: blurred downsampling in place of max pooling (Z11).

Zhang (2019) says that anti-aliasing inserted naively harms performance, and means
that it replaces the maximum: by average pooling, or by a blur that subsamples. The arms
"before" and "after" of :mod:`.pictures` keep the strided maximum and put a blur beside
it, which is another thing. Here are those that the source means, beside the plain
network and the blurs of the same filters that keep the maximum.

What is judged, written before the first run:

- Estimand: accuracy of the plain network less that of the naive one, seed by seed, for
  each of the two filters.
- *Naive harms* (Z11): for both filters the lower end of the 95 % interval at least .01,
  one picture in a hundred, about as much as one seed differs from the next: supported.
  The upper end below 0: contradicted. In between as the ledger has it.
- Gates: five seeds; the plain network names at least half of the test pictures.
"""

from functools import partial

from coordlib.lab.experiments.aliasing.pictures import (
    COMMON,
    NAIVE,
    ON_DEVICE,
    RECIPE,
    STILL,
    arms,
    contest,
    summarise,
    task,
)
from coordlib.lab.record.sweep import Sweep

_arms = partial(arms, augment=STILL, **RECIPE)
_NARROW = {"vgg": {"width": 0.125}}
_WAYS = ["plain", "rect2", "tri3", *NAIVE]

PRESETS = {
    "quick": {"samples": 1000, "arms": _arms(_NARROW, ["plain", *NAIVE], epochs=2)},
    "cpu": {"samples": 10_000, "arms": _arms(_NARROW, _WAYS, epochs=12)},
    "decisive": {
        "samples": 50_000,
        "arms": arms({"vgg": {"width": 0.5}}, _WAYS, ON_DEVICE, epochs=16, **COMMON),
    },
    "paper": {
        "samples": 50_000,
        "arms": _arms({"vgg": {"width": 1.0}}, _WAYS, epochs=100),
    },
}

EXPERIMENT = Sweep("pictures-naive", __doc__, PRESETS, task, summarise, contest)
