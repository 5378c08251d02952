"""Which device to measure on."""

import torch

from coordlib.lab.training.device import device_seconds, spare_cpu

# The others are training's; pages and runs look for them here.
__all__ = ["best_device", "device_seconds", "spare_cpu"]


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
            f"request must be a device, one of {accepted}; got {request!r}"
        ) from None
    count = present.get(device.type, 0)
    if (device.index or 0) >= count:
        raise ValueError(
            f"request must be a device, {str(request)!r} is not on this machine, "
            f"which has {count} {device.type} device(s); accepted: {accepted}"
        )
    return device


def _present() -> dict[str, int]:
    """How many devices of each kind, best kind first."""
    present = {}
    if torch.cuda.is_available():
        present["cuda"] = torch.cuda.device_count()
    if torch.backends.mps.is_available():
        present["mps"] = 1
    return present | {"cpu": 1}
