"""Run a benchmark, each time in a process of its own.

Where tensors happen to lie in memory decides up to a tenth of a time, and in one
process they lie where they lay before. So a benchmark whose bounds are that narrow runs
in several, one after the other; its module says in how many.
"""

from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from multiprocessing import get_context
from time import perf_counter
from types import ModuleType

import torch

from benchmarks import NAMES
from benchmarks.bounds import ON_DEVICES, stored_as
from coordlib.lab.record import results
from coordlib.lab.record.result import Result, Row
from coordlib.lab.training.device import spare_cpu


def run(name: str, device: str = "cpu") -> Result:
    """Measure one benchmark.

    Parameters
    ----------
    name : str
        One of :data:`benchmarks.NAMES`.
    device : str
        Where; other than on "cpu" only those of :data:`benchmarks.bounds.ON_DEVICES`.

    Returns
    -------
    Result
        ``speed-NAME``, or ``speed-NAME-DEVICE``, at the size "cpu", with a seed for
        each process.

    Raises
    ------
    ValueError
        If there is no such benchmark, or not for such a device.
    """
    known = NAMES if device == "cpu" else ON_DEVICES
    if name not in known:
        at = "" if device == "cpu" else f" on {device}"
        raise ValueError(f"name must be one of {', '.join(known)}{at}, got {name!r}")
    module = import_module(f"benchmarks.{name}")
    result = Result(stored_as(name, device), "cpu", module.CONFIG)
    for n in range(processes(module)):
        start = perf_counter()
        with ProcessPoolExecutor(1, get_context("spawn")) as fresh:
            measured = fresh.submit(_measured, name, device, module.CONFIG).result()
        result.add(n, measured)
        seconds = perf_counter() - start
        result.provenance[str(n)] = results.provenance(torch.device(device), seconds)
    return result


def processes(module: ModuleType) -> int:
    """In how many processes a benchmark runs."""
    return getattr(module, "PROCESSES", 1)


def _measured(name: str, device: str, config: dict) -> list[Row]:
    spare_cpu()  # as pages and runs do; it keeps memory, too
    with torch.device(device):
        measured = list(import_module(f"benchmarks.{name}").measure(**config))
    return [row | {"value": float(f"{row['value']:.4g}")} for row in measured]
