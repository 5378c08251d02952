"""The games of "play" by agents whose coordinates begin with weights of zero."""

from coordlib.lab.experiments.play import play
from coordlib.lab.experiments.play.play import arms, summarise, task
from coordlib.lab.record.sweep import Sweep

NETWORKS = {"coordified": {"coordified": True}}
"""With the same seed it begins as the plain agent of "play": they belong together."""


def _with_these(preset: dict) -> dict:
    training = preset["arms"]["plain"]["training"]
    return preset | {"arms": arms(NETWORKS, **training)}


PRESETS = {name: _with_these(preset) for name, preset in play.PRESETS.items()}


EXPERIMENT = Sweep("play-coordified", __doc__, PRESETS, task, summarise)
