"""Check on this machine what an accelerator could change: ``make gpu PYTHON=python3``.

Runs the tests of the library and the laboratory, every notebook, and a few short
timings, with the torch that is here. Nothing is installed, and nothing fetched: what
runs has an empty cache of data and no way out. Notebooks run as a reader's would, and
what they show is compared with what is stored. What is finished is told at once, and at
the end stands one table.

``--device cpu`` leaves accelerators aside, to try this out without one.
"""

import argparse
import copy
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from configparser import RawConfigParser
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path

from repository import BOOK, ROOT

# What is imported, and how the package is called.
NEEDED = {
    "torch": "torch",
    "numpy": "numpy",
    "scipy": "scipy",
    "matplotlib": "matplotlib",
    "yaml": "PyYAML",
    "tqdm": "tqdm",
    "filelock": "filelock",
    "platformdirs": "platformdirs",
    "ipykernel": "ipykernel",
    "ipywidgets": "ipywidgets",
    "anywidget": "anywidget",
    "nbclient": "nbclient",
    "nbformat": "nbformat",
    "PIL": "pillow",
    "pytest": "pytest",
    "xdist": "pytest-xdist",
    "hypothesis": "hypothesis",
}
TESTS = ["tests/library", "tests/lab"]  # those of the book need its own environment
OFFLINE = ROOT / "tests" / "offline"
VIEW = "application/vnd.jupyter.widget-view+json"
# As the benchmark "coordconv" has them, but few; on a CPU they are only tried out.
SHORT = {
    "kernels": [1, 3],
    "channels": [[3, 32], [64, 64]],
    "images": [[16, 64], [1, 224]],
    "formats": ["contiguous"],
}
TRIED = SHORT | {"kernels": [3], "channels": [[3, 32]], "images": [[1, 32]]}


@dataclass
class Row:
    """A line of the table: what ran, how it went, and for how long."""

    what: str
    result: str
    seconds: float
    good: bool = True


@dataclass
class Executed:
    """What executing a notebook anew has shown."""

    name: str
    seconds: float
    errors: list[str]
    differing: list[str]


def missing() -> list[str]:
    """Return the packages that are needed and not here."""
    return [name for module, name in NEEDED.items() if find_spec(module) is None]


def execute(path: Path) -> Executed:
    """Execute a notebook to its end, errors or not, and compare it with the stored."""
    # Not at the top: what is missing has to be said before.
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from notebooks import CELL_SECONDS

    stored = nbformat.read(path, as_version=4)
    new = nbformat.read(path, as_version=4)
    start = time.monotonic()
    errors, differing = [], []
    client = NotebookClient(
        new,
        kernel_name="python3",
        timeout=CELL_SECONDS,
        allow_errors=True,
        extra_arguments=["--IPKernelApp.log_level=40"],  # as in notebooks.py
        resources={"metadata": {"path": str(path.parent)}},
    )
    try:
        client.execute()
        errors, differing = compare(stored.cells, new.cells)
    except (CellTimeoutError, DeadKernelError) as error:
        errors = [f"stopped: {str(error).splitlines()[0]}"]
    return Executed(path.stem, time.monotonic() - start, errors, differing)


def compare(stored: list, new: list) -> tuple[list[str], list[str]]:
    """Name the cells with an error, and those whose outputs read otherwise.

    What nbval does not compare is not compared here. An error that is meant has to say
    what it said.
    """
    errors, differing = [], []
    code = [pair for pair in zip(stored, new, strict=True) if "outputs" in pair[0]]
    for number, (old, cell) in enumerate(code, 1):
        tags = cell.metadata.get("tags", [])
        where = f"cell {number}, {cell.source.splitlines()[0]!r}"
        failed = [o for o in cell.outputs if o.output_type == "error"]
        if failed and "raises-exception" not in tags:
            errors.append(f"{where}: {failed[0].ename}: {failed[0].evalue}")
        elif "nbval-ignore-output" not in tags:
            pairs = zip(read(old.outputs), read(cell.outputs), strict=False)
            lines = [f"{a!r} became {b!r}" for a, b in pairs if a != b]
            if not lines and len(read(old.outputs)) != len(read(cell.outputs)):
                lines = ["more or fewer lines than before"]
            differing += [f"{where}: {lines[0]}"] if lines else []
    return errors, differing


def read(outputs: list) -> list[str]:
    """Return the lines of outputs, without what differs between machines."""
    from notebooks import ANSI, merged

    texts = []
    for output in merged(copy.deepcopy(outputs)):  # it joins them in place
        if output.output_type == "error":
            texts.append(ANSI.sub("", f"{output.ename}: {output.evalue}"))
        texts.append(output.get("text", ""))
        for kind, data in sorted(output.get("data", {}).items()):
            if not kind.startswith("image/") and kind != VIEW:
                texts.append(str(data))
    text = "\n".join(filter(None, texts))
    rules = RawConfigParser()
    rules.read(ROOT / "sanitize.cfg", "utf-8")
    for rule in rules.sections():
        text = re.sub(rules[rule]["regex"], rules[rule]["replace"], text)
    return text.splitlines()


