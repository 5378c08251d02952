"""The look of every figure in the book.

Figures are drawn dark on a light ground, and the page sets them on a light card
in its dark mode too: inverting a picture or a colour map would change what it
says. Colours are the eight of Okabe and Ito, told apart by readers with any
common form of colour blindness.
"""

import matplotlib as mpl

COLORS = {
    "black": "#000000",
    "orange": "#E69F00",
    "sky": "#56B4E9",
    "green": "#009E73",
    "yellow": "#F0E442",
    "blue": "#0072B2",
    "vermilion": "#D55E00",
    "purple": "#CC79A7",
}
"""Okabe-Ito colours by name."""

WIDTH = 7.2
"""Width of a full-width figure in inches."""

_CYCLE = ("blue", "vermilion", "green", "orange", "purple", "sky", "black")

STYLE = {
    "figure.figsize": (WIDTH, 2.8),
    "figure.dpi": 110,
    "savefig.dpi": 110,
    "figure.constrained_layout.use": True,
    "figure.facecolor": "white",
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.labelsize": 10,
    "axes.prop_cycle": mpl.cycler(color=[COLORS[name] for name in _CYCLE]),
    "axes.grid": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "lines.linewidth": 2,
    "legend.frameon": False,
    "image.cmap": "gray",
    "image.interpolation": "nearest",
}


def use() -> None:
    """Set the book's look for every figure drawn from now on.

    Examples
    --------
    >>> from coordlib.lab import figures
    >>> figures.use()
    """
    mpl.rcParams.update(STYLE)
