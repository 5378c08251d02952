"""Rows of small colour pictures, as a film or a generator gives them."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from coordlib.lab.figures.plots import bare
from coordlib.lab.figures.style import WIDTH


def picture_rows(
    rows: Sequence[Sequence[Tensor]], names: Sequence[str]
) -> tuple[Figure, np.ndarray]:
    """Draw rows of colour pictures, with a name in front of each row.

    Parameters
    ----------
    rows : sequence of sequence of Tensor, each (3, H, W), in [-1, 1]
        All of one length. Values beyond the range are cut.
    names : sequence of str

    Returns
    -------
    figure, axes : Figure and array of Axes, one row each
    """
    columns = len(rows[0])
    height = 6.2 * len(rows) / columns
    figure, axes = plt.subplots(
        len(rows), columns, figsize=(WIDTH, height), squeeze=False
    )
    for line, row, name in zip(axes, rows, names, strict=True):
        for ax, picture in zip(line, row, strict=True):
            shown = (picture.clamp(-1, 1) + 1) / 2
            bare(ax.imshow(shown.movedim(0, -1).numpy()).axes)
        line[0].set_ylabel(name, rotation=0, ha="right", va="center")
    return figure, axes