def in_notebooks(paths: list[Path], processes: int) -> list[Row]:
    """Execute notebooks side by side, say what is other, and return their rows."""
    rows = []
    # Processes of their own from the start: this one has threads, and torch.
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        for found in pool.map(execute, paths):
            for kind, lines in (("error", found.errors), ("differs", found.differing)):
                for line in lines:
                    print(f"{found.name}: {kind}: {line}", flush=True)
            parts = (f"{len(found.errors)} errors", f"{len(found.differing)} differ")
            good = not found.errors and not found.differing
            result = "as stored" if good else ", ".join(parts)
            rows.append(Row(found.name, result, found.seconds, good))
            print(f"{found.name}: {result}, {found.seconds:.0f} s", flush=True)
    return rows


def tests(names: list[str], processes: int) -> Row:
    """Run the tests named; print what pytest says if one fails."""
    command = [sys.executable, "-m", "pytest", "-q", "-n", str(processes), *names]
    start = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        print(done.stdout + done.stderr, flush=True)
    last = (done.stdout.splitlines() or ["no word of pytest"])[-1].strip(" =")
    print(f"tests: {last}", flush=True)
    return Row("tests", last, time.monotonic() - start, good=not done.returncode)


def timings(device) -> Iterator[Row]:
    """Time layers of coordlib beside plain ones, in turns, on a device."""
    import torch

    from benchmarks import coordconv, pooling
    from benchmarks.timing import paired, ratio
    from coordlib.lab.training.device import device_seconds

    on_cpu = device.type == "cpu"
    with torch.device(device):
        cases = list(coordconv.cases(**(TRIED if on_cpu else SHORT)))
        side = 14 if on_cpu else 56
        x = torch.randn(16, 64, side, side, requires_grad=True)
        maxima = pooling.candidates("max", 2, "reflect", 64)
        two = {"ours": maxima["ours"], "plain": maxima["torch"]}
        cases.append((f"MaxBlurPool2d, 16x64 of {side}x{side}", two, x))
        for name, layers, x in cases:
            for what, make in (
                ("forward", coordconv.forward),
                ("training", coordconv.training),
            ):
                start = time.monotonic()
                times = paired(
                    {key: make(layer, x) for key, layer in layers.items()},
                    rounds=5,
                    clock=lambda: device_seconds(device),
                )
                plain = 1000 * min(times["plain"])
                text = f"plain {plain:.3f} ms"
                for key in (key for key in times if key != "plain"):
                    text += f", {key} x {ratio(times, key, 'plain').median:.2f}"
                yield Row(f"{what} {name}", text, time.monotonic() - start)


def table(rows: list[Row]) -> str:
    """Lay the rows out."""
    wide = max(len(row.what) for row in rows)
    return "\n".join(
        f"{'' if row.good else '!':1} {row.what:{wide}}  {row.seconds:5.0f} s  "
        f"{row.result}"
        for row in rows
    )


def main(arguments: list[str]) -> int:
    """Run it all and print the table; return the exit status."""
    parser = argparse.ArgumentParser(prog="gpu.py", description=__doc__.split(":")[0])
    parser.add_argument("--device", choices=["auto", "cpu"], default="auto")
    parser.add_argument("--tests", nargs="*", default=TESTS, help="those of coordlib")
    parser.add_argument("notebooks", nargs="*", type=Path, help="all if none")
    options = parser.parse_args(arguments)
    if absent := missing():
        print("Missing here:", *absent, file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="empty-cache-") as cache:
        set_up(options.device, cache)
        return check(options)


def set_up(device: str, cache: str) -> None:
    """Give this process, and all that it starts, the same place and devices to work on.

    One thread each, as when the stored outputs were made; an empty cache of data, and
    the folder whose ``sitecustomize`` closes the ways out.
    """
    if device == "cpu":  # before torch is asked
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    path = (str(OFFLINE), str(ROOT), os.environ.get("PYTHONPATH"))
    os.environ |= {
        "COORDLIB_DATA": cache,
        "PYTHONPATH": os.pathsep.join(filter(None, path)),
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
    }
    sys.path.insert(0, str(ROOT))


def check(options: argparse.Namespace) -> int:
    """Run tests and notebooks side by side, then the timings; print the table."""
    from coordlib.lab.record.device import best_device

    device = best_device(options.device)
    cores = os.cpu_count() or 1
    for_tests = max(1, cores // 2)
    print(
        f"Python {sys.version.split()[0]}, torch {version('torch')}, numpy "
        f"{version('numpy')}, on {device}, {cores} cores",
        flush=True,
    )
    start = time.monotonic()
    paths = [path.resolve() for path in options.notebooks]
    paths = paths or sorted(BOOK.glob("*.ipynb"))
    with ThreadPoolExecutor(1) as beside:
        tested = beside.submit(tests, options.tests, for_tests)
        rows = in_notebooks(paths, max(1, cores - for_tests))
    # Alone, when nothing else runs.
    rows = [tested.result(), *rows, *timings(device)]
    print("\n" + table(rows))
    print(f"\n{time.monotonic() - start:.0f} s in all")
    return int(not all(row.good for row in rows))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
