"""Figures of the book: one look, and the few plots that return on every page."""

from coordlib.figures.plots import (
    answers,
    position_map,
    probe_panel,
    show_images,
    signed,
    training_curves,
)
from coordlib.figures.style import COLORS, WIDTH, use

__all__ = [
    "COLORS",
    "WIDTH",
    "answers",
    "position_map",
    "probe_panel",
    "show_images",
    "signed",
    "training_curves",
    "use",
]
