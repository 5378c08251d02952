"""The kernels of a step, counted, and what a device needs for them at least.

Nothing is computed: on torch's device "meta" tensors have shapes and no numbers.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from math import ceil, prod

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode


@dataclass(frozen=True)
class Device:
    """What a device does in a second, as far as small convolutions reach it.

    Attributes
    ----------
    operations : float
        Of matrix products and convolutions in float32; in bfloat16 twice as many.
    bytes : float
        Read and written.
    kernel : float
        The least seconds of a kernel, of those that follow one another in a graph.
    """

    operations: float
    bytes: float
    kernel: float


# The data sheet of the SXM5 card says 494 dense TFLOP/s (TF32, which convolutions of
# float32 use there) and 3.35 TB/s. A quarter of the one, two thirds of the other and
# two microseconds are guesses, until they are measured.
H100 = Device(operations=124e12, bytes=2.2e12, kernel=2e-6)


@dataclass(frozen=True)
class Kernel:
    """One call: its name, multiplications and additions, bytes read and written.

    ``size`` is that of the numbers which it multiplies, in bytes.
    """

    name: str
    operations: float
    bytes: float
    size: int = 4

    def seconds(self, device: Device) -> float:
        """The least time that it takes: for its start, its sums, or its bytes."""
        sums = self.operations / (device.operations * 4 / self.size)
        return max(device.kernel, sums, self.bytes / device.bytes)


AT_ONCE, BLOCKS, BLOCK = (110, 64, 48, 36, 30), 320, 65_536
"""What a kernel takes that goes through lists: so many tensors, of one list, of two,
to five; and so many blocks of so many numbers (``MultiTensorApply.cuh``)."""

NO_KERNELS = ("_unsafe_view", "detach", "empty", "empty_like", "new_empty_strided")
"""Calls that touch no numbers."""


class Counter(TorchDispatchMode):
    """Writes down every kernel that is called while it is entered.

    Attributes
    ----------
    kernels : list of Kernel
    from_host : list of str
        Calls that bring numbers from the host, for which a device would wait.
    """

    def __init__(self) -> None:
        super().__init__()
        self.kernels: list[Kernel] = []
        self.from_host: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func._schema.name.removeprefix("aten::")
        if name.startswith(("_foreach_", "_fused_")) and name.endswith("_"):
            self.kernels += _kernels_of_lists(name, args)
            # Of fused optimisers torch has no form without numbers.
            counted = name.startswith("_fused_") and args[0][0].is_meta
            return None if counted else func(*args, **(kwargs or {}))
        out = func(*args, **(kwargs or {}))
        if name == "convolution":
            out = _laid_out_as(args[0], out)
        # A tensor that is given twice is read once.
        read = list({id(one): one for one in _tensors((args, kwargs))}.values())
        written = list(_tensors(out))
        if len({tensor.device for tensor in (*read, *written) if tensor.ndim}) > 1:
            self.from_host.append(name)
        if func.is_view or name in NO_KERNELS:
            return out
        moved = sum(map(_nbytes, (*read, *written)))
        if name == "convolution_backward":
            self.kernels += _backward_kernels(name, args, out)
        else:
            operations = _operations(name, args, out)
            size = args[1].element_size() if operations else 4
            self.kernels.append(Kernel(name, operations, moved, size))
        return out


def _laid_out_as(x: Tensor, y: Tensor) -> Tensor:
    """Maps with their channels last if they came so: on "meta" torch forgets it."""
    form = torch.channels_last
    last = x.is_meta and x.ndim == 4 and x.is_contiguous(memory_format=form)
    last = last and not x.is_contiguous()  # of single pixels either is true
    return y.contiguous(memory_format=form) if last else y


def _tensors(value: object) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        yield from _tensors(list(value.values()))
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _tensors(one)


def _nbytes(tensor: Tensor) -> int:
    """What is in memory: a tensor that repeats itself is read once."""
    seen = (
        n for n, stride in zip(tensor.shape, tensor.stride(), strict=True) if stride
    )
    return prod(seen) * tensor.element_size()


def _operations(name: str, args: tuple, out: object) -> float:
    """Multiplications and additions of a call that is one kernel."""
    if name in ("mm", "bmm"):
        return 2 * args[0].numel() * args[1].shape[-1]
    if name in ("addmm", "baddbmm"):
        return 2 * args[1].numel() * args[2].shape[-1]
    if name == "convolution":
        return _convolved(args[0], args[1], out, transposed=args[6])
    return 0.0


def _kernels_of_lists(name: str, args: tuple) -> list[Kernel]:
    """The kernels of a call that changes tensors in a list, in place.

    It reads them and those of the lists beside them. Of a fused optimiser the second
    list is that of the gradients, and all others are written, too.
    """
    lists = list(takewhile(lambda one: isinstance(one, list) and one, args))
    written = [lists[0], *lists[2:]]
    blocks = sum(ceil(tensor.numel() / BLOCK) for tensor in lists[0])
    tensors = len(lists[0]) / AT_ONCE[len(lists) - 1]
    needed = ceil(max(tensors, blocks / BLOCKS))
    moved = sum(map(_nbytes, _tensors([lists, written])))
    return [Kernel(name, 0.0, moved / needed)] * needed


def _backward_kernels(name: str, args: tuple, out: tuple) -> Iterator[Kernel]:
    """One kernel for each gradient of a convolution: of input, weight and bias."""
    arriving, x, weight, transposed = *args[:3], args[7]
    one = _convolved(x, weight, arriving, transposed)
    rows = zip(out, (weight, x, None), (one, one, 0.0), strict=True)
    for found, other, operations in rows:
        if found is not None:
            moved = sum(map(_nbytes, _tensors((arriving, other, found))))
            yield Kernel(name, operations, moved, x.element_size())


def _convolved(x: Tensor, weight: Tensor, out: Tensor, transposed: bool) -> float:
    # Each number of the input, or else of the output, meets one row of the weight.
    return 2 * (x if transposed else out).numel() * weight[0].numel()
