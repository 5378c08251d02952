"""Notebooks notice a broken library: one layer is broken in a copy, and nbval fails."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple
from unittest.mock import ANY

import nbformat
import pytest
from repository import BOOK, ROOT


class Mutation(NamedTuple):
    """A fault, and the chapter that must not pass with it."""

    file: str
    right: str
    wrong: str
    chapter: str


MUTATIONS = {
    "a shift that moves nothing": Mutation(
        "grid.py",
        "rolled = torch.roll(x, [int(d) for d in by], axes)",
        "rolled = x.clone()",
        "translation-equivariance",
    ),
    "a decoder that adds": Mutation(
        "lab/models/handmade.py",
        "torch.stack((by_i, by_j), 1))",
        "-torch.stack((by_i, by_j), 1))",
        "handmade-decoder",
    ),
    "a CoordConv that forgets the place": Mutation(
        "layers/_position_bias.py",
        "return output.add_(position_bias)",
        "return output",
        "coordconv",
    ),
    "a blur that does not blur": Mutation(
        "layers/_blur.py",
        "math.comb(size - 1, k) / 2 ** (size - 1)",
        "float(k == size // 2)",
        "antialiased-pooling",
    ),
}
# The first two cells set up and import; a fault found there is not found by a claim.
SET_UP = 2


@pytest.fixture
def library(tmp_path) -> Path:
    """Copy coordlib to where nothing is lost by breaking it."""
    ignored = shutil.ignore_patterns("__pycache__")
    for part in ("book", "results"):  # which the checkout holds beside it
        (tmp_path / part).symlink_to(ROOT / part)
    return shutil.copytree(ROOT / "coordlib", tmp_path / "coordlib", ignore=ignored)


def run(chapter: str, folder: Path, cells: int | None = None) -> tuple[int, str]:
    """Run a chapter with the coordlib of a folder, up to the first cell that fails.

    Return how many cells passed, and what nbval printed. `cells` cuts the chapter off.
    """
    notebook = nbformat.read(BOOK / f"{chapter}.ipynb", as_version=4)
    code = [n for n, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    del notebook.cells[code[:cells][-1] + 1 :]
    path = folder / f"{chapter}.ipynb"
    nbformat.write(notebook, path)
    options = ["--nbval", "--nbval-current-env", "-x", "-q", "-p", "no:cacheprovider"]
    options += ["--nbval-sanitize-with", ROOT / "sanitize.cfg", "--rootdir", folder]
    environment = os.environ | {
        "PYTHONPATH": str(folder),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, path],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    passed = re.search(r"(\d+) passed", done.stdout)
    return int(passed[1]) if passed else 0, done.stdout


@pytest.mark.parametrize("fault", MUTATIONS)
def test_a_fault_stands_in_the_library_once(fault):
    file, right, _, _ = MUTATIONS[fault]
    assert (ROOT / "coordlib" / file).read_text("utf-8").count(right) == 1


@pytest.mark.parametrize("fault", MUTATIONS)
def test_a_chapter_fails_with_its_layer_broken(fault, library, tmp_path):
    file, right, wrong, chapter = MUTATIONS[fault]
    path = library / file
    whole = path.read_text("utf-8")
    path.write_text(whole.replace(right, wrong), "utf-8")
    passed, told = run(chapter, tmp_path)
    assert "1 failed" in told and passed >= SET_UP, told
    print(f"{fault}: code cell {passed + 1} of {chapter} fails")
    # Nothing but the fault is to blame: the same cells pass without it.
    path.write_text(whole, "utf-8")
    assert run(chapter, tmp_path, passed + 1) == (passed + 1, ANY)
