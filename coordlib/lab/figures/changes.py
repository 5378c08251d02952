"""What one change did to what was measured: from before to after, seed by seed."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from numpy import ndarray

from coordlib.lab.figures.style import COLORS
from coordlib.lab.record.result import interval

Pair = Sequence[ndarray]
"""The numbers of all seeds before a change, and those after it, in one order."""

_MARKS = {"better": ("o", "blue"), "worse": ("s", "vermilion"), "open": ("D", "black")}


def outcome(before: ndarray, after: ndarray, less: bool = False) -> str:
    """Say on which side of zero the 95 % interval of a gain lies, over the seeds.

    Parameters
    ----------
    before, after : ndarray, shape (seeds,)
    less : bool
        Whether a smaller number is the better one.

    Returns
    -------
    {"better", "worse", "open"}

    Examples
    --------
    >>> import numpy as np
    >>> outcome(np.array([1.0, 2.0, 3.0]), np.array([2.0, 3.1, 4.0]))
    'better'
    """
    low, high = interval(before - after if less else after - before)
    return "better" if low > 0 else "worse" if high < 0 else "open"


def changes(ax: Axes, rows: Mapping[str, Pair], less: bool = False) -> Axes:
    """Draw a row for each change: its mean before, its mean after, and the seeds.

    Hollow is before. An arrow leads to what came after, where the interval of the gain
    does not hold zero: blue and round if it was for the better, vermilion and square
    for the worse, black where it is open.
    """
    for y, (before, after) in enumerate(rows.values()):
        told = outcome(before, after, less)
        mark, color = _MARKS[told][0], COLORS[_MARKS[told][1]]
        hollow = {"mfc": "w", "ls": "none", "marker": "o"}
        full = {"color": color, "ls": "none", "marker": mark}
        above, below = ([y + d] * len(after) for d in (-0.28, 0.28))
        ax.plot(before, above, **hollow, mec="0.6", ms=3)
        ax.plot(after, below, **full, alpha=0.4, ms=3)
        ends = (after.mean(), y), (before.mean(), y)
        if told != "open":
            ax.annotate("", *ends, arrowprops={"arrowstyle": "->", "color": color})
        ax.plot(*ends[1], **hollow, mec="black", ms=8)
        ax.plot(*ends[0], **full)
    names = [f"{name} ({len(before)})" for name, (before, _after) in rows.items()]
    ax.set_yticks(range(len(rows)), names)
    ax.set_ylim(len(rows) - 0.5, -0.5)
    return ax
