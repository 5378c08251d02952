"""How trainings got on, step by step, and means with their range."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter
from numpy.typing import ArrayLike

from coordlib.arguments import check_choice
from coordlib.lab.figures.style import WIDTH


def training_curves(
    rows: Mapping[str, tuple[Sequence[dict], str]],
    *,
    arms: Sequence[str] | None = None,
) -> tuple[Figure, np.ndarray]:
    """Draw how every network of a sweep got on, against the time it had trained.

    Parameters
    ----------
    rows : mapping of str to (sequence of dict, str)
        For each row of plots its name, the ``runs`` of a
        :class:`coordlib.lab.record.result.Result`, and which number of their curves,
        without ``train_`` or ``test_``.
    arms : sequence of str, optional
        The arms to draw; all if not given. An arm keeps its colour.

    Returns
    -------
    figure, axes : Figure and array of Axes, one row each, one column for each split
        Held-out positions as lines that end in a dot, training positions dotted.
    """
    if not rows or not all(runs for runs, _ in rows.values()):
        raise ValueError("rows is empty: a result holds no sweep")
    every = [run for runs, _ in rows.values() for run in runs]
    parts = list(dict.fromkeys(run["split"] for run in every))
    known = sorted({run["arm"] for run in every})
    cycle = plt.rcParams["axes.prop_cycle"].by_key()["color"]
    if len(known) > len(cycle):
        raise ValueError(f"rows must have at most {len(cycle)} arms, got {known}")
    colors = dict(zip(known, cycle, strict=False))
    chosen = known if arms is None else arms
    for arm in chosen:
        check_choice("arms", arm, known)
    figure, axes = plt.subplots(
        len(rows),
        len(parts),
        figsize=(WIDTH, 0.6 + 2.1 * len(rows)),
        sharex=True,
        sharey="row",
        squeeze=False,
    )
    for line, (name, (runs, metric)) in zip(axes, rows.items(), strict=True):
        for run in runs:
            if run["arm"] in chosen:
                ax = line[parts.index(run["split"])]
                _curve(ax, run["curve"], metric, colors[run["arm"]])
        line[0].set_ylabel(name)
    for split, top, bottom in zip(parts, axes[0], axes[-1], strict=True):
        top.set_title(split)
        bottom.set(xscale="log", xlabel="seconds of training")
        # Over less than a decade matplotlib names every tick, one on top of the next.
        bottom.xaxis.set_minor_formatter(LogFormatter(minor_thresholds=(1, 0.3)))
    marks = [plt.Line2D([], [], color=colors[arm], label=arm) for arm in chosen]
    for style, name in ((":", "trained"), ("-", "held out")):
        marks.append(plt.Line2D([], [], color="0.4", ls=style, label=name))
    figure.legend(handles=marks, loc="outside lower center", ncols=len(marks))
    return figure, axes


def _curve(ax: Axes, curve: Sequence[dict], metric: str, color: str) -> None:
    seconds = [point["seconds"] for point in curve]
    for side, style in (("train", ":"), ("test", "-")):
        values = [point[f"{side}_{metric}"] for point in curve]
        values = [np.nan if value is None else value for value in values]
        last = {"marker": "o", "ms": 4, "markevery": [-1]} if side == "test" else {}
        ax.plot(seconds, values, style, color=color, lw=1.4, **last)


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
