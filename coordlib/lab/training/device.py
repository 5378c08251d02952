"""How long a device computed, and what a CPU is spared."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from platform import libc_ver
from time import perf_counter, process_time

import torch

from coordlib.arguments import check_instance

__all__ = ["denormals_flushed", "device_seconds", "spare_cpu"]

# Options of glibc's mallopt, and the largest block that is kept.
TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
LARGEST_KEPT = 2**28


def device_seconds(device: torch.device) -> float:
    """Read the clock that tells what a computation cost; differences count.

    On a CPU this is processor time over all threads, which does not grow when the
    machine is shared. On an accelerator it is wall time, once the work that was
    queued there is done.
    """
    check_instance("device", device, torch.device, "a torch.device")
    if device.type == "cpu":
        return process_time()
    # By its own module where there is one: torch.accelerator came with torch 2.6.
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
    else:
        torch.accelerator.synchronize(device)
    return perf_counter()


@contextmanager
def denormals_flushed() -> Iterator[None]:
    """Count numbers nearest to zero as zero, while it lasts, in this thread of a CPU.

    Weight decay and Adam's running averages shrink towards zero for ever. Below
    1e-38 they are *denormal*, and a CPU takes some hundred times longer over each.
    Where flushing is not to be had nothing happens.
    """
    before = not torch.tensor(1e-39).mul(0.5).item()
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)


def spare_cpu() -> None:
    """Have this process waste no time on denormal numbers and on memory, from now on.

    :func:`denormals_flushed` reaches the thread that calls it; a thread that starts
    after this call flushes them, too. And memory that a step of training frees is
    kept for the next step, which asks for blocks of the same sizes: the system would
    clear every page of them again. (That is asked of glibc; elsewhere nothing is.)
    """
    torch.set_flush_denormal(True)
    if libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(MMAP_THRESHOLD, LARGEST_KEPT)
        libc.mallopt(TRIM_THRESHOLD, 2**31 - 1)
