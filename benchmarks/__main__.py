"""Run benchmarks and store what they find: ``python -m benchmarks [NAME ...]``.

At the end, or for ``python -m benchmarks bounds`` at once, it prints what was to be
reached beside what was measured last.
"""

import sys
from importlib import import_module
from time import perf_counter

import torch

from benchmarks import NAMES
from benchmarks.bounds import bounds, lines, stored
from coordlib.lab.record import results
from coordlib.lab.record.result import Result


def run(name: str) -> Result:
    """Measure one benchmark.

    Parameters
    ----------
    name : str
        One of :data:`benchmarks.NAMES`.

    Returns
    -------
    Result
        ``speed-NAME`` at the size "cpu", with one seed.

    Raises
    ------
    ValueError
        If there is no such benchmark.
    """
    if name not in NAMES:
        raise ValueError(f"name must be one of {', '.join(NAMES)}, got {name!r}")
    module = import_module(f"benchmarks.{name}")
    start = perf_counter()
    result = Result(f"speed-{name}", "cpu", module.CONFIG)
    measured = list(module.measure(**module.CONFIG))
    result.add(0, [row | {"value": float(f"{row['value']:.4g}")} for row in measured])
    seconds = perf_counter() - start
    result.provenance["0"] = results.provenance(torch.device("cpu"), seconds)
    return result


def main(names: list[str]) -> int:
    """Run the benchmarks named, or all of them; return the exit status."""
    measured = []
    try:
        for name in [] if names == ["bounds"] else names or NAMES:
            print(f"{name}: measuring", flush=True)
            measured.append(run(name))
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    finally:
        # Not before the end: a file that changed would make the code of the next
        # benchmark look changed, too.
        for result in measured:
            print(f"written: {results.save(result).name}")
    print("\n".join(lines(list(bounds(stored)))))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
