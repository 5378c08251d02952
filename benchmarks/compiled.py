"""CoordConv2d beside a plain convolution, both under ``torch.compile``."""

from collections.abc import Iterator

import torch

from benchmarks.coordconv import cases, forward, training
from benchmarks.timing import paired, ratio

# Few cases, for each compiles four graphs.
CONFIG = {
    "kernels": [1, 3, 7],
    "channels": [[16, 16]],
    "images": [[8, 64]],
    "formats": ["contiguous", "channels_last"],
    "rounds": 7,
}


def measure(rounds: int, **grid: list) -> Iterator[tuple[str, float]]:
    """Time evaluation and training of the compiled layers.

    Yields
    ------
    str, float
        As in :func:`benchmarks.coordconv.measure`.
    """
    for name, candidates, x in cases(**grid):
        for what, make in (("forward", forward), ("training", training)):
            torch.compiler.reset()
            steps = {
                key: make(torch.compile(candidates[key], fullgraph=True), x)
                for key in ("plain", "ours")
            }
            times = paired(steps, rounds=rounds)
            key = f"{what} | {name}"
            yield f"{key} | plain ms", 1000 * sorted(times["plain"])[rounds // 2]
            yield from ratio(times, "ours", "plain").named(f"{key} | ours/plain")
