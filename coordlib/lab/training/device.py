"""Which device to compute on, how long it took, and what numbers it skips."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter, process_time

import torch

__all__ = ["best_device", "denormals_flushed", "device_seconds"]


def best_device(request: str | torch.device = "auto") -> torch.device:
    """The device to use: the one asked for, or the best there is.

    Parameters
    ----------
    request : str or torch.device, default "auto"
        ``"auto"`` takes the first present of cuda, mps and cpu. Anything else names a
        device: ``"cpu"``, ``"mps"``, ``"cuda"`` or ``"cuda:1"``.

    Returns
    -------
    torch.device
        A device that this machine has.

    Raises
    ------
    TypeError
        If ``request`` is neither a string nor a device.
    ValueError
        If ``request`` names no device, or one that this machine does not have.

    Examples
    --------
    >>> best_device("cpu")
    device(type='cpu')
    """
    if not isinstance(request, str | torch.device):
        raise TypeError(
            f"request must be a string or a torch.device, got {type(request).__name__}"
        )
    present = _present()
    if request == "auto":
        return torch.device(next(iter(present)))
    accepted = ", ".join(["auto", *present])
    try:
        device = torch.device(request)
    except RuntimeError:
        raise ValueError(
            f"request must be one of {accepted}; got {request!r}"
        ) from None
    count = present.get(device.type, 0)
    if (device.index or 0) >= count:
        raise ValueError(
            f"request {str(request)!r} is not on this machine, which has "
            f"{count} {device.type} device(s); accepted: {accepted}"
        )
    return device


def device_seconds(device: torch.device) -> float:
    """Read the clock that tells what a computation cost; differences count.

    On a CPU this is processor time over all threads, which does not grow when the
    machine is shared. On an accelerator it is wall time, once the work that was
    queued there is done.

    Parameters
    ----------
    device : torch.device

    Returns
    -------
    float
    """
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


def _present() -> dict[str, int]:
    """How many devices of each kind, best kind first."""
    present = {}
    if torch.cuda.is_available():
        present["cuda"] = torch.cuda.device_count()
    if torch.backends.mps.is_available():
        present["mps"] = 1
    return present | {"cpu": 1}
