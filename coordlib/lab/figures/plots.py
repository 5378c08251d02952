"""The plots that return on every page."""

from collections.abc import Callable, Sequence

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import Colormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike
from torch import Tensor

from coordlib.lab.figures.style import COLORS, WIDTH
from coordlib.probe import Shift, probe

_DIFFERENCE = "magma"
_SIGNED = "PuOr"


def show_images(
    images: Sequence[ArrayLike],
    titles: Sequence[str] | None = None,
    *,
    vmin: float | None = None,
    vmax: float | None = None,
    cmap: str | Sequence[str | Colormap] = "gray",
    columns: int | None = None,
    width: float = WIDTH,
    frame: bool = True,
) -> tuple[Figure, np.ndarray]:
    """Draw arrays side by side as pictures, without ticks.

    Parameters
    ----------
    images : sequence of arrays, each (H, W), (H, W, 3) or (3, H, W)
    titles : sequence of str, optional
    vmin, vmax : float, optional
        One range for all; without them each picture uses its own.
    cmap : str or one colour map per image
    columns : int, optional
        Pictures in a row; all of them if not given.
    width : float
        Inches of the whole figure.
    frame : bool
        Draw a thin frame, so that a white picture has an edge.

    Returns
    -------
    figure, axes : Figure and flat array of Axes
    """
    pictures = [_picture(image) for image in images]
    if not pictures:
        raise ValueError("images is empty: give at least one array")
    if titles is not None and len(titles) != len(pictures):
        raise ValueError(f"{len(titles)} titles for {len(pictures)} images")
    maps = [cmap] * len(pictures) if isinstance(cmap, str) else cmap
    if len(maps) != len(pictures):
        raise ValueError(f"{len(maps)} colour maps for {len(pictures)} images")
    columns = columns or len(pictures)
    rows = -(-len(pictures) // columns)
    cell = width / columns
    height, breadth = pictures[0].shape[:2]
    title_space = 0.3 if titles else 0.05
    figure, axes = plt.subplots(
        rows,
        columns,
        figsize=(width, rows * (cell * height / breadth + title_space)),
        squeeze=False,
    )
    axes = axes.ravel()
    for n, (ax, picture) in enumerate(zip(axes, pictures, strict=False)):
        ax.imshow(picture, cmap=maps[n], vmin=vmin, vmax=vmax)
        bare(ax, frame)
        if titles is not None:
            ax.set_title(titles[n])
    for ax in axes[len(pictures) :]:
        ax.set_axis_off()
    return figure, axes


def probe_panel(
    f: Callable[[Tensor], Tensor],
    x: Tensor,
    shift: Shift,
    *,
    channel: int = 0,
    mode: str = "circular",
    stride: int | Shift | None = None,
    between: str = "nearest",
) -> tuple[Figure, np.ndarray]:
    """Draw the probe's five panels for one shift of the first image.

    From left to right: the input, the shifted input, the map of the shifted
    input, the shifted map of the input, and their absolute difference.

    Parameters
    ----------
    f, x, mode, stride, between
        As for :func:`coordlib.probe.probe`.
    shift : tuple of int
        ``(down, right)`` in input pixels.
    channel : int
        The output channel to draw. Colour inputs are drawn in colour.

    Returns
    -------
    figure, axes : Figure and array of five Axes
    """
    options = {"mode": mode, "stride": stride, "between": between}
    result = probe(f, x[:1], [shift], keep_panels=True, **options)
    if result.kind != "equivariance" or x.ndim != 4:
        raise ValueError("probe_panel draws maps from images (N, C, H, W) to images")
    before, after, f_shifted, shifted_f = (part[0] for part in result.panels[0])
    if not -len(f_shifted) <= channel < len(f_shifted):
        raise ValueError(f"channel {channel} of an output with {len(f_shifted)}")
    left, right = f_shifted[channel], shifted_f[channel]
    difference = (left - right).abs()
    difference[result.maps[0].isnan()] = float("nan")
    low, high = float(right.min()), float(right.max())
    figure, axes = show_images(
        [before, after, left, right, difference],
        ["$x$", "shift $x$", "$f$(shift $x$)", "shift $f(x)$", "difference"],
        cmap=["gray"] * 4 + [plt.get_cmap(_DIFFERENCE).with_extremes(bad="0.75")],
    )
    for ax in axes[2:4]:
        ax.images[0].set_clim(low, high)
    # The darkest colour is "no difference"; full scale is the output's own range.
    axes[4].images[0].set_clim(0, max(high - low, 1e-12))
    axes[4].set_xlabel(f"relative error {float(result.errors[0]):.2g}")
    return figure, axes


def position_map(
    positions: ArrayLike,
    values: ArrayLike,
    size: int | tuple[int, int],
    *,
    ax: Axes | None = None,
    title: str | None = None,
    vmin: float | None = None,
    vmax: float | None = None,
    cmap: str = "viridis",
    colorbar: bool | str = True,
) -> Axes:
    """Draw one value per position as a picture of the canvas.

    Parameters
    ----------
    positions : array, shape (N, 2)
        Pixel positions ``(i, j)``.
    values : array, shape (N,)
    size : int or (H, W)
        The canvas. Places without a value are grey.
    ax : Axes, optional
        Where to draw; the current axes if not given.
    title, vmin, vmax, cmap
        As usual in matplotlib.
    colorbar : bool or str
        Whether there is one; a text says what it shows.
    """
    positions, values = np.asarray(positions), np.asarray(values, dtype=float)
    if positions.ndim != 2 or positions.shape[1] != 2:
        raise ValueError(f"positions must have shape (N, 2), got {positions.shape}")
    if values.shape != positions.shape[:1]:
        raise ValueError(f"{len(positions)} positions but values of {values.shape}")
    size = (size, size) if isinstance(size, int) else size
    if len(positions) and ((positions < 0).any() or (positions >= size).any()):
        raise ValueError(f"positions must lie in [0, {size[0]}) x [0, {size[1]})")
    picture = np.full(size, np.nan)
    picture[positions[:, 0], positions[:, 1]] = values
    ax = ax or plt.gca()
    colors = plt.get_cmap(cmap).with_extremes(bad="0.8")
    image = ax.imshow(picture, cmap=colors, vmin=vmin, vmax=vmax)
    bare(ax)
    if title:
        ax.set_title(title)
    if colorbar:
        label = colorbar if isinstance(colorbar, str) else None
        ax.figure.colorbar(image, ax=ax, shrink=0.8, label=label)
    return ax


def answers(
    ax: Axes,
    truth: ArrayLike,
    predicted: ArrayLike,
    size: int | tuple[int, int],
    *,
    title: str | None = None,
) -> Axes:
    """Draw an arrow from each true position to the predicted one.

    Parameters
    ----------
    ax : Axes
    truth, predicted : arrays, shape (N, 2)
        Pixel positions ``(i, j)``.
    size : int or (H, W)
        The canvas.
    title : str, optional
    """
    truth, predicted = (
        np.asarray(truth, dtype=float),
        np.asarray(predicted, dtype=float),
    )
    if truth.shape != predicted.shape or truth.ndim != 2 or truth.shape[1] != 2:
        raise ValueError(
            f"truth and predicted must both have shape (N, 2), got {truth.shape} and "
            f"{predicted.shape}"
        )
    (i, j), (down, right) = truth.T, (predicted - truth).T
    ax.quiver(
        *(j, i, right, down),
        angles="xy",
        scale_units="xy",
        scale=1,
        color=COLORS["blue"],
        width=0.006,
    )
    return _on_canvas(ax, size, title)


def answer_grid(
    ax: Axes,
    predicted: ArrayLike,
    held_out: ArrayLike,
    size: int | tuple[int, int],
    *,
    title: str | None = None,
) -> Axes:
    """Draw the prediction for every position as a dot.

    A network that knows every position draws a regular grid.

    Parameters
    ----------
    ax : Axes
    predicted : array, shape (N, 2)
        Pixel positions ``(i, j)``. What lies beyond the canvas is not seen.
    held_out : array of bool, shape (N,)
        Which of the positions were not trained on: they are drawn last, in another
        colour.
    size : int or (H, W)
        The canvas.
    title : str, optional
    """
    predicted, held_out = (
        np.asarray(predicted, dtype=float),
        np.asarray(held_out, dtype=bool),
    )
    if (
        predicted.ndim != 2
        or predicted.shape[1] != 2
        or held_out.shape != predicted.shape[:1]
    ):
        raise ValueError(
            f"predicted and held_out must have shapes (N, 2) and (N,), got "
            f"{predicted.shape} and {held_out.shape}"
        )
    for side, color in ((~held_out, COLORS["blue"]), (held_out, COLORS["vermilion"])):
        i, j = predicted[side].T
        ax.plot(j, i, "o", ms=2, mew=0, color=color)
    return _on_canvas(ax, size, title)


def boxes_on(
    ax: Axes,
    image: ArrayLike | None,
    boxes: ArrayLike,
    *,
    color: str = COLORS["sky"],
    linestyle: str = ":",
    margin: float = 8,
) -> Axes:
    """Draw boxes over a picture, and as far as they reach over its border.

    Parameters
    ----------
    ax : Axes
    image : array_like, shape (H, W) or (1, H, W), optional
        In [0, 1]; without it the boxes are added to what is there.
    boxes : array_like, shape (B, 4)
        As :mod:`coordlib.lab.data.boxes` writes them.
    color, linestyle : str
        Of the boxes.
    margin : float
        Pixels to show around the picture.
    """
    if image is not None:
        picture = _picture(image)
        height, width = picture.shape[:2]
        ax.imshow(picture, vmin=0, vmax=1, extent=(0, width, height, 0))
        ax.set(xlim=(-margin, width + margin), ylim=(height + margin, -margin))
    for i, j, high, wide in np.asarray(boxes).tolist():
        corner = (j - wide / 2, i - high / 2)
        style = {"fill": False, "edgecolor": color, "linestyle": linestyle}
        ax.add_patch(Rectangle(corner, wide, high, linewidth=1.5, **style))
    return bare(ax, frame=False)


def _on_canvas(ax: Axes, size: int | tuple[int, int], title: str | None) -> Axes:
    """Show the canvas, its first row at the top, and nothing beside it."""
    height, width = (size, size) if isinstance(size, int) else size
    ax.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5), aspect="equal")
    if title:
        ax.set_title(title)
    return bare(ax)


