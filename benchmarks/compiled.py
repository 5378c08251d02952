"""CoordConv2d beside a plain convolution, both in a block under ``torch.compile``.

A block is a convolution, a batch normalisation and a rectifier: what a compiler sees in
a network, where it can add the share of the position in a pass that it makes anyway.
"""

from collections.abc import Iterator

import torch
from torch import nn

from benchmarks.coordconv import cases, forward, training
from benchmarks.timing import confirmed, ratio
from coordlib.lab.record.result import Row, rows

# Few cases, for each compiles four graphs.
PROCESSES = 3
CONFIG = {
    "kernels": [1, 3, 7],
    "channels": [[16, 16]],
    "images": [[8, 64]],
    "formats": ["contiguous", "channels_last"],
    "rounds": 7,
}


def block(layer: nn.Module) -> nn.Module:
    """The layer, then a batch normalisation and a rectifier, laid out as it is."""
    norm = nn.BatchNorm2d(layer.out_channels)
    return nn.Sequential(layer, norm, nn.ReLU()).train(layer.training)


def measure(rounds: int, **grid: list) -> Iterator[Row]:
    """Time evaluation and training of the compiled blocks.

    Yields
    ------
    Row
        As in :func:`benchmarks.coordconv.measure`.
    """
    for case, candidates, x in cases(**grid):
        for name in ("ready", "computed"):
            candidates[name](x)  # makes what is as large as the output
        for work, make in (("forward", forward), ("training", training)):
            torch.compiler.reset()
            steps = {
                key: make(torch.compile(block(candidates[key]), fullgraph=True), x)
                for key in ("plain", "ours", "ready", "computed")
            }
            times = confirmed(steps, "ours", "computed", rounds=rounds)
            axes = case | {"work": work}
            plain = 1000 * sorted(times["plain"])[rounds // 2]
            yield from rows({"milliseconds": plain}, **axes, of="plain")
            for of, to in (
                ("ours", "plain"),
                ("ready", "plain"),
                ("computed", "plain"),
                ("ours", "computed"),
            ):
                yield from ratio(times, of, to).rows(**axes, of=f"{of}/{to}")
