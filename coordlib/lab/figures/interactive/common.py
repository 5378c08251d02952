"""What all figures share: their base, how numbers travel, and what is checked."""

import base64
from collections.abc import Collection
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import ArrayLike

try:
    import anywidget
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "coordlib.lab.figures.interactive needs anywidget: pip install anywidget",
        name="anywidget",
    ) from error

from traitlets import TraitType

from coordlib.arguments import check_choice

_HERE = Path(__file__).parent
_COMMON = (_HERE / "common.js").read_text("utf-8")
_STYLE = (_HERE / "style.css").read_text("utf-8")

SOBEL = [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]
"""Upright edges: the right neighbours minus the left ones."""

Trait = TypeVar("Trait", bound=TraitType)


def synced(trait: Trait) -> Trait:
    """Let a trait travel to the browser and back."""
    return trait.tag(sync=True)


def module_beside(file: str) -> str:
    """Read the JavaScript beside a figure's Python, and what all figures share.

    It is one text, for in the browser it has no neighbours to import from.
    """
    return _COMMON + Path(file).with_suffix(".js").read_text("utf-8")


class Figure(anywidget.AnyWidget):
    """What all figures share: their style, and a description without an address.

    A subclass has its module as ``_esm``, and names in ``shown`` the traits that its
    description tells. anywidget stores it under its own module and name, as in
    ``coordlib.lab.figures.interactive.answer_arrows.AnswerArrows``.
    """

    shown: ClassVar[tuple[str, ...]] = ()
    _css = _STYLE

    def __repr__(self) -> str:
        # No address in it: nbval compares this text with the stored one.
        state = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.shown)
        return f"{type(self).__name__}({state})"


def chosen(name: str, choice: str | None, choices: Collection[str]) -> str:
    """Give the choice, or the first of all, and refuse what is not among them."""
    if choice is None:
        return next(iter(choices))
    check_choice(name, choice, choices)
    return choice


def in_base64(data: bytes) -> str:
    """Write bytes as text, for what travels is JSON."""
    return base64.b64encode(data).decode()


def in_levels(values: ArrayLike, name: str) -> str:
    """Write numbers in [0, 1] as bytes, 0 to 255, and these as base64."""
    values = np.asarray(values, dtype=float)
    if not (values.min() >= 0 and values.max() <= 1):
        raise ValueError(
            f"{name} must hold numbers in [0, 1], got {values.min()} to {values.max()}"
        )
    return in_base64(np.rint(255 * values).astype(np.uint8).tobytes())


def picture_traits(picture: ArrayLike) -> dict[str, Any]:
    """Give the traits that hold a picture, leading axes of length 1 left out."""
    values = np.asarray(picture, dtype=float)
    while values.ndim > 2 and values.shape[0] == 1:
        values = values[0]
    if values.ndim != 2 or not values.size:
        raise ValueError(f"picture must have shape (H, W), got {np.shape(picture)}")
    rows, columns = values.shape
    return {"picture": in_levels(values, "picture"), "rows": rows, "columns": columns}


def kernel_rows(kernel: ArrayLike) -> list[list[float]]:
    """Give the rows of a 3x3 kernel."""
    values = np.asarray(kernel, dtype=float)
    if values.shape != (3, 3):
        raise ValueError(f"a kernel must have shape (3, 3), got {values.shape}")
    return values.tolist()
