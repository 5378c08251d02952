"""Two painters that learn side by side, in the reader's browser."""

import base64
import re
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import nn
from traitlets import Bool, Int, Unicode

from coordlib.arguments import check_choice
from coordlib.grid import to_unit
from coordlib.lab.data.squares import squares
from coordlib.lab.figures.interactive.common import (
    Figure,
    in_base64,
    module_beside,
    synced,
)
from coordlib.lab.measures import pixel_accuracy
from coordlib.lab.models.painters import CoordConvPainter, DeconvPainter

_HERE = Path(__file__).parent
SIZE = 32
PAINTERS = {"deconv": DeconvPainter, "coordconv": CoordConvPainter}
SPLITS = ("uniform", "quadrant", "own")


def without_comments(module: str) -> str:
    """Leave out the comments of a module, and all indentation."""
    module = re.sub(r"^\s*/\*\*.*?\*/\n", "", module, flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"^(\s*//.*\n|[ \n]+)| // .*$", "", module, flags=re.MULTILINE)


def rebuilt(kind: str, normalised: bool, weights: str) -> nn.Module:
    """Make a painter again from the numbers that it learned in a page.

    Parameters
    ----------
    kind : {"deconv", "coordconv"}
    normalised : bool
        Whether there is batch normalisation in it.
    weights : str
        In base64: all numbers of its state but counts, in 32 bits.
    """
    check_choice("kind", kind, PAINTERS)
    normalisation = "batch" if normalised else "none"
    painter = PAINTERS[kind](size=SIZE, normalisation=normalisation).eval()
    numbers = np.frombuffer(base64.b64decode(weights), "<f4")
    state = painter.state_dict().values()
    kept = [tensor for tensor in state if tensor.is_floating_point()]
    wanted = sum(tensor.numel() for tensor in kept)
    if len(numbers) != wanted:
        raise ValueError(
            f"weights must hold the {wanted} numbers of {kind!r}, got {len(numbers)}"
        )
    parts = torch.tensor(numbers).split([tensor.numel() for tensor in kept])
    for tensor, part in zip(kept, parts, strict=True):
        tensor.copy_(part.view(tensor.shape))
    return painter


@torch.no_grad()
def exact(painter: nn.Module, hidden: str) -> tuple[float, float]:
    """Give the share of exactly drawn dots, of those seen and of those hidden.

    Parameters
    ----------
    painter : nn.Module
        From unit positions to logits of 32 by 32 pixels.
    hidden : str
        For each of the 576 dots, row by row, "1" if it was hidden and "0" if not.
    """
    world = squares(SIZE)
    if len(hidden) != len(world) or set(hidden) - {"0", "1"}:
        raise ValueError(f"hidden must be {len(world)} times 0 or 1, got {hidden!r}")
    inputs = to_unit(world.positions, (SIZE, SIZE))
    logits = torch.cat([painter(some) for some in inputs.split(32)])
    right = pixel_accuracy(logits, world.targets(), reduction="none")
    kept = torch.tensor([dot == "0" for dot in hidden])
    return right[kept].mean().item(), right[~kept].mean().item()


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
