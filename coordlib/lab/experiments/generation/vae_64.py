"""Autoencoders on the source's canvas, with ones beside coordinates (L17).

The arms are those of :mod:`.vae`, and one with channels of ones wherever the other has
coordinates: as many weights, and no news. A network that draws no two right objects has
no walks, and then no ``kept``: it is missing, and not 0.

What is judged, written before the first run:

- Estimands, seed by seed, coordinates minus transposed convolutions and coordinates
  minus ones: ``kept``, the share of pictures along a walk that keep both objects;
  ``entropy`` of the places; and ``fixed`` with its sign turned.
- *The same pattern as in the GANs* (L17): the lower end of each 95 % interval of the
  first difference at least .1 (kept), .05 (entropy) and 1 (of 255): supported. If the
  second does not show the same, what it shows is not the coordinates.
- Gates: ten seeds; ``kept`` is there in at least eight of them in both arms; at least
  half of the pictures are right.

Scale: the canvas of the source; its network was not released, and this one is ours.
"""

from coordlib.lab.experiments.generation import vae
from coordlib.lab.experiments.generation.vae import contest, summarise, task
from coordlib.lab.record.sweep import Sweep

COMPARED = ("conv", "coordconv", "ones", "broadcast")


def _arms(width: int, **training) -> dict[str, dict]:
    like = vae.PRESETS["cpu"]["arms"]["conv"]
    return {
        decoder: {
            "network": {"decoder": decoder, "width": width, "latent": 8},
            "training": like["training"] | training,
        }
        for decoder in COMPARED
    }


PRESETS = {
    "quick": vae.PRESETS["quick"] | {"arms": _arms(8, epochs=3, lr=0.003)},
    "cpu": vae.PRESETS["cpu"] | {"size": 64, "arms": _arms(32, lr=0.001)},
}

EXPERIMENT = Sweep("vae-64", __doc__, PRESETS, task, summarise, contest)
