"""What the cores of the CPU play while an accelerator is busy with other things.

Each seed of an experiment is measured by a process of its own, on one core, in a folder
of its own. What is finished when the time is up is joined to the results; what was
begun stays in its folder, and the next call goes on with it.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from time import time

import torch

from coordlib.lab.experiments import run
from coordlib.lab.record import results
from coordlib.lab.record.experiment import KEPT_SEED
from coordlib.lab.training.resume import TimeUp, stopping_after_a_step

PRESET = "decisive"

Seed = tuple[str, int]
"""An experiment by its name, and a seed of it."""


def idle_cores() -> int:
    """How many processes there is room for beside the one that feeds a GPU."""
    return max((os.cpu_count() or 1) - 2, 1)


@contextmanager
def playing(
    wanted: Iterable[Seed],
    seconds: float,
    where: Path,
    report: Callable[[str], None],
    pool: Executor | None = None,
) -> Iterator[None]:
    """Measure seeds on idle cores, while what is inside runs, and until time is up.

    Parameters
    ----------
    wanted : iterable of (str, int)
    seconds : float
    where : Path
        The folder of results.
    report : callable
        Takes one line of text at a time.
    pool : Executor, optional
        Whose processes to use; new ones if not given.
    """
    wanted, end = list(wanted), time() + seconds
    if not wanted:
        yield
        return
    # Not a copy of this process, whose threads and whose GPU they must not share.
    how = {"mp_context": get_context("spawn"), "initializer": torch.set_num_threads}
    pool = pool or ProcessPoolExecutor(idle_cores(), initargs=(1,), **how)
    begun = where / f"{PRESET}.beside"
    folders = {seed: begun / "-".join(map(str, seed)) for seed in wanted}
    futures = {s: pool.submit(measure, *s, folders[s], end) for s in wanted}
    try:
        yield
    finally:
        pool.shutdown(cancel_futures=True)
        for (name, seed), future in futures.items():
            if not future.cancelled() and (error := future.exception()):
                report(f"{name} seed {seed}: {str(error).splitlines()[0]}")
        joined = [seed for seed in wanted if _join(*seed, folders[seed], where)]
        report(f"beside: {len(joined)} of {len(wanted)} seeds on the CPU are finished")


def measure(name: str, seed: int, where: Path, end: float) -> None:
    """Measure one seed, until a time; what is begun is kept."""
    if (left := end - time()) <= 0:
        return
    silent = {"device": "cpu", "report": lambda line: None}
    try:
        with stopping_after_a_step(left):
            run(name, PRESET, (seed,), where=where, **silent)
    except (TimeUp, KeyboardInterrupt):
        return


def _join(name: str, seed: int, folder: Path, where: Path) -> bool:
    """Put a seed that is finished to the others; say whether it is."""
    file = results.path(name, PRESET, folder)
    if not file.exists() or seed not in (found := results.load(file)).seeds:
        return False
    target = results.path(name, PRESET, where)
    result = results.load(target) if target.exists() else found
    result.join(found)
    results.save(result, where)
    weights = results.weights_path(name, PRESET, folder)
    if seed == KEPT_SEED and weights.exists():
        weights.replace(results.weights_path(name, PRESET, where))
    return True
