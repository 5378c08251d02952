"""The notebooks run where coordlib is not, and with the packages that Colab has.

Two environments are made. The bare one is linked from the packages installed here, so
nothing is downloaded: in it, at every `make test`, the set-up cells run. Colab's is
`.venv-colab` of `make colab`, with the versions of `tools/colab-versions.txt`: in it
run whole notebooks, and the set-up cell may fetch what builds coordlib. The address in
that cell is mapped by git to a clone of this checkout, changes not yet committed
included.

What is not Colab's there: torch, and often Python, are the book's own; there is no
accelerator; and Colab's page has a widget manager of its own, which only Colab runs.
"""

import json
import os
import platform
import shutil
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

import colab as published
import nbformat
import pytest
from linked import link_packages, site_packages
from lock import canonical
from notebooks import WIDGET_VIEW
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
    "PyYAML",
    "tqdm",
    "nbclient",  # executes the notebook from inside
    "pip",  # the set-up cell calls it
]
COLAB = ROOT / ".venv-colab"
LISTED = published.versions(published.LIST.read_text("utf-8"))

RUN = """\
import json, sys
import nbformat
from nbclient import NotebookClient

path, cells = sys.argv[1], int(sys.argv[2])
nb = nbformat.read(path, as_version=4)
code = [n for n, cell in enumerate(nb.cells) if cell.cell_type == "code"]
if cells:
    del nb.cells[code[cells - 1] + 1 :]
NotebookClient(nb, kernel_name="python3", timeout=600).execute()
print(json.dumps([cell.outputs for cell in nb.cells if cell.cell_type == "code"]))
"""


def git(*arguments: str, cwd: Path) -> str:
    """Run git as nobody in particular and return what it printed."""
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    command = ["git", *identity, *arguments]
    return subprocess.run(
        command, cwd=cwd, check=True, capture_output=True, text=True
    ).stdout


def environment(folder: Path) -> Path:
    """Make an environment without any package and return its python."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    return folder / "bin" / "python"


def installed(python: Path) -> dict[str, str]:
    """Return the versions of the packages in an environment itself, by name."""
    site = site_packages(python.parents[1])
    return {canonical(d.name): d.version for d in distributions(path=[str(site)])}


@pytest.fixture(scope="module")
def bare(tmp_path_factory) -> Path:
    """Make the bare environment and return its python."""
    python = environment(tmp_path_factory.mktemp("bare"))
    link_packages(INSTALLED, python.parents[1])
    return python


@pytest.fixture(scope="module")
def colab(tmp_path_factory) -> Path:
    """Make an environment over Colab's, for coordlib to go to; return its python."""
    if not (COLAB / ".installed").exists():
        pytest.fail("there is no environment with Colab's versions: make colab")
    python = environment(tmp_path_factory.mktemp("colab"))
    below = site_packages(python.parents[1]) / "below.pth"
    below.write_text(f"{site_packages(COLAB)}\n")
    return python


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
    variables = keep | {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{clone}.insteadOf",
        "GIT_CONFIG_VALUE_0": address(),
        "JUPYTER_PATH": "",
        "IPYTHONDIR": str(tmp_path / "ipython"),
    }
    if "setuptools" in installed(python):
        # Colab's pip fetches setuptools to build coordlib. In the bare environment a
        # new one is at hand, and nothing shall be fetched. pip reads this switch the
        # other way round: "0" turns the isolated build off.
        variables["PIP_NO_BUILD_ISOLATION"] = "0"
    command = [python, "-c", RUN, notebook.name, str(cells)]
    return subprocess.run(
        command, cwd=tmp_path, env=variables, capture_output=True, text=True
    )


def figures(outputs: list[list[dict]]) -> int:
    """Count the interactive figures among the outputs of cells."""
    return sum(WIDGET_VIEW in o.get("data", {}) for cell in outputs for o in cell)


def test_environment_is_bare(bare):
    for name in ("coordlib", "jupyter_book", "pytest"):
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
def test_environment_is_colabs():
    here = installed(COLAB / "bin" / "python")
    print(
        f"Colab: Python {LISTED['python']}, torch {LISTED['torch']}. "
        f"Here: Python {platform.python_version()}, torch {here['torch']}."
    )
    of_the_book = {"python", "torch"}
    listed = {name: v for name, v in LISTED.items() if name not in of_the_book}
    assert {name: here.get(name) for name in listed} == listed


@pytest.mark.colab
def test_the_set_up_cell_adds_coordlib_and_touches_nothing_else(colab, clone, tmp_path):
    before = installed(COLAB / "bin" / "python")
    done = run_alone(NOTEBOOKS[0], 1, colab, clone.as_uri(), tmp_path)
    assert done.returncode == 0, done.stderr
    assert set(installed(colab)) == {"coordlib"}
    assert installed(COLAB / "bin" / "python") == before


@pytest.mark.colab
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=IDS)
def test_all_cells(notebook, colab, clone, tmp_path):
    done = run_alone(notebook, 0, colab, clone.as_uri(), tmp_path)
    assert done.returncode == 0, done.stderr
    code = nbformat.read(notebook, as_version=4).cells
    stored = [cell.outputs for cell in code if cell.cell_type == "code"]
    assert figures(json.loads(done.stdout)) == figures(stored)
