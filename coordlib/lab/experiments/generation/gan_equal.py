"""GANs of equal widths and rates, with batch normalisation and without (L16).

In the source the generator of transposed convolutions has batch normalisation and the
one with coordinates has none. Here each has both, so that two arms differ in one thing
only: in the kind of network, or in the normalisation. Widths, rates, steps, pictures
and the discriminator's width are the same for all four. (A coordinate generator with
ones in place of coordinates paints all pixels alike but those near the border, and is
no arm.)

What is judged, written before the first run:

- Estimands, seed by seed, coordinates minus transposed convolutions, each as the source
  has it: ``kept``, the share of pictures along a walk that keep both objects;
  ``entropy`` of the places; and ``fixed`` with its sign turned.
- *Objects move, do not collapse and nothing sticks to the canvas* (L16): the lower end
  of each 95 % interval at least .1 (kept), .05 (entropy) and 1 (of 255): supported. If
  the arms without normalisation, or those with it, do not show the same, what it shows
  is not the coordinates.
- Gates: five seeds; in both arms compared at least half of the pictures are right. A
  seed without walks has no ``kept``; it is missing and does not count as 0.

Scale: at "cpu" 32 pixels and a latent of 64 in place of 64 and 256; at "paper" the
networks, rates and canvas of the source.
"""

from itertools import product

from coordlib.lab.experiments.generation.gan import GENERATORS, measure
from coordlib.lab.experiments.generation.gan import PRESETS as OF_THE_SOURCE
from coordlib.lab.record.experiment import Trial


def _arms(width: int, lr: list[float]) -> dict[str, dict]:
    return {
        f"{kind}_{normalisation}": {
            "kind": kind,
            "normalisation": normalisation,
            "axes": {"kind": kind, "normalisation": normalisation},
            "width": width,
            "lr": lr,
        }
        for kind, normalisation in product(GENERATORS, ("batch", "none"))
    }


PRESETS = {
    "quick": OF_THE_SOURCE["quick"] | {"arms": _arms(8, [0.0005, 0.0002])},
    "cpu": {
        "size": 32,
        "arms": _arms(16, [0.0005, 0.0002]),
        "discriminator_width": 16,
        "latent": 64,
        "samples": 50_000,
        "training": {"steps": 10_000, "batch_size": 16, "betas": [0.5, 0.99]},
        "pictures": 2000,
        "pairs": 200,
    },
    "paper": OF_THE_SOURCE["paper"] | {"arms": _arms(64, [0.0005, 0.0001])},
}

EXPERIMENT = Trial("gan-equal", __doc__, PRESETS, measure)
