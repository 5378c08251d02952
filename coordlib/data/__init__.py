"""What the networks of the book look at: one module for each kind of data."""

from coordlib.data.samples import GARMENTS, garments, photograph
from coordlib.data.squares import (
    Squares,
    quadrant_split,
    splits,
    squares,
    uniform_split,
)

__all__ = [
    "GARMENTS",
    "Squares",
    "garments",
    "photograph",
    "quadrant_split",
    "splits",
    "squares",
    "uniform_split",
]
