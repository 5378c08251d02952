"""Drawings of what stands at each position of a canvas."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from numpy.typing import ArrayLike
from torch import Tensor

from coordlib.lab.figures.plots import position_map, signed
from coordlib.lab.figures.style import COLORS, WIDTH

OUTCOMES = {
    "trained, wrong": COLORS["black"],
    "held out, wrong": COLORS["vermilion"],
    "trained, right": COLORS["sky"],
    "held out, right": COLORS["yellow"],
}
"""What became of a position, with its colour."""


def position_maps(
    positions: ArrayLike,
    maps: Mapping[str, ArrayLike],
    size: int | tuple[int, int],
    *,
    figsize: tuple[float, float] = (6.4, 3),
    **options,
) -> tuple[Figure, np.ndarray]:
    """Draw several maps side by side; each is of shape (N,), options as for one."""
    figure, axes = plt.subplots(1, len(maps), figsize=figsize, squeeze=False)
    for ax, (title, values) in zip(axes[0], maps.items(), strict=True):
        position_map(positions, values, size, ax=ax, title=title, **options)
    return figure, axes[0]


def split_maps(
    positions: ArrayLike,
    splits: Mapping[str, tuple[ArrayLike, ArrayLike]],
    size: int | tuple[int, int],
) -> tuple[Figure, np.ndarray]:
    """Map which positions each split trains on and which it holds out, with counts.

    ``splits`` has by name ``(train, test)``: indices of positions.
    """
    maps = {
        f"{name}: {len(train):,} / {len(test)}": _among(positions, test)
        for name, (train, test) in splits.items()
    }
    style = {"cmap": "cividis", "colorbar": False, "figsize": (6, 3)}
    return position_maps(positions, maps, size, **style)


def _among(positions: ArrayLike, chosen: ArrayLike) -> np.ndarray:
    """Which positions, (N,), have their index among the chosen ones."""
    return np.isin(np.arange(len(positions)), chosen)


def outcome_maps(
    positions: ArrayLike,
    right: Mapping[str, ArrayLike],
    splits: Mapping[str, tuple[ArrayLike, ArrayLike]],
    size: int | tuple[int, int],
) -> tuple[Figure, np.ndarray]:
    """Map what is right, each (N,), in the colours of OUTCOMES.

    ``splits`` has by the same names ``(train, test)``: indices of positions.
    """
    maps = {
        name: 2 * np.asarray(values) + _among(positions, splits[name][1])
        for name, values in right.items()
    }
    figure, axes = position_maps(
        positions,
        maps,
        size,
        figsize=(6.4, 3.6),
        vmin=0,
        vmax=3,
        cmap=ListedColormap(list(OUTCOMES.values())),
        colorbar=False,
    )
    marks = [
        plt.Line2D([], [], marker="s", ls="", color=color, label=name)
        for name, color in OUTCOMES.items()
    ]
    figure.legend(handles=marks, loc="outside lower center", ncols=2)
    return figure, axes


def close_ups(maps: Tensor, positions: Tensor, reach: int) -> Tensor:
    """Cut (N, 2 reach + 1, 2 reach + 1) out of (N, H, W), each around its position.

    Beyond the canvas there are zeros.
    """
    around = F.pad(maps, (reach,) * 4)
    side = torch.arange(2 * reach + 1)
    i, j = (at[:, None] + side for at in positions.T)
    n = torch.arange(len(maps))[:, None, None]
    return around[n, i[:, :, None], j[:, None, :]]


def frame(ax: Axes, position: Sequence[float], side: int) -> Axes:
    """Draw a red frame around the pixels of a square, given its centre (i, j)."""
    i, j = (float(at) for at in position)
    corner = (j - side / 2, i - side / 2)
    ax.add_patch(Rectangle(corner, side, side, fill=False, ec="tab:red"))
    return ax


def numbered_clouds(ax: Axes, points: ArrayLike, title: str) -> Axes:
    """Draw points of shape (clouds, points, 2), each cloud in a colour, numbered."""
    points = np.asarray(points)
    reach = np.ptp(points, axis=(0, 1)).max()
    colors = plt.get_cmap("cividis")(np.linspace(0, 1, len(points)))
    for number, (cloud, color) in enumerate(zip(points, colors, strict=True), 1):
        ax.scatter(*cloud.T, s=9, color=color, alpha=0.7, lw=0)
        ax.annotate(number, cloud.mean(0), **_beside(cloud, reach))
    ax.margins(y=0.1)  # a number above its cloud is below the title
    ax.set(title=title, xticks=[], yticks=[])
    return ax


def _beside(cloud: np.ndarray, reach: float) -> dict:
    """How a cloud's number stands on it; above it, where it would hide the cloud."""
    tight = np.ptp(cloud, axis=0).max() < reach / 20
    return {
        "xytext": (0, 7 if tight else 0),
        "textcoords": "offset points",
        "fontsize": 9,
        "ha": "center",
        "va": "center",
        "path_effects": [withStroke(linewidth=2.5, foreground="white")],
    }


def number_grids(
    arrays: Sequence[np.ndarray], titles: Sequence[str], limit: float
) -> tuple[Figure, np.ndarray]:
    """Draw an even number of small (H, W) arrays as coloured grids of numbers.

    ``limit`` is the largest size of a number. One that is positive alone is bold.
    """
    rows = len(arrays) // 2
    figure, axes = plt.subplots(rows, 2, figsize=(WIDTH, 2.45 * rows))
    for ax, array, title in zip(axes.flat, arrays, titles, strict=True):
        signed(ax, array, limit=1.6 * limit).set_title(title)
        alone = (array > 0).sum() == 1
        for (i, j), value in np.ndenumerate(array):
            ax.text(
                *(j, i, f"{value:g}".replace("-", "\N{MINUS SIGN}")),
                **{"ha": "center", "va": "center", "fontsize": 12},
                weight="bold" if alone and value > 0 else "normal",
            )
    return figure, axes
