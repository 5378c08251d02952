"""What the networks of the book look at: one module for each kind of data."""

from coordlib.lab.data.complete import (
    PICTURES,
    MissingDataError,
    cache_folder,
    cifar10,
    fashion_mnist,
    mnist,
)
from coordlib.lab.data.samples import GARMENTS, digits, garments, photograph, pictures
from coordlib.lab.data.scattered import Scattered, scatter
from coordlib.lab.data.shapes import Shapes, shapes
from coordlib.lab.data.squares import (
    Squares,
    quadrant_split,
    released_split,
    splits,
    squares,
    uniform_split,
)

__all__ = [
    "GARMENTS",
    "PICTURES",
    "MissingDataError",
    "Scattered",
    "Shapes",
    "Squares",
    "cache_folder",
    "cifar10",
    "digits",
    "fashion_mnist",
    "garments",
    "mnist",
    "photograph",
    "pictures",
    "quadrant_split",
    "released_split",
    "scatter",
    "shapes",
    "splits",
    "squares",
    "uniform_split",
]
