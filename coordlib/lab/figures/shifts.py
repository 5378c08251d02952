"""Maps of the probe's error over a grid of shifts."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from coordlib.lab.figures.plots import show_images
from coordlib.lab.figures.style import WIDTH
from coordlib.probe import Probe


def shift_maps(
    probes: Mapping[str, Probe], *, columns: int = 3
) -> tuple[Figure, np.ndarray]:
    """Draw the error for every shift, and a white dot where a shift is exact.

    Parameters
    ----------
    probes : mapping of str to Probe
        By title what :func:`coordlib.probe.probe` found, each over a square of shifts
        from ``(-n, -n)`` to ``(n, n)``.
    columns : int
        Maps in a row.

    Returns
    -------
    figure, axes : Figure and flat array of Axes
        All maps in one range, from 0 to their common maximum, and one colour bar.
    """
    grids = [found.error_grid() for found in probes.values()]
    top = max(float(grid.max()) for grid in grids)
    figure, axes = show_images(
        grids, list(probes), cmap="inferno", vmin=0, vmax=top, columns=columns
    )
    for ax, found in zip(axes, probes.values(), strict=False):
        far = max(max(by) for by in found.shifts)
        i, j = np.reshape(found.exact, (-1, 2)).T + far
        ax.scatter(j, i, s=7, color="white")
        labels = [-far, 0, far]
        ax.set_xticks([0, far, 2 * far], labels)
        ax.set_yticks([0, far, 2 * far], labels)
        ax.tick_params(length=2, labelsize=8)
    figure.set_size_inches(WIDTH, len(axes) // columns * (0.86 * WIDTH / columns + 0.2))
    figure.colorbar(axes[0].images[0], ax=axes.tolist(), shrink=0.9)
    return figure, axes
