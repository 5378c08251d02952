"""Figures of the book: one look, and the few plots and tables that return."""

from coordlib.lab.figures.curves import training_curves
from coordlib.lab.figures.plots import (
    answer_grid,
    answers,
    boxes_on,
    position_map,
    probe_panel,
    show_images,
    signed,
)
from coordlib.lab.figures.shifts import shift_maps
from coordlib.lab.figures.strips import picture_rows
from coordlib.lab.figures.style import COLORS, WIDTH, use
from coordlib.lab.figures.tables import Linked, Table, mean_and_spread

__all__ = [
    "COLORS",
    "WIDTH",
    "Linked",
    "Table",
    "answer_grid",
    "answers",
    "boxes_on",
    "mean_and_spread",
    "picture_rows",
    "position_map",
    "probe_panel",
    "shift_maps",
    "show_images",
    "signed",
    "training_curves",
    "use",
]
