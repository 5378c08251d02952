"""What subsampling does to equivariance, layer by layer, on a ring (Z01-Z04)."""

from itertools import pairwise, product

import torch
from torch import Tensor, nn

from coordlib.layers import BlurPool2d, MaxBlurPool1d
from coordlib.models import DenseMax2d
from coordlib.probe import Probe, probe

PRESETS = {"paper": {"size": 64, "images": 2, "widths": [3, 16, 32, 64, 64, 64]}}

PUZZLE = torch.tensor([[[0.0, 0, 1, 1, 0, 0, 1, 1]]])


def measure(
    seed: int, device: torch.device, *, size: int, images: int, widths: list[int]
) -> dict[str, float]:
    """Probe pooling layers and a narrow VGG with random weights, on a ring.

    Returns
    -------
    dict
        ``puzzle_changed``: share of the pooled puzzle that a shift by one
        changes. ``*_odd_error`` and ``*_even_error``: worst relative errors over
        the shifts with an odd entry and over those without. ``dense_exact``:
        share of shifts to which the dense maximum is equivariant. ``max_error``,
        ``blurred_error`` and their ratio ``blur_remaining``: mean relative error
        over the odd shifts, by linear interpolation. ``period_after_n``: the
        smallest shift to which the network is equivariant after n pools.
    """
    torch.manual_seed(seed)
    x = torch.rand(images, 3, size, size, device=device)
    strided = _ring_conv(3, 8, stride=2).to(device)
    dense_max = DenseMax2d("circular")
    blurred = nn.Sequential(
        dense_max, BlurPool2d(filter_size=5, padding_mode="circular")
    )
    strided_probe = _probe_all(strided, x, stride=2)
    average_probe = _probe_all(nn.AvgPool2d(2), x, stride=2)
    max_error = _odd_error(nn.MaxPool2d(2), x)
    blurred_error = _odd_error(blurred.to(device), x)
    return {
        "puzzle_changed": _puzzle_changed(),
        "blurred_puzzle_change": _blurred_puzzle_change(),
        "strided_odd_error": _worst(strided_probe, odd=True),
        "strided_even_error": _worst(strided_probe, odd=False),
        "average_odd_error": _worst(average_probe, odd=True),
        "average_even_error": _worst(average_probe, odd=False),
        "dense_exact": _share(_probe_all(dense_max, x, stride=1)),
        "max_error": max_error,
        "blurred_error": blurred_error,
        "blur_remaining": blurred_error / max_error,
        **_vgg_periods(x, widths),
    }


def _ring_conv(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, stride, 1, padding_mode="circular")


def _probe_all(f: nn.Module, x: Tensor, stride: int) -> Probe:
    shifts = list(product(range(4), repeat=2))[1:]
    return probe(f, x, shifts, stride=stride)


def _odd_error(f: nn.Module, x: Tensor) -> float:
    shifts = [(1, 1), (0, 1), (1, 0)]
    return float(probe(f, x, shifts, stride=2, between="linear").errors.mean())


def _worst(result: Probe, *, odd: bool) -> float:
    chosen = [any(d % 2 for d in s) == odd for s in result.shifts]
    return float(result.errors[torch.tensor(chosen)].max())


def _share(result: Probe) -> float:
    return len(result.exact) / len(result.shifts)


def _puzzle_changed() -> float:
    before = nn.functional.max_pool1d(PUZZLE, 2)
    after = nn.functional.max_pool1d(PUZZLE.roll(1, -1), 2)
    return float((before != after).float().mean())


def _blurred_puzzle_change() -> float:
    pool = MaxBlurPool1d(2, 2, padding="same", padding_mode="circular")
    return float((pool(PUZZLE) - pool(PUZZLE.roll(1, -1))).abs().max())


@torch.no_grad()
def _vgg_periods(x: Tensor, widths: list[int]) -> dict[str, float]:
    """Smallest diagonal shift that commutes with the first n stages, for each n."""
    size = x.shape[-1]
    stages = nn.Sequential(_ring_conv(*widths[:2]), nn.ReLU()).to(x.device)
    periods = {"period_after_0": _period(stages, x, 1, size)}
    for n, (inputs, outputs) in enumerate(pairwise([*widths[1:], widths[-1]]), 1):
        stages.append(nn.MaxPool2d(2))
        periods[f"period_after_{n}"] = _period(stages, x, 2**n, size)
        stages.extend([_ring_conv(inputs, outputs).to(x.device), nn.ReLU()])
    return periods


def _period(f: nn.Module, x: Tensor, stride: int, size: int) -> float:
    diagonal = ((d, d) for d in range(1, size + 1))
    exact = (s for s in diagonal if probe(f, x, [s], stride=stride).is_exact)
    return next(exact)[0]
