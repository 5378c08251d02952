"""What a few trainings say about a gain, by luck."""

from typing import Any

import numpy as np
from traitlets import Float, Int, List

from coordlib.arguments import check_integer
from coordlib.lab.figures.interactive.common import Figure, module_beside, synced


class LuckOfTraining(Figure):
    """Many studies of one gain, each of a few trainings, with their intervals.

    Parameters
    ----------
    spread : float
        Standard deviation of the gain from one training to the next, in percentage
        points.
    gain : float
        The true gain in percentage points, 0 to 3.
    count : int
        Trainings of a study, 2 to 40.
    round : int
        Which of ten rounds of trainings to show.
    studies : int
        How many, one below the other.
    """

    _esm = module_beside(__file__)
    shown = ("gain", "count", "round")
    luck = synced(List(List(List(Float()))))
    quantiles = synced(List(Float()))
    spread = synced(Float())
    gain = synced(Float(0.0, min=0, max=3))
    count = synced(Int(5, min=2, max=40))
    round = synced(Int(0, min=0, max=9))

    def __init__(self, spread: float, studies: int = 20, **state: Any) -> None:
        from scipy.stats import t  # slow to import, and few need it

        if not spread > 0:
            raise ValueError(f"spread must be positive, got {spread!r}")
        check_integer("studies", studies)
        luck = np.random.default_rng(0).standard_normal((10, studies, 40))
        quantiles = t.ppf(0.975, np.arange(1, 40))
        super().__init__(
            luck=luck.round(2).tolist(),
            quantiles=quantiles.round(4).tolist(),
            spread=spread,
            **state,
        )
