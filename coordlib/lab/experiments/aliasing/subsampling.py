"""What subsampling does to equivariance, layer by layer, on a ring (Z01, Z02)."""

from itertools import product

import torch
from torch import nn

from coordlib.lab.record.experiment import Setting, Trial
from coordlib.lab.record.result import Row, rows
from coordlib.layers import MaxBlurPool1d
from coordlib.probe import Probe, probe

PRESETS = {"paper": {"size": 64, "images": 2}}

PUZZLE = torch.tensor([[[0.0, 0, 1, 1, 0, 0, 1, 1]]])


def measure(seed: int, setting: Setting, *, size: int, images: int) -> list[Row]:
    """Probe pooling layers and a strided convolution with random weights, on a ring.

    Returns
    -------
    list of Row
        ``puzzle_changed``: share of the pooled puzzle that a shift by one
        changes; ``blurred_puzzle_change``: by how much, at most, where it is blurred.
        ``error`` by layer and shifts: the worst relative error over the "odd" shifts,
        those with an odd entry, and over the "even" ones.
    """
    torch.manual_seed(seed)
    x = torch.rand(images, 3, size, size, device=setting.device)
    strided = nn.Conv2d(3, 8, 3, 2, 1, padding_mode="circular").to(setting.device)
    puzzle = {
        "puzzle_changed": _puzzle_changed(),
        "blurred_puzzle_change": _blurred_puzzle_change(),
    }
    found = rows(puzzle)
    for layer, f in (("strided", strided), ("average", nn.AvgPool2d(2))):
        seen = probe(f, x, list(product(range(4), repeat=2))[1:], stride=2)
        for shifts in ("odd", "even"):
            error = _worst(seen, odd=shifts == "odd")
            found += rows({"error": error}, layer=layer, shifts=shifts)
    return found


def _worst(result: Probe, *, odd: bool) -> float:
    chosen = [any(d % 2 for d in s) == odd for s in result.shifts]
    return float(result.errors[torch.tensor(chosen)].max())


def _puzzle_changed() -> float:
    before = nn.functional.max_pool1d(PUZZLE, 2)
    after = nn.functional.max_pool1d(PUZZLE.roll(1, -1), 2)
    return float((before != after).float().mean())


def _blurred_puzzle_change() -> float:
    pool = MaxBlurPool1d(2, 2, padding="same", padding_mode="circular")
    return float((pool(PUZZLE) - pool(PUZZLE.roll(1, -1))).abs().max())


EXPERIMENT = Trial("subsampling", __doc__, PRESETS, measure)
