"""A sweep over a cluster: its jobs go to the workers of a Dask scheduler."""

from collections.abc import Callable, Iterator

from coordlib.lab.record.task import Task, Trained, made

TIMEOUT = "20s"


def on_dask(
    address: str, make_task: Callable[..., Task], config: dict, todo: list[dict]
) -> Iterator[list[Trained]]:
    """Spread the jobs over a Dask cluster, and give their results as they come.

    A job whose worker dies is done again by another.

    Parameters
    ----------
    address : str
        Of the scheduler.
    make_task : callable
        The function ``task`` of a sweep; workers import it by its name.
    config : dict
    todo : list of dict
        As :func:`coordlib.lab.record.sweep.jobs` gives them.

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
    try:
        from distributed import Client, as_completed
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "a sweep over a cluster needs Dask: pip install 'coordlib[dask]'"
        ) from None
    try:
        client = Client(address, timeout=TIMEOUT)
    except (OSError, ValueError) as error:
        raise OSError(f"no Dask scheduler answers at {address} ({error})") from None
    with client:
        futures = [
            client.submit(_train_remotely, make_task, config, job, pure=False)
            for job in todo
        ]
        for future in as_completed(futures):
            yield future.result()


def _train_remotely(
    make_task: Callable[..., Task], config: dict, job: dict
) -> list[Trained]:
    return made(make_task, config).train(job)
