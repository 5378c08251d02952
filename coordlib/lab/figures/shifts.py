"""The probe's error over a grid of shifts, and layer by layer."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from coordlib.lab.figures.plots import show_images
from coordlib.lab.figures.style import COLORS, WIDTH
from coordlib.probe import LayerProbes, Probe


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


def layer_errors(
    networks: Mapping[str, LayerProbes],
    *,
    axes: Sequence[Axes] | None = None,
    names: int = 24,
) -> tuple[Figure, np.ndarray]:
    """Draw the mean error at every layer; a ring where all shifts are exact.

    Parameters
    ----------
    networks : mapping of str to LayerProbes
        By title what :func:`coordlib.probe.probe_layers` found.
    axes : sequence of Axes, optional
        Where to draw each; one below the other and in one range if not given.
    names : int
        About how many layers to name under the axis of each.

    Returns
    -------
    figure, axes : Figure and flat array of Axes
        A dashed line stands at the first layer that is not exact.
    """
    if not networks:
        raise ValueError("networks is empty: give at least one")
    if axes is None:
        size = (WIDTH, 2.8 * len(networks))
        axes = plt.subplots(len(networks), figsize=size, sharey=True, squeeze=False)[1]
    axes = np.ravel(axes)
    for ax, (title, found) in zip(axes, networks.items(), strict=True):
        layers = list(found.probes)
        errors = [float(one.errors.mean()) for one in found.probes.values()]
        exact = [one.is_exact for one in found.probes.values()]
        ax.plot(errors, color=COLORS["blue"], lw=1, zorder=1)
        inside = ["white" if hollow else COLORS["blue"] for hollow in exact]
        ax.scatter(range(len(layers)), errors, 18, inside, edgecolors=COLORS["blue"])
        if found.first_inexact is not None:
            ax.axvline(layers.index(found.first_inexact), color="0.6", lw=1, ls="--")
        step = -(-len(layers) // names)
        ticks = range(0, len(layers), step)
        ax.set_xticks(ticks, layers[::step], rotation=90, fontsize=8)
        ax.set(title=title, ylabel="mean relative error")
    return axes[0].figure, axes
