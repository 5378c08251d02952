"""The games of "play-q" for ten times as long: do coordinates help who learned? (L20)

After 100,000 frames the agents play little better than at random, and two who know
nothing are equal.

What is judged, written before the first run:

- Estimand: ``mean_gain``, what coordinates add, as a share of the mean of the two
  returns, over the five games of a seed.
- *No immediate advantage* (L20): two one-sided tests, the 90 % interval within a
  quarter either way: supported; the 95 % interval outside: contradicted; else
  undecided.
- Gates: ten seeds; in four games of five the plain agent is paid at least three times
  what a random player is.
"""

from coordlib.lab.experiments.play import play_q
from coordlib.lab.experiments.play.play import ARMS, arms, summarise, task
from coordlib.lab.record.sweep import Sweep


def _longer(preset: dict, times: int) -> dict:
    training = dict(preset["arms"]["plain"]["training"])
    training["frames"] *= times
    return preset | {"arms": arms(ARMS, **training)}


PRESETS = {"cpu": _longer(play_q.PRESETS["cpu"], 10)}

EXPERIMENT = Sweep("play-q-long", __doc__, PRESETS, task, summarise)
