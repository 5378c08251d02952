"""The notebooks run in an environment like Colab's, each alone in a folder.

The environment holds what Colab has and the chapters may use: torch, numpy,
scipy, matplotlib, ipywidgets, anywidget and a kernel. It is made of links to the
packages installed here, so nothing is downloaded. The address in the set-up cell is
mapped by git to a clone of this checkout, changes not yet committed included.
"""

import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from repository import BOOK, ROOT, address

NOTEBOOKS = sorted(BOOK.glob("*.ipynb"))
IDS = [path.stem for path in NOTEBOOKS]
INSTALLED = [
    "torch",
    "numpy",
    "scipy",
    "matplotlib",
    "ipywidgets",
    "anywidget",
    "ipykernel",
    "nbclient",  # executes the notebook from inside
    "pip",  # the set-up cell calls it
]

RUN = """\
import sys
import nbformat
from nbclient import NotebookClient

path, cells = sys.argv[1], int(sys.argv[2])
nb = nbformat.read(path, as_version=4)
code = [n for n, cell in enumerate(nb.cells) if cell.cell_type == "code"]
if cells:
    del nb.cells[code[cells - 1] + 1 :]
NotebookClient(nb, kernel_name="python3", timeout=600).execute()
print(nb.cells[code[0]].outputs)
"""


def closure(names: list[str]) -> dict[str, Distribution]:
    """Return the distributions named and all they require."""
    found: dict[str, Distribution] = {}
    queue = list(names)
    while queue:
        name = re.sub(r"[-_.]+", "-", queue.pop()).lower()
        if name in found:
            continue
        found[name] = distribution(name)
        for text in found[name].requires or []:
            requirement = Requirement(text)
            if not requirement.marker or requirement.marker.evaluate({"extra": ""}):
                queue.append(requirement.name)
    return found


def git(*arguments: str, cwd: Path) -> str:
    """Run git as nobody in particular and return what it printed."""
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    command = ["git", *identity, *arguments]
    return subprocess.run(
        command, cwd=cwd, check=True, capture_output=True, text=True
    ).stdout


@pytest.fixture(scope="module")
def bare(tmp_path_factory) -> Path:
    """Make the bare environment and return its python."""
    folder = tmp_path_factory.mktemp("bare")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    (site,) = folder.glob("lib/python*/site-packages")
    link_packages(INSTALLED, site)
    return folder / "bin" / "python"


@pytest.fixture(scope="module")
def colab(bare) -> Path:
    """Add what Colab has beside that, and the ledger needs."""
    (site,) = bare.parents[1].glob("lib/python*/site-packages")
    link_packages(["PyYAML"], site)
    return bare


def link_packages(names: list[str], site: Path) -> None:
    """Link the packages named, and all they require, into an environment."""
    for dist in closure(names).values():
        base = Path(dist.locate_file("")).resolve()
        for top in {file.parts[0] for file in dist.files or []}:
            link = site / top
            if top not in ("..", "__pycache__") and not link.exists():
                link.symlink_to(base / top)


@pytest.fixture(scope="module")
def clone(tmp_path_factory) -> Path:
    """Make a repository of this checkout as it stands."""
    folder = tmp_path_factory.mktemp("clone")
    try:
        names = git(
            "ls-files", "--cached", "--others", "--exclude-standard", cwd=ROOT
        ).splitlines()
    except (subprocess.CalledProcessError, FileNotFoundError):
        pytest.skip("not a git checkout")
    for name in names:
        if (ROOT / name).is_file():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target)
    git("init", "-q", "-b", "main", cwd=folder)
    git("add", "-A", cwd=folder)
    git("commit", "-q", "-m", "as it stands", cwd=folder)
    return folder


def run_alone(notebook: Path, cells: int, python: Path, clone: str, tmp_path: Path):
    """Execute the first `cells` code cells of a notebook (0: all) in `python`."""
    shutil.copy(notebook, tmp_path)
    keep = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    environment = keep | {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{clone}.insteadOf",
        "GIT_CONFIG_VALUE_0": address(),
        # Colab's pip fetches setuptools to build coordlib. Here the one torch
        # requires is at hand, and nothing shall be fetched. pip reads this switch
        # the other way round: "0" turns the isolated build off.
        "PIP_NO_BUILD_ISOLATION": "0",
        "JUPYTER_PATH": "",
        "IPYTHONDIR": str(tmp_path / "ipython"),
    }
    command = [python, "-c", RUN, notebook.name, str(cells)]
    return subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True
    )


def test_environment_is_bare(bare):
    for name in ("coordlib", "yaml", "tqdm", "jupyter_book", "pytest"):
        command = [bare, "-I", "-c", f"import {name}"]
        assert subprocess.run(command, capture_output=True).returncode, name


@pytest.mark.skipif(not NOTEBOOKS, reason="the book has no notebook yet")
def test_without_the_network_the_reader_is_told(bare, tmp_path):
    done = run_alone(NOTEBOOKS[0], 1, bare, (tmp_path / "nowhere").as_uri(), tmp_path)
    assert done.returncode
    assert "is the network reachable?" in done.stderr


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=IDS)
def test_first_cell(notebook, bare, clone, tmp_path):
    done = run_alone(notebook, 1, bare, clone.as_uri(), tmp_path)
    assert done.returncode == 0, done.stderr
    assert "coordlib" in done.stdout and "torch" in done.stdout


@pytest.mark.colab
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=IDS)
def test_all_cells(notebook, colab, clone, tmp_path):
    done = run_alone(notebook, 0, colab, clone.as_uri(), tmp_path)
    assert done.returncode == 0, done.stderr
