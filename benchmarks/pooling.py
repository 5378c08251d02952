"""BlurPool2d and MaxBlurPool2d beside the same layers of other libraries.

The libraries are compared where they can be imported: antialiased-cnns, kornia and timm
(``pip install --no-deps``, so that torch stays). "torch" is always there: the
definition written in plain torch, as antialiased-cnns and timm have it. With filters of
odd size these two and coordlib compute the same. kornia fills the border with zeros, so
it stands beside ``padding_mode="zeros"``; timm pads filters of even size by one pixel
more, and is left out there.
"""

from collections.abc import Iterator
from importlib import import_module
from itertools import product
from statistics import median

import torch
from torch import Tensor, nn

from benchmarks.coordconv import FORMATS, forward, peak_memory, training
from benchmarks.timing import confirmed, paired, ratio
from coordlib.lab.record.result import Row, rows
from coordlib.layers import BlurPool2d, MaxBlurPool2d
from coordlib.layers._arguments import check_input
from coordlib.layers._blur import check_border, check_channels

PROCESSES = 3
CONFIG = {
    "layers": [
        ["blur", 3, "reflect"],
        ["blur", 3, "zeros"],
        ["blur", 4, "reflect"],
        ["blur", 5, "reflect"],
        ["max", 2, "reflect"],
        ["max", 2, "zeros"],
        ["max", 3, "reflect"],
    ],
    # Pictures, channels, side: of a batch, of a late layer, of a single small picture.
    "inputs": [[16, 64, 56], [16, 256, 14], [1, 16, 16]],
    "formats": ["contiguous", "channels_last"],
    "compiled": [["max", 2, "reflect"], ["blur", 3, "reflect"]],
    "rounds": 7,
}


