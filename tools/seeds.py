"""Execute a notebook with other seeds, and list the asserts that do not hold.

``make seeds ONLY=book/choosing.ipynb`` runs the code of that notebook ten times. A
training that happens on the page must bear out what the page says of it whatever its
seed; an assert that holds for one seed alone says something about that seed.

What varies, from one run to the next:

- each seed that the page gives to ``torch.manual_seed``, so the first weights of its
  networks (and whatever else the page draws from torch's global generator);
- the ``seed`` of the trainings that the page starts (``fit`` and the other names in
  :data:`TRAININGS`), so the order of their batches and their draws.

What does not: generators of the page's own (``torch.Generator()``, ``default_rng``), so
the data, the splits and the noise that it makes; results and weights that were measured
beforehand; the device and its rounding. The first run varies nothing: it is the page.

A failing assert stops nothing here. It is noted, and the page goes on.
"""

import argparse
import ast
import io
import linecache
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import Any

import nbformat
from IPython.core.inputtransformer2 import TransformerManager

TRAININGS = ("fit", "fit_many", "actor_critic", "q_learning")
STEP = 1000  # between the seeds of two runs, as a page may use several in a row
HOLDS = "__holds__"

Place = tuple[int, str]  # the number of a code cell, and the text of an assert


@dataclass
class Run:
    """What came of one run of a notebook.

    Attributes
    ----------
    failed : set of (int, str)
        The asserts that did not hold: number of the code cell, and the assert.
    errors : dict of int to str
        Other errors, by code cell.
    printed : list of str
        What each code cell printed.
    """

    failed: set[Place] = field(default_factory=set)
    errors: dict[int, str] = field(default_factory=dict)
    printed: list[str] = field(default_factory=list)


class _Asserts(ast.NodeTransformer):
    """Turn each ``assert`` into a call that notes its outcome and goes on."""

    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        name = ast.Name(HOLDS, ast.Load())
        text = ast.Constant(ast.unparse(node))
        call = ast.Expr(ast.Call(name, [node.test, text], []))
        return ast.copy_location(call, node)


def run(sources: list[str], offset: int) -> Run:
    """Execute code cells in a namespace of their own, with shifted seeds.

    Parameters
    ----------
    sources : list of str
        Of the code cells, in order.
    offset : int
        What is added to each seed.

    Returns
    -------
    Run
    """
    found, namespace = Run(), {"__name__": "__main__"}
    magics = TransformerManager()
    with _global_seed_shifted(offset):
        for number, source in enumerate(sources, 1):

            def holds(value: Any, text: str, number: int = number) -> None:
                if not value:
                    found.failed.add((number, text))

            namespace[HOLDS] = holds
            name = f"<cell {number}>"
            # As Jupyter does, so that a page can look at its own source.
            linecache.cache[name] = len(source), None, source.splitlines(True), name
            tree = _Asserts().visit(ast.parse(magics.transform_cell(source)))
            code = compile(ast.fix_missing_locations(tree), name, "exec")
            printed = io.StringIO()
            try:
                with redirect_stdout(printed):
                    exec(code, namespace)
            except Exception as error:
                found.errors[number] = f"{type(error).__name__}: {error}"
            found.printed.append(printed.getvalue())
            for name in TRAININGS:
                training = namespace.get(name)
                if callable(training) and not hasattr(training, "shifted"):
                    namespace[name] = _shifted(training, offset)
    return found


def _shifted(training: Callable, offset: int) -> Callable:
    """Add an offset to the ``seed`` of a training."""

    @wraps(training)
    def other(*args: Any, seed: int = 0, **options: Any) -> Any:
        return training(*args, seed=seed + offset, **options)

    other.shifted = True
    return other


@contextmanager
def _global_seed_shifted(offset: int) -> Iterator[None]:
    """Add an offset to what torch's global generator is seeded with."""
    import torch  # slow to import, and --help does without

    seed_with = torch.manual_seed
    with torch.random.fork_rng():
        seed_with(offset)
        torch.manual_seed = lambda seed: seed_with(seed + offset)
        try:
            yield
        finally:
            torch.manual_seed = seed_with


def report(sources: list[str], runs: list[Run]) -> str:
    """Say which asserts failed in which runs, and which cells print otherwise."""

    def of_all(numbers: list[int]) -> str:
        which = ", ".join(map(str, numbers))
        return f"in {len(numbers)} of {len(runs)} runs ({which})"

    def first_line(number: int) -> str:
        return f"code cell {number}: {sources[number - 1].splitlines()[0]}"

    lines = []
    for number, text in sorted(set().union(*(r.failed for r in runs))):
        seeds = [k for k, r in enumerate(runs) if (number, text) in r.failed]
        lines += [first_line(number), f"  {text}", f"  does not hold {of_all(seeds)}"]
    for number in range(1, len(sources) + 1):
        errors = {k: r.errors[number] for k, r in enumerate(runs) if number in r.errors}
        if errors:
            error = f"  {next(iter(errors.values()))}"
            lines += [first_line(number), error, f"  {of_all(list(errors))}"]
    if not lines:
        lines.append(f"every assert holds in {len(runs)} runs")
    lines.append("What these cells print depends on the seed:")
    for number in range(1, len(sources) + 1):
        texts = [r.printed[number - 1] for r in runs]
        if len(set(texts)) > 1:
            lines.append(f"  {first_line(number)}")
            for k, text in enumerate(texts):
                lines += [f"    {k} | {line}" for line in text.splitlines()]
    if lines[-1].endswith(":"):
        lines[-1] = "No cell prints anything that depends on the seed."
    return "\n".join(lines)


def examine(path: Path, first: int, count: int) -> bool:
    """Run a notebook with several seeds and print what came of it.

    Returns
    -------
    bool
        Whether each assert held, every time.
    """
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    notebook = nbformat.read(path, as_version=4)
    sources = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    runs = []
    for k in range(first, first + count):
        start = time.monotonic()
        runs.append(run(sources, STEP * k))
        pyplot.close("all")
        seconds = time.monotonic() - start
        wrong = len(runs[-1].failed) + len(runs[-1].errors)
        print(f"{path.name}: run {k}, {seconds:.0f} s, {wrong} wrong", flush=True)
    print(report(sources, runs))
    return not any(r.failed or r.errors for r in runs)


def main() -> int:
    """Examine the notebooks named on the command line; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebooks", nargs="+", type=Path)
    parser.add_argument("--runs", type=int, default=10, help="how many (10)")
    parser.add_argument("--first", type=int, default=0, help="number of the first (0)")
    options = parser.parse_args()
    good = True
    for path in [path.resolve() for path in options.notebooks]:
        os.chdir(path.parent)  # where Jupyter runs a notebook
        good &= examine(path, options.first, options.runs)
    return not good


if __name__ == "__main__":
    sys.exit(main())
