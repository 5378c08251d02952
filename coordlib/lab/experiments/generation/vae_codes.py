"""Is it the coordinates? The broadcast decoder with random numbers in their place.

The network, the pictures and the training are those of the arm "broadcast" of
:mod:`.vae`. In place of its two coordinates each pixel is given two random numbers,
drawn once a training: they tell it from all others, and not which are its neighbours.

What is asked, written before the first run: if it takes no more than a decoder that
works at full size and tells its pixels apart, this one keeps the objects whole along
its walks as the other does (``kept``, or no walks at all if it does not).
"""

from coordlib.lab.experiments.generation import vae
from coordlib.lab.experiments.generation.vae import contest, summarise, task
from coordlib.lab.record.sweep import Sweep


def _with_codes(preset: dict) -> dict:
    arm = preset["arms"]["broadcast"]
    network = arm["network"] | {"decoder": "codes"}
    return preset | {"arms": {"codes": arm | {"network": network}}}


PRESETS = {name: _with_codes(vae.PRESETS[name]) for name in ("quick", "cpu")}

EXPERIMENT = Sweep("vae-codes", __doc__, PRESETS, task, summarise, contest)