def signed(ax: Axes, array: ArrayLike, *, limit: float | None = None) -> Axes:
    """Draw an array in two colours around zero, with symmetric limits.

    Parameters
    ----------
    ax : Axes
    array : array, shape (H, W)
    limit : float, optional
        The value of full colour; the largest absolute value if not given.
    """
    picture = _picture(array)
    limit = limit or max(float(np.abs(picture).max()), 1e-12)
    ax.imshow(picture, cmap=_SIGNED, vmin=-limit, vmax=limit)
    return bare(ax)


def bare(ax: Axes, frame: bool = True) -> Axes:
    """Take the ticks off, and keep a thin frame so that white has an edge."""
    ax.set(xticks=[], yticks=[])
    for spine in ax.spines.values():
        spine.set(visible=frame, linewidth=0.6, color="0.6")
    return ax


def _picture(image: ArrayLike) -> np.ndarray:
    array = image.detach().cpu() if isinstance(image, torch.Tensor) else image
    array = np.asarray(array)
    while array.ndim > 2 and array.shape[0] == 1:
        array = array[0]
    if array.ndim == 3 and array.shape[0] == 3 and array.shape[-1] != 3:
        array = np.moveaxis(array, 0, -1)
    if array.ndim != 2 and not (array.ndim == 3 and array.shape[-1] == 3):
        raise ValueError(
            f"an image has shape (H, W), (H, W, 3) or (3, H, W), got {array.shape}"
        )
    return array
