"""CoordConv2d beside a plain and a concatenating convolution of the same width."""

from collections.abc import Callable, Iterator
from itertools import product

import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from benchmarks.timing import paired, ratio
from coordlib.grid import unit_grid
from coordlib.lab.record.result import Row, rows
from coordlib.layers import AddCoords, CoordConv2d

CONFIG = {
    "kernels": [1, 3, 5, 7],
    "channels": [[3, 32], [16, 16], [64, 64]],
    "images": [[32, 16], [8, 64], [1, 224]],  # how many, and their side
    "formats": ["contiguous", "channels_last"],
    "rounds": 7,
}
COMPARED = ("ours", "plain"), ("concatenated", "ours"), ("ready", "concatenated")
FORMATS = {
    "contiguous": torch.contiguous_format,
    "channels_last": torch.channels_last,
}


def layers(inputs: int, outputs: int, kernel: int) -> dict[str, nn.Module]:
    """Plain, ours, the form that other ports use, and the least of any like ours.

    Two of these: one whose bias is ready, and one that computes it in each call.
    """
    options = {"kernel_size": kernel, "padding": kernel // 2}
    return {
        "plain": nn.Conv2d(inputs, outputs, **options),
        "ready": WithReadyBias(inputs, outputs, **options),
        "computed": WithComputedBias(inputs, outputs, **options),
        "ours": CoordConv2d(inputs, outputs, **options),
        "concatenated": nn.Sequential(
            AddCoords(), nn.Conv2d(inputs + 2, outputs, **options)
        ),
    }


class WithReadyBias(nn.Conv2d):
    """A convolution whose output gets a bias of its own at each place.

    What a layer takes at least that convolves the input exactly as the plain one does
    and adds the share of the position to that, if this share costs nothing.
    """

    def forward(self, input: Tensor) -> Tensor:
        output = super().forward(input)
        if not hasattr(self, "ready"):  # its size is known now; then it is trained, too
            self.ready = nn.Parameter(torch.randn_like(output[:1]))
        return output.add_(self.ready)


class WithComputedBias(nn.Conv2d):
    """A convolution whose output gets what another makes of coordinates.

    What a layer takes at least that computes the share of the position in each call, as
    it must while weights change: the coordinates are ready, their weights lie apart.
    """

    def __init__(self, inputs: int, outputs: int, **options: int) -> None:
        super().__init__(inputs, outputs, **options)
        self.share = nn.Conv2d(2, outputs, **options, bias=False)

    def forward(self, input: Tensor) -> Tensor:
        output = super().forward(input)
        if not hasattr(self, "coordinates"):  # its size is known now
            coordinates = unit_grid(input.shape[2:])[None]
            if input.stride(1) == 1:
                coordinates = coordinates.contiguous(memory_format=torch.channels_last)
            self.register_buffer("coordinates", coordinates)
        return output.add_(self.share(self.coordinates))


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
    if torch.get_default_device().type != "cpu":
        torch.accelerator.reset_peak_memory_stats()
        before = torch.accelerator.memory_allocated()
        kept = step()
        del kept
        return torch.accelerator.max_memory_allocated() - before
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
) -> Iterator[tuple[dict, dict[str, nn.Module], Tensor]]:
    """Every case: what it is, the candidates and an input."""
    for k, (inputs, outputs), (count, side), layout in product(
        kernels, channels, images, formats
    ):
        torch.manual_seed(0)
        memory = {"memory_format": FORMATS[layout]}
        candidates = layers(inputs, outputs, k)
        for layer in candidates.values():
            layer.to(**memory)
        x = torch.randn(count, inputs, side, side).to(**memory).requires_grad_()
        case = {"kernel": k, "inputs": inputs, "outputs": outputs}
        case |= {"count": count, "side": side, "layout": layout}
        yield case, candidates, x


def measure(rounds: int, **grid: list) -> Iterator[Row]:
    """Time evaluation and training; compare the memory of training.

    Yields
    ------
    Row
        By case, ``work`` ("forward", "training", "memory") and ``of``, what is compared
        ("ours/plain"): ``ratio`` and its quartiles, or the plain layer's
        ``milliseconds``.
    """
    for case, candidates, x in cases(**grid):
        for work, make in (("forward", forward), ("training", training)):
            steps = {
                key: make(candidates[key], x)
                for key in ("plain", "ready", "ours", "concatenated")
            }
            times = paired(steps, rounds=rounds)
            axes = case | {"work": work}
            plain = 1000 * sorted(times["plain"])[rounds // 2]
            yield from rows({"milliseconds": plain}, **axes, of="plain")
            for of, to in COMPARED:
                yield from ratio(times, of, to).rows(**axes, of=f"{of}/{to}")
        peaks = {
            key: peak_memory(training(candidates[key], x)) + x.nbytes
            for key in ("plain", "ours", "concatenated")
        }
        for of in ("ours", "concatenated"):
            share = peaks[of] / peaks["plain"]
            axes = case | {"work": "memory", "of": f"{of}/plain"}
            yield from rows({"ratio": share}, **axes)