class PlainBlur(nn.Module):
    """Pad, then convolve each channel: the definition, in plain torch."""

    def __init__(self, channels: int, filter_size: int, padding_mode: str) -> None:
        super().__init__()
        before, after = (filter_size - 1) // 2, filter_size // 2
        self.pads = (before, after) * 2
        self.mode = "constant" if padding_mode == "zeros" else padding_mode
        kernel = BlurPool2d(filter_size=filter_size).kernel
        self.register_buffer("kernel", kernel.repeat(channels, 1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.pad(x, self.pads, self.mode)
        return nn.functional.conv2d(x, self.kernel, stride=2, groups=len(self.kernel))


class Checked(nn.Module):
    """A layer after the checks of its input that a layer of ours makes."""

    def __init__(self, layer: nn.Module, channels: int, padding_mode: str) -> None:
        super().__init__()
        self.layer, self.channels, self.mode = layer, channels, padding_mode

    def forward(self, x: Tensor) -> Tensor:
        check_input(x, 2)
        check_channels(x, self.channels, 2)
        check_border(x, (1, 1), self.mode)
        return self.layer(x)


def checked(layer: nn.Module, case: dict) -> nn.Module:
    """As many checks as ours makes: a maximum and its blur, each can stand alone."""
    if isinstance(layer, nn.Sequential):
        return nn.Sequential(*(checked(part, case) for part in layer))
    return Checked(layer, case["channels"], case["mode"])


def blurs(channels: int, filter_size: int, padding_mode: str) -> dict[str, nn.Module]:
    """The candidates for a blur, by the name of the library."""
    found = {
        "ours": BlurPool2d(channels, filter_size, 2, padding_mode),
        "torch": PlainBlur(channels, filter_size, padding_mode),
    }
    theirs = library("antialiased_cnns")
    if theirs and padding_mode == "reflect":
        found["antialiased-cnns"] = theirs.BlurPool(
            channels, filt_size=filter_size, stride=2
        )
    theirs = library("timm.layers")
    if theirs and padding_mode == "reflect" and filter_size % 2:
        found["timm"] = theirs.BlurPool2d(channels, filter_size, 2)
    theirs = library("kornia.filters")
    if theirs and padding_mode == "zeros" and filter_size % 2:
        found["kornia"] = theirs.BlurPool2D(filter_size)
    return found


def candidates(
    kind: str, size: int, padding_mode: str, channels: int
) -> dict[str, nn.Module]:
    """Layers that compute the same: ``size`` is the filter's, or the maximum's."""
    if kind == "blur":
        return blurs(channels, size, padding_mode)
    padding = (size - 1) // 2
    found = {
        name: nn.Sequential(nn.MaxPool2d(size, 1, padding), blur)
        for name, blur in blurs(channels, 3, padding_mode).items()
    }
    found["ours"] = MaxBlurPool2d(
        size, 2, padding, padding_mode=padding_mode, channels=channels
    )
    theirs = library("kornia.filters")
    if theirs and padding_mode == "zeros" and size == 2:
        found["kornia"] = theirs.MaxBlurPool2D(3)
    return found


def library(name: str):
    """A module of another library; None where it cannot be imported."""
    try:
        return import_module(name)
    except Exception:  # a library for another torch fails in any way
        return None


def measure(
    layers: list, inputs: list, formats: list, compiled: list, rounds: int
) -> Iterator[Row]:
    """Time evaluation and training; compare memory, and values before anything else.

    Yields
    ------
    Row
        By case, ``work`` ("forward", "training", "memory") and ``of``, what is
        compared: the ``milliseconds`` of the fastest other library, or a ``ratio`` with
        its quartiles: above 1, ours takes longer or more. Where nothing is compiled
        the plain definition with our checks, "checked", stands beside both.
    """
    for (kind, size, mode), (count, channels, side), layout in product(
        layers, inputs, formats
    ):
        torch.manual_seed(0)
        x = torch.randn(count, channels, side, side)
        x = x.to(memory_format=FORMATS[layout]).requires_grad_()
        found = candidates(kind, size, mode, channels)
        for layer in found.values():
            torch.testing.assert_close(layer(x), found["ours"](x))
        case = {"kind": kind, "size": size, "mode": mode, "count": count}
        case |= {"channels": channels, "side": side, "layout": layout}
        yield from compare(case | {"compiled": False}, found, x, rounds)
        peaks = {key: peak_memory(training(f, x)) for key, f in found.items()}
        least = min(peak for key, peak in peaks.items() if key != "ours")
        axes = case | {"work": "memory", "of": "ours/least"}
        yield from rows({"ratio": peaks["ours"] / least}, **axes)
        if [kind, size, mode] in compiled and [count, channels, side] == inputs[0]:
            torch.compiler.reset()
            fused = {
                k: torch.compile(found[k], fullgraph=True) for k in ("ours", "torch")
            }
            yield from compare(case | {"compiled": True}, fused, x, rounds)


def compare(
    case: dict, layers: dict[str, nn.Module], x: Tensor, rounds: int
) -> Iterator[Row]:
    """Ours beside the fastest of the others, in evaluation and in training."""
    for work, make in (("forward", forward), ("training", training)):
        work_of = {k: make(layer, x) for k, layer in layers.items()}
        if not case["compiled"]:
            work_of["checked"] = make(checked(layers["torch"], case), x)
        # The same rounds may not choose the fastest and tell by how much: among equals
        # they would choose the one that happened to be fast.
        tried = paired(work_of, rounds=rounds)
        fastest = min(layers.keys() - {"ours"}, key=lambda k: median(tried[k]))
        beside = {name for name in (fastest, "checked") if name in work_of}
        # On a small picture the checks alone make a layer slower than the fastest.
        doubted = beside - {fastest} if case["count"] == 1 else beside
        judged = {name: work_of[name] for name in ("ours", *sorted(beside))}
        times = confirmed(judged, "ours", *doubted, rounds=rounds)
        axes = case | {"work": work}
        middle = 1000 * median(times[fastest])
        yield from rows({"milliseconds": middle}, **axes, of="fastest")
        yield from ratio(times, "ours", fastest).rows(**axes, of="ours/fastest")
        if "checked" in times:
            yield from ratio(times, "ours", "checked").rows(**axes, of="ours/checked")
            beside = ratio(times, "checked", fastest)
            yield from beside.rows(**axes, of="checked/fastest")
