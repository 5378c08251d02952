"""Run benchmarks and store what they find: ``python -m benchmarks [NAME ...]``.

At the end, or for ``python -m benchmarks bounds`` at once, it prints what was to be
reached beside what was measured last. ``--device cuda`` does both on another device,
where its time is told after the device has done all its work.
"""

import argparse
import sys

import torch

from benchmarks import NAMES
from benchmarks.bounds import ON_DEVICES, bounds, given_up, lines, stored
from benchmarks.run import run
from coordlib.lab.record import results
from coordlib.lab.record.device import best_device
from coordlib.lab.record.result import Result


def main(arguments: list[str]) -> int:
    """Run the benchmarks named, or all of them; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--device", default="cpu", help="cpu (default), cuda, mps ...")
    options = parser.parse_args(arguments)
    measured: list[Result] = []
    try:
        if options.names == ["bounds"]:
            device = torch.device(options.device).type
        else:
            device = best_device(options.device).type
            for name in options.names or (NAMES if device == "cpu" else ON_DEVICES):
                print(f"{name}: measuring", flush=True)
                measured.append(run(name, device))
    except (ValueError, RuntimeError) as error:
        print(f"error: {error}".splitlines()[0], file=sys.stderr)
        return 2
    finally:
        # Not before the end: a file that changed would make the code of the next
        # benchmark look changed, too.
        for result in measured:
            print(f"written: {results.save(result).name}")
    return _print_bounds(device)


def _print_bounds(device: str) -> int:
    def read(name: str) -> Result:
        return stored(name, device)

    try:
        found = list(bounds(read, device))
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    dropped = list(given_up(read)) if device == "cpu" else None
    print("\n".join(lines(found, dropped)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
