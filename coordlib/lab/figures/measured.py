"""Figures and tables of results, each number with its 95 % interval."""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from coordlib.lab.figures.plots import bare
from coordlib.lab.figures.style import COLORS, WIDTH
from coordlib.lab.figures.tables import Table, mean_and_spread, spread_note
from coordlib.lab.record.result import Result, interval

_MARKS = "os^DvPX"
_SERIES = ("blue", "vermilion", "green", "purple")


Quantity = Mapping[str, Any] | tuple[Mapping[str, Any], Mapping[str, Any]]
"""What :meth:`~coordlib.lab.record.result.Result.values` selects, a ``metric`` and
perhaps axes; or two of these, for their difference seed by seed."""


def by(axis: str, names: Mapping[str, Any], **shared: Any) -> dict[str, dict[str, Any]]:
    """Quantities, rows or columns that differ in one axis, by name.

    Examples
    --------
    >>> by("way", {"Tri-3": "tri3"}, network="vgg")
    {'Tri-3': {'way': 'tri3', 'network': 'vgg'}}
    """
    return {name: {axis: value} | shared for name, value in names.items()}


def estimate(result: Result, quantity: Quantity) -> tuple[float, float, float]:
    """The mean of a quantity over the seeds, and its 95 % interval.

    Parameters
    ----------
    result : Result
    quantity : Quantity
        Where the result holds its metric with ``_low`` and ``_high`` too, they are the
        interval, and it is over pictures; otherwise it is over the seeds.

    Returns
    -------
    mean, low, high : float
        The ends are infinite for a single seed.

    Raises
    ------
    KeyError
        If it was not measured.
    """
    if isinstance(quantity, tuple):
        first, second = (result.values(**one) for one in quantity)
        return float((first - second).mean()), *interval(first - second)
    low, high = (
        quantity | {"metric": f"{quantity['metric']}_{end}"} for end in ("low", "high")
    )
    if result.select(**low):
        return tuple(result.mean(**one) for one in (quantity, low, high))
    return result.mean(**quantity), *result.interval(**quantity)


def interval_text(
    result: Result,
    quantity: Quantity,
    *,
    unit: Literal["%", "points", ""] = "%",
    digits: int = 1,
    signed: bool = False,
) -> str:
    """Write a quantity with its interval, as ``"68.2 % [67.0, 69.4]"``.

    Parameters
    ----------
    result : Result
    quantity : Quantity
    unit : {"%", "points", ""}
        Per cent of a share, percentage points of a difference of shares (what a pair of
        shares always has), or none.
    digits : int
        After the point.
    signed : bool
        Whether to write a plus; always with a difference and with points.

    Returns
    -------
    str
        Without an interval for a single seed.
    """
    if unit and isinstance(quantity, tuple):
        unit = "points"
    sign = "+" if signed or unit == "points" or isinstance(quantity, tuple) else ""
    numbers = [(100 if unit else 1) * n for n in estimate(result, quantity)]
    middle, low, high = (f"{number:{sign}.{digits}f}" for number in numbers)
    written = f"{middle} {unit}".rstrip()
    known = all(map(math.isfinite, numbers))
    return f"{written} [{low}, {high}]" if known else written


def spread_table(
    result: Result,
    rows: Mapping[str, Mapping[str, Any]],
    columns: Mapping[str, Mapping[str, Any]],
    *,
    corner: str = "",
    scale: float = 1,
    digits: int = 2,
) -> Table:
    """Set out numbers as mean and standard deviation over the seeds.

    Parameters
    ----------
    result, rows, columns
        By name the axes of a row, and the metric and axes of a column; together they
        select what stands in a cell.
    corner : str
        What stands above the names of the rows.
    scale : float
        What the numbers are multiplied by: 100 for a share in per cent.
    digits : int
        After the point.

    Returns
    -------
    Table
        With a note that says what ± means, and how many trainings there are.
    """
    lines = [
        [name]
        + [
            mean_and_spread(scale * result.values(**row | column), digits)
            if result.select(**row | column)
            else ""
            for column in columns.values()
        ]
        for name, row in rows.items()
    ]
    seeds = len(result.seeds)
    note = spread_note(seeds) if seeds > 1 else ""  # one seed has no spread
    return Table([corner, *columns], lines, note)


