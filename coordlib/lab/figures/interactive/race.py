"""Two painters that learn side by side, in the reader's browser."""

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from traitlets import Bool, Int, Unicode

from coordlib.arguments import check_choice
from coordlib.lab.figures.interactive.common import (
    Figure,
    in_base64,
    module_beside,
    synced,
)

_HERE = Path(__file__).parent
SPLITS = ("uniform", "quadrant", "own")


def without_comments(module: str) -> str:
    """Leave out the comments of a module, and all indentation."""
    module = re.sub(r"^\s*/\*\*.*?\*/\n", "", module, flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"^(\s*//.*\n|[ \n]+)| // .*$", "", module, flags=re.MULTILINE)


ENGINE = without_comments((_HERE / "race_engine.js").read_text("utf-8"))
KERNEL = in_base64((_HERE / "race_kernel.wasm").read_bytes())


class Race(Figure):
    """Two painters of dots that learn in the page: a transposed convolution, CoordConv.

    They learn on the same dots, from the same seed, each in a worker of its own. The
    reader starts, stops and rewinds them, chooses or paints what is hidden from both,
    and switches batch normalisation in either. The canvas has 32 by 32 pixels, and 24
    by 24 dots.

    Parameters
    ----------
    hidden : array_like of bool, shape (24, 24), optional
        The dots that no network learns from; chosen by ``split`` if not given.
    split : {"quadrant", "uniform", "own"}
        The lower right, or one dot in five, drawn by the seed; "own" goes with
        ``hidden``.
    deconv, coordconv : bool
        Whether there is batch normalisation in the one, and in the other.
    seed : int
        Of the first weights, the order of the dots, and the uniform split.
    i, j : int
        The dot asked for, in pixels of the canvas, 4 to 27.
    small : bool
        Show the maps and one button, and nothing else.
    """

    _esm = without_comments(
        f'{module_beside(__file__)}const KERNEL = "{KERNEL}";\n' + ENGINE
    )
    _css = Figure._css + (_HERE / "race.css").read_text("utf-8")
    shown = ("split", "deconv", "coordconv", "seed", "i", "j")
    split = synced(Unicode("quadrant"))
    own = synced(Unicode("0" * 576))
    deconv, coordconv = synced(Bool(True)), synced(Bool(False))
    seed = synced(Int(0))
    i, j = synced(Int(20)), synced(Int(20))
    pen = synced(Unicode("ask"))
    small = synced(Bool(False))

    def __init__(self, hidden: ArrayLike | None = None, **state: Any) -> None:
        if hidden is not None:
            mask = np.asarray(hidden, dtype=bool)
            if mask.shape != (24, 24):
                raise ValueError(f"hidden must have shape (24, 24), got {mask.shape}")
            state |= {"split": "own", "own": "".join("01"[int(n)] for n in mask.flat)}
        check_choice("split", state.get("split", "quadrant"), SPLITS)
        for name in ("i", "j"):
            if not 4 <= state.get(name, 20) <= 27:
                raise ValueError(f"{name} must lie in [4, 27], got {state[name]}")
        super().__init__(**state)
