"""Figures of the book: one look, and the few plots and tables that return."""

from coordlib.lab.figures.curves import (
    learning_curves,
    mean_and_range,
    training_curves,
)
from coordlib.lab.figures.plots import (
    answer_grid,
    answers,
    boxes_on,
    position_map,
    probe_panel,
    show_images,
    signed,
)
from coordlib.lab.figures.positions import (
    close_ups,
    frame,
    number_grids,
    numbered_clouds,
    outcome_maps,
    position_maps,
    split_maps,
)
from coordlib.lab.figures.shifts import layer_errors, shift_maps
from coordlib.lab.figures.strips import picture_rows
from coordlib.lab.figures.style import COLORS, WIDTH, use
from coordlib.lab.figures.tables import (
    Linked,
    Table,
    Tree,
    mean_and_spread,
    spread_note,
)

__all__ = [
    "COLORS",
    "WIDTH",
    "Linked",
    "Table",
    "Tree",
    "answer_grid",
    "answers",
    "boxes_on",
    "close_ups",
    "frame",
    "layer_errors",
    "learning_curves",
    "mean_and_range",
    "mean_and_spread",
    "number_grids",
    "numbered_clouds",
    "outcome_maps",
    "picture_rows",
    "position_map",
    "position_maps",
    "probe_panel",
    "shift_maps",
    "show_images",
    "signed",
    "split_maps",
    "spread_note",
    "training_curves",
    "use",
]