def intervals_beside(
    ax: Axes, result: Result, points: Mapping[str, tuple[Quantity, Quantity]]
) -> Axes:
    """Draw points with their intervals in two directions, each in its own shape.

    Parameters
    ----------
    ax : Axes
    result : Result
    points : mapping of str to (Quantity, Quantity)
        For each point its name, and what it shows to the right and upwards.

    Returns
    -------
    Axes
        With limits around the points: an interval may reach beyond.
    """
    colors = [COLORS[name] for name in COLORS if name != "yellow"]
    places = []
    for k, (name, quantities) in enumerate(points.items()):
        x, y = (estimate(result, quantity) for quantity in quantities)
        places.append((x[0], y[0]))
        ax.errorbar(
            *places[-1],
            xerr=_arms(x),
            yerr=_arms(y),
            fmt=_MARKS[k % len(_MARKS)],
            color=colors[k % len(colors)],
            lw=1,
            label=name,
        )
    for limits, line in zip(
        (ax.set_xlim, ax.set_ylim), np.transpose(places), strict=True
    ):
        margin = max(0.35 * np.ptp(line), 0.01)
        limits(line.min() - margin, line.max() + margin)
    return ax


def effects(
    ax: Axes,
    result: Result,
    quantities: Mapping[str, Mapping[str, Quantity]],
    *,
    reference: float = 0.0,
) -> Axes:
    """Draw effects one below the other, with their intervals and a line for none.

    The limits hold every interval whole, and the line.

    Parameters
    ----------
    ax : Axes
    result : Result
    quantities : mapping of str to mapping of str to Quantity
        For each series, drawn in its own colour and shape, what every row shows.
    reference : float
        Where the line for no effect is.
    """
    rows = list(dict.fromkeys(row for series in quantities.values() for row in series))
    _check_count("quantities", quantities)
    ends = [reference]
    for k, (name, series) in enumerate(quantities.items()):
        found = [estimate(result, quantity) for quantity in series.values()]
        height = [
            rows.index(row) + (k - (len(quantities) - 1) / 2) / 4 for row in series
        ]
        ax.errorbar(
            [middle for middle, *_ in found],
            height,
            xerr=np.hstack([_arms(numbers) for numbers in found]),
            fmt=_MARKS[k],
            ms=4,
            lw=1,
            color=COLORS[_SERIES[k]],
            label=name,
        )
        ends += [end for numbers in found for end in numbers if math.isfinite(end)]
    ax.axvline(reference, color="0.5", lw=1, zorder=0)
    ax.set_yticks(range(len(rows)), rows)
    ax.set_ylim(len(rows) - 0.5, -0.5)
    beyond = 0.06 * max(np.ptp(ends), 2e-3)
    ax.set_xlim(min(ends) - beyond, max(ends) + beyond)
    return ax


def each_training(ax: Axes, values: Mapping[str, ArrayLike]) -> Axes:
    """Draw trainings as dots, with their mean, its 95 % interval and a line at zero.

    Parameters
    ----------
    ax : Axes
    values : mapping of str to array, shape (seeds,)
        For each row its name and a number for each training.

    Returns
    -------
    Axes
        The first row has labels, for a legend.
    """
    for y, line in enumerate(values.values()):
        numbers = np.asarray(line, dtype=float)
        labels = ["95 % interval", "a training", "their mean"] if y == 0 else [None] * 3
        if len(numbers) > 1:
            look = {"color": COLORS["blue"], "lw": 6, "alpha": 0.3}
            look["solid_capstyle"] = "butt"  # other caps reach beyond its ends
            ax.plot(interval(numbers), [y, y], label=labels[0], **look)
        color = COLORS["blue"]
        ax.plot(numbers, [y] * len(numbers), "o", color=color, label=labels[1])
        stroke = {"color": COLORS["vermilion"], "ms": 22, "mew": 2, "ls": "none"}
        ax.plot(numbers.mean(), y, marker="|", label=labels[2], **stroke)
    ax.axvline(0, color="0.5", lw=1, zorder=0)
    ax.set_yticks(range(len(values)), values)
    ax.set_ylim(-0.6, len(values) - 0.4)
    return ax


def curve_bands(
    ax: Axes, curves: Mapping[str, Sequence[Sequence[Mapping]]], metric: str
) -> Axes:
    """Draw how trainings got on: the mean over the seeds, and its 95 % interval.

    Parameters
    ----------
    ax : Axes
    curves : mapping of str to sequence of sequence of mapping
        For each line its name and the curves of its trainings: points with a ``step``
        and the metric, all at the same steps. Where one of them has None, nothing is
        drawn.
    metric : str
    """
    _check_count("curves", curves)
    styles = zip(_SERIES, ("-", "--", ":", "-."), strict=True)
    for (name, trainings), (color, style) in zip(curves.items(), styles, strict=False):
        steps = [point["step"] for point in trainings[0]]
        values = np.array([[p[metric] for p in curve] for curve in trainings], float)
        middle = values.mean(0)
        ax.plot(steps, middle, style, color=COLORS[color], lw=1.6, label=name)
        if len(values) > 1:
            ends = np.transpose([interval(at_step) for at_step in values.T])
            band = {"color": COLORS[color], "alpha": 0.2, "lw": 0}
            ax.fill_between(steps, *ends, **band)
    return ax


