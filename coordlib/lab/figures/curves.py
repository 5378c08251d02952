"""Lines that return: trainings step by step, and means with their range."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from coordlib.lab.figures.style import WIDTH


def learning_curves(
    curves: Mapping[str, Sequence[Mapping[str, float]]],
    ylabel: str,
    sides: Sequence[str] = ("trained", "held out"),
) -> tuple[Figure, np.ndarray]:
    """Draw shares against steps: a panel for each curve, a line for each side.

    A point of a curve holds its ``step``, and a share by the name of each side.
    """
    figure, axes = plt.subplots(
        1, len(curves), figsize=(WIDTH, 2.6), sharey=True, squeeze=False
    )
    for ax, (title, curve) in zip(axes[0], curves.items(), strict=True):
        steps = [point["step"] for point in curve]
        for side, style in zip(sides, ("-", "--", ":"), strict=False):
            ax.plot(steps, [point[side] for point in curve], style, label=side)
        ax.set(xlabel="step", title=title, ylim=(-0.03, 1.03))
    axes[0, 0].set_ylabel(ylabel)
    axes[0, 0].legend(loc="center left")
    return figure, axes[0]


def mean_and_range(
    ax: Axes, x: ArrayLike, values: ArrayLike, style: str, label: str
) -> Axes:
    """Draw the mean of values of shape (points, seeds), and a band from least to most.

    With a single seed there is no band.
    """
    values = np.asarray(values)
    ax.plot(x, values.mean(1), style, label=label)
    if values.shape[1] > 1:
        ax.fill_between(x, values.min(1), values.max(1), alpha=0.2)
    return ax
