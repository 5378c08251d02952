"""CoordConv2d beside a plain and a concatenating convolution of the same width."""

from collections.abc import Callable, Iterator
from itertools import product

import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from benchmarks.timing import paired, ratio
from coordlib.layers import AddCoords, CoordConv2d

CONFIG = {
    "kernels": [1, 3, 5, 7],
    "channels": [[3, 32], [16, 16], [64, 64]],
    "images": [[32, 16], [8, 64], [1, 224]],  # how many, and their side
    "formats": ["contiguous", "channels_last"],
    "rounds": 7,
}
FORMATS = {
    "contiguous": torch.contiguous_format,
    "channels_last": torch.channels_last,
}


def layers(inputs: int, outputs: int, kernel: int) -> dict[str, nn.Module]:
    """The three candidates: plain, ours, and the form that other ports use."""
    options = {"kernel_size": kernel, "padding": kernel // 2}
    return {
        "plain": nn.Conv2d(inputs, outputs, **options),
        "ours": CoordConv2d(inputs, outputs, **options),
        "concatenated": nn.Sequential(
            AddCoords(), nn.Conv2d(inputs + 2, outputs, **options)
        ),
    }


def forward(layer: nn.Module, x: Tensor) -> Callable[[], Tensor]:
    """One evaluation, without gradients."""

    def step() -> Tensor:
        with torch.no_grad():
            return layer(x)

    return step


def training(layer: nn.Module, x: Tensor) -> Callable[[], object]:
    """One step as in the middle of a network: gradients of the input and the weights.

    The gradient that arrives has the memory layout of the output, as it would.
    """
    with torch.no_grad():
        arriving = torch.randn_like(layer(x))
    variables = [x, *layer.parameters()]
    return lambda: torch.autograd.grad(layer(x), variables, arriving)


def peak_memory(step: Callable[[], object]) -> int:
    """Bytes that torch holds at most during one step, beyond those before it."""
    step()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as run:
        kept = step()
    del kept
    held = peak = 0
    for event in run.profiler.kineto_results.events():
        if event.name() == "[memory]":
            held += event.nbytes()
            peak = max(peak, held)
    return peak


def cases(
    kernels: list, channels: list, images: list, formats: list
) -> Iterator[tuple[str, dict[str, nn.Module], Tensor]]:
    """Every case: its name, the candidates and an input."""
    for k, (inputs, outputs), (count, side), layout in product(
        kernels, channels, images, formats
    ):
        torch.manual_seed(0)
        memory = {"memory_format": FORMATS[layout]}
        candidates = layers(inputs, outputs, k)
        for layer in candidates.values():
            layer.to(**memory)
        x = torch.randn(count, inputs, side, side).to(**memory).requires_grad_()
        name = f"{k}x{k}, {inputs} to {outputs}, {count} of {side}x{side}, {layout}"
        yield name, candidates, x


def measure(rounds: int, **grid: list) -> Iterator[tuple[str, float]]:
    """Time evaluation and training; compare the memory of training.

    Yields
    ------
    str, float
        Names are ``what | case | quantity``, where a quantity is a ratio
        (``ours/plain median``, ``low`` or ``high``) or the plain layer's milliseconds.
    """
    for name, candidates, x in cases(**grid):
        for what, make in (("forward", forward), ("training", training)):
            steps = {key: make(layer, x) for key, layer in candidates.items()}
            times = paired(steps, rounds=rounds)
            key = f"{what} | {name}"
            yield f"{key} | plain ms", 1000 * sorted(times["plain"])[rounds // 2]
            for of, to in (("ours", "plain"), ("concatenated", "ours")):
                yield from ratio(times, of, to).named(f"{key} | {of}/{to}")
        peaks = {
            key: peak_memory(training(layer, x)) + x.nbytes
            for key, layer in candidates.items()
        }
        for of in ("ours", "concatenated"):
            yield f"memory | {name} | {of}/plain", peaks[of] / peaks["plain"]