def in_thousands(value: float, _position: int | None = None) -> str:
    """Label a number of steps on an axis: ``set_major_formatter(in_thousands)``.

    Examples
    --------
    >>> in_thousands(50_000)
    '50'
    """
    return f"{value / 1000:.0f}"


def _check_count(name: str, series: Mapping) -> None:
    """Refuse more series than there are colours: some would not be drawn."""
    if len(series) > len(_SERIES):
        raise ValueError(
            f"{name} must hold at most {len(_SERIES)} series, got {list(series)}"
        )


def _arms(numbers: tuple[float, float, float]) -> np.ndarray:
    """How far an interval reaches to both sides; not at all for a single seed."""
    middle, low, high = numbers
    return np.nan_to_num([[middle - low], [high - middle]], posinf=0.0)


def heat_map(
    ax: Axes,
    result: Result,
    rows: Mapping[str, Mapping],
    columns: Mapping[str, Mapping],
    *,
    percent: bool = True,
    digits: int = 0,
    by_column: bool = False,
    low: Collection[str] = (),
) -> None:
    """Draw means over the seeds as a table of coloured fields, with their numbers.

    Bright is better.

    Parameters
    ----------
    ax : Axes
    result : Result
    rows, columns : mapping of str to mapping
        What each selects; a field is what both do.
    percent : bool
        Whether the numbers are shares.
    digits : int
        After the point.
    by_column : bool
        Whether each column has colours of its own, from its smallest number to its
        largest, because its numbers are not to be compared with those of another.
    low : collection of str
        The columns of which a small number is the better one.
    """
    means = np.array(
        [
            [result.mean(**row, **column) for column in columns.values()]
            for row in rows.values()
        ]
    )
    compared = 0 if by_column else None
    least, most = means.min(compared), means.max(compared)
    shade = (means - least) / np.maximum(most - least, 1e-12)
    errors = [name in low for name in columns]
    shade = np.where(errors, 1 - shade, shade)
    ax.imshow(shade, cmap="cividis", aspect="auto", vmin=0, vmax=1)
    for (i, j), mean in np.ndenumerate(means):
        number = (
            f"{mean:.{digits}%}".removesuffix("%") if percent else f"{mean:.{digits}f}"
        )
        color = "white" if shade[i, j] < 0.5 else "black"
        ax.text(j, i, number, ha="center", va="center", color=color, fontsize=8)
    ax.set_xticks(range(len(columns)), columns)
    ax.set_yticks(range(len(rows)), rows)
    ax.tick_params(length=0)


def map_grid(
    rows: Mapping[str, Mapping[str, ArrayLike]], layers: Sequence[str]
) -> tuple[Figure, np.ndarray]:
    """Draw maps of one quantity over all shifts: a network a row, a layer a column.

    Parameters
    ----------
    rows : mapping of str to mapping of str to array, shape (H, W)
        For each network its maps by layer. Row and column of a map are the shift.
    layers : sequence of str

    Returns
    -------
    figure, axes : Figure and array of Axes
        All maps in one range, from 0 to their common maximum, on the scale of the
        square root; one colour bar.
    """
    top = max(np.asarray(m[layer]).max() for m in rows.values() for layer in layers)
    norm = PowerNorm(0.5, 0, top)  # the small ones are to be seen too
    height = 0.55 + WIDTH / (len(layers) + 1) * len(rows)
    figure, axes = plt.subplots(
        len(rows), len(layers), figsize=(WIDTH, height), squeeze=False
    )
    for line, (name, maps) in zip(axes, rows.items(), strict=True):
        for ax, layer in zip(line, layers, strict=True):
            image = ax.imshow(np.asarray(maps[layer]), cmap="magma", norm=norm)
            bare(ax)
        line[0].set_ylabel(name)
    for ax, layer in zip(axes[0], layers, strict=True):
        ax.set_title(layer)
    figure.colorbar(image, ax=axes, shrink=0.8, label="distance")
    return figure, axes
