"""Regressors asked for every place, and how far off they are."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from traitlets import Int, Unicode

from coordlib.lab.figures.interactive.common import (
    chosen,
    in_levels,
    module_beside,
    synced,
)
from coordlib.lab.figures.interactive.place_answers import PlaceAnswers


class AnswerArrows(PlaceAnswers):
    """Where regressors say the square is, for every place where it can be.

    Parameters
    ----------
    answers : mapping of network to mapping of split to array_like, shape (P, Q, 2)
        The answers in pixels, for the P x Q places in the middle of the canvas. Their
        distances from the truth are kept to a 255th of their range.
    trained : mapping of split to array_like of bool, shape (P, Q)
        Which places were trained on.
    size : (int, int)
        Rows and columns of the canvas.
    network, split : str
        The ones chosen; the first if not given.
    side : int
        Side of the square.
    i, j : int
        The true position, in pixels of the canvas.
    """

    _esm = module_beside(__file__)
    shown = ("network", "split", "i", "j")
    network = synced(Unicode())
    side = synced(Int(9))

    def __init__(
        self,
        answers: Mapping[str, Mapping[str, ArrayLike]],
        trained: Mapping[str, ArrayLike],
        size: tuple[int, int],
        network: str | None = None,
        split: str | None = None,
        **state: Any,
    ) -> None:
        state["network"] = chosen("network", network, answers)
        super().__init__(answers, trained, size, split, **state)

    @staticmethod
    def packed(
        answers: np.ndarray, places: np.ndarray, size: tuple[int, int]
    ) -> list[float | str]:
        """Write each miss as two bytes, before them their smallest value and step."""
        miss = answers.astype(float) - places
        low, reach = float(miss.min()), max(float(np.ptp(miss)), 1e-9)
        return [low, reach / 255, in_levels((miss - low) / reach, "answers")]
