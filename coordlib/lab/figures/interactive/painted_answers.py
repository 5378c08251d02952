"""Painters asked for every place, and where they paint."""

import numpy as np

from coordlib.lab.figures.interactive.common import in_base64, module_beside
from coordlib.lab.figures.interactive.place_answers import PlaceAnswers


class PaintedAnswers(PlaceAnswers):
    """Where painters paint the dot, for every place that one may ask for.

    Parameters
    ----------
    answers : mapping of network to mapping of split to array_like, shape (P, Q, 2)
        The brightest pixel, as whole rows and columns below 256, for the P x Q places
        in the middle of the canvas.
    trained : mapping of split to array_like of bool, shape (P, Q)
        Which places were trained on.
    size : (int, int)
        Rows and columns of the canvas.
    split : str
        The one chosen; the first if not given.
    i, j : int
        The place asked for, in pixels of the canvas.
    """

    _esm = module_beside(__file__)
    shown = ("split", "i", "j")

    @staticmethod
    def packed(
        answers: np.ndarray, places: np.ndarray, size: tuple[int, int]
    ) -> list[str]:
        """Write each answer as two bytes."""
        if answers.min() < 0 or (answers >= np.minimum(size, 256)).any():
            raise ValueError(
                f"answers must be pixels of {size}, got {answers.min()} to "
                f"{answers.max()}"
            )
        return [in_base64(answers.astype(np.uint8).tobytes())]
