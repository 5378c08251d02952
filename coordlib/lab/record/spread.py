"""A sweep over a cluster: its jobs go to the workers of a Dask scheduler."""

from collections.abc import Callable, Iterator
from typing import Any

import torch

from coordlib.lab.record.device import best_device, spare_cpu
from coordlib.lab.record.sweep import here
from coordlib.lab.record.task import Task, Trained, made

TIMEOUT = "20s"


def workers_device(address: str, request: str) -> torch.device:
    """The device that a worker takes for the one asked for; all are taken to be alike.

    Parameters
    ----------
    address, request : str
        As for :func:`on_dask` and :func:`~coordlib.lab.record.device.best_device`.

    Raises
    ------
    ModuleNotFoundError, OSError
        As :func:`on_dask`.
    """
    with _client(address) as client:
        return client.submit(best_device, request, pure=False).result()


def on_dask(
    address: str,
    make_task: Callable[..., Task],
    config: dict,
    todo: list[dict],
    device: torch.device,
) -> Iterator[list[Trained]]:
    """Spread the jobs over a Dask cluster, and give their results as they come.

    A job whose worker dies is done again by another; one that is too large for the
    memory of the device is halved by its worker, as :func:`here` does it.

    Parameters
    ----------
    address : str
        Of the scheduler.
    make_task : callable
        The function ``task`` of a sweep; workers import it by its name.
    config : dict
    todo : list of dict
        As :func:`coordlib.lab.record.sweep.jobs` gives them.
    device : torch.device
        Of the workers.

    Yields
    ------
    list of (Run, dict of str to Tensor)
        What one job gave.

    Raises
    ------
    ModuleNotFoundError
        If Dask is not installed.
    OSError
        If there is no scheduler at the address.
    """
    with _client(address) as client:
        from distributed import as_completed

        what = make_task, config
        futures = [
            client.submit(_train_remotely, *what, job, device, pure=False)
            for job in todo
        ]
        for future in as_completed(futures):
            yield future.result()


def _client(address: str) -> Any:
    """What speaks to the scheduler there."""
    try:
        from distributed import Client
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "a sweep over a cluster needs Dask: pip install 'coordlib[dask]'"
        ) from None
    try:
        return Client(address, timeout=TIMEOUT)
    except (OSError, ValueError) as error:
        raise OSError(f"no Dask scheduler answers at {address} ({error})") from None


def _train_remotely(
    make_task: Callable[..., Task], config: dict, job: dict, device: torch.device
) -> list[Trained]:
    if device.type == "cpu":
        spare_cpu()  # a worker is a process of its own, and took twice the time without
    parts = here(made(make_task, config), [job], device, None, bar=False)
    return [one for part in parts for one in part]
