"""The painters that learned in a reader's browser, in Python again."""

import base64

import numpy as np
import torch
from torch import nn

from coordlib.arguments import check_choice, check_flag, check_instance
from coordlib.grid import to_unit
from coordlib.lab.data.squares import squares
from coordlib.lab.measures import pixel_accuracy
from coordlib.lab.models.painters import CoordConvPainter, DeconvPainter

SIZE = 32
PAINTERS = {"deconv": DeconvPainter, "coordconv": CoordConvPainter}


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
    check_flag("normalised", normalised)
    check_instance("weights", weights, str, "text in base64")
    normalisation = "batch" if normalised else "none"
    painter = PAINTERS[kind](size=SIZE, normalisation=normalisation).eval()
    try:
        numbers = np.frombuffer(base64.b64decode(weights, validate=True), "<f4")
    except ValueError as error:  # no base64, or no multiple of 32 bits
        raise ValueError(f"weights must be numbers in base64 ({error})") from None
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
    check_instance("hidden", hidden, str, "text of 0 and 1")
    world = squares(SIZE)
    if len(hidden) != len(world) or set(hidden) - {"0", "1"}:
        raise ValueError(f"hidden must be {len(world)} times 0 or 1, got {hidden!r}")
    inputs = to_unit(world.positions, (SIZE, SIZE))
    logits = torch.cat([painter(some) for some in inputs.split(32)])
    right = pixel_accuracy(logits, world.targets(), reduction="none")
    kept = torch.tensor([dot == "0" for dot in hidden])
    return right[kept].mean().item(), right[~kept].mean().item()
