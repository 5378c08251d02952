"""The package: what it needs, what it brings, and the names that moved."""

import importlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
import venv
from pathlib import Path
from zipfile import ZipFile

import pytest
import torch
from torch import nn

import coordlib
from coordlib import layers
from coordlib._moved import MOVED

ROOT = Path(__file__).parents[2]
HEAVY = ("scipy", "matplotlib", "yaml", "pandas", "coordlib.lab")


def printed(code: str) -> str:
    """Run a program of its own; give what it prints."""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("module", ["coordlib", "coordlib.surgery"])
def test_the_library_loads_nothing_of_the_laboratory(module):
    assert (
        printed(
            f"import {module}, sys; print([m for m in {HEAVY} if m in sys.modules])"
        )
        == "[]"
    )


def layer_names():
    return [name for name in layers.__all__ if isinstance(getattr(layers, name), type)]


def test_every_layer_can_be_imported_from_the_library_itself():
    assert {*layer_names(), "probe", "probe_layers", "shift"} <= {*coordlib.__all__}
    for name in layer_names():
        assert getattr(coordlib, name) is getattr(layers, name)


def test_every_layer_stands_on_the_page_of_reference():
    page = (ROOT / "book" / "reference.md").read_text("utf-8")
    named = re.findall(r"^\.\. autoclass:: coordlib\.layers\.(\w+)$", page, re.M)
    assert set(layer_names()) <= set(named)
    assert "Every layer can be imported from `coordlib` itself" in page


@pytest.mark.parametrize("old", MOVED)
def test_a_module_that_moved_is_found_by_its_old_name_with_a_warning(old):
    pytest.importorskip("scipy")
    told = printed(
        "import importlib, warnings\n"
        "with warnings.catch_warnings(record=True) as caught:\n"
        "    warnings.simplefilter('always')\n"
        f"    old = importlib.import_module('coordlib.{old}')\n"
        f"new = importlib.import_module('coordlib.lab.{MOVED[old]}')\n"
        "assert new is old and new.__spec__.name == new.__name__\n"
        "print(*{str(w.message) for w in caught if w.category is FutureWarning}, "
        "sep='\\n')"
    )
    names = {old.partition(".")[0], old}  # what lies in a package asks for both
    assert set(told.splitlines()) == {
        f"coordlib.{name} is now coordlib.lab.{MOVED[name]}" for name in names
    }


def test_what_a_module_was_split_into_is_found_by_its_old_name():
    pytest.importorskip("scipy")
    told = printed(
        "import warnings\n"
        "warnings.simplefilter('ignore')\n"
        "from coordlib.playing import actor_critic, play, q_learning, random_policy\n"
        "from coordlib.training import History, denormals_flushed, fit, fit_many\n"
        "from coordlib.training import pixel_cross_entropy, schedule_factor\n"
        "from coordlib.checkpoints import CheckpointError, load, replace_file, save\n"
        "from coordlib.experiments.sweeps import Contest, Task, all_outputs, best_run\n"
        "print(*{callable(f) for f in (actor_critic, play, q_learning, fit, load)})"
    )
    assert told == "True"


OLD_NAMES = {
    "adversarial": ["Duel"],
    "checkpoints": ["as_tensor", "from_tensor"],
    "experiments": ["presets"],
    "playing": ["Policy", "eager_policy"],
    "training": ["Augment", "Draw", "Loss", "Measure", "SCHEDULES"],
}


@pytest.mark.parametrize("module", OLD_NAMES)
def test_a_public_name_that_is_another_now_is_found_with_a_warning(module):
    pytest.importorskip("scipy")
    for name in OLD_NAMES[module]:
        with pytest.warns(FutureWarning, match="is now coordlib") as told:
            scope = {}
            exec(f"from coordlib.{module} import {name}", scope)
        assert scope[name] is not None
        assert {Path(warning.filename).name for warning in told} == {"<string>"}


def test_a_layer_is_still_found_in_the_file_it_stood_in():
    from coordlib.layers import AddCoords, coordconv

    assert coordconv.AddCoords is AddCoords


def test_old_names_do_what_they_did():
    pytest.importorskip("scipy")
    with pytest.warns(FutureWarning):
        from coordlib.checkpoints import as_tensor, from_tensor
        from coordlib.experiments import presets
        from coordlib.playing import eager_policy
    assert presets("encodings")[0] == "quick"
    assert from_tensor(as_tensor({"step": 3})) == {"step": 3}
    choose = eager_policy(nn.Linear(2, 3).requires_grad_(False), explore=1.0)
    assert choose(torch.ones(4, 2)).shape == (4,)


def test_the_warning_stands_at_the_line_that_used_the_old_name():
    pytest.importorskip("scipy")
    code = """
import warnings
warnings.simplefilter("always")
import coordlib
coordlib.figures
import coordlib.training
from coordlib.adversarial import Duel
coordlib.about
import importlib
importlib.import_module("coordlib.boxes")
import coordlib.about
"""
    command = [sys.executable, "-c", code]
    told = subprocess.run(command, capture_output=True, text=True).stderr
    lines = re.findall(r"^<string>:(\d+): FutureWarning: ", told, re.M)
    assert [int(line) for line in lines] == [5, 6, 7, 7, 8, 10, 11], told


def test_about_is_a_module_and_a_function_as_it_was():
    pytest.importorskip("scipy")
    told = printed(
        "import warnings\n"
        "warnings.simplefilter('ignore')\n"
        "import coordlib.about\n"
        "from coordlib.about import about\n"
        "coordlib.about(), about()"
    )
    one, other = told.splitlines()
    assert one == other and one.startswith("coordlib ")


def test_an_old_module_is_no_program_and_says_so_in_one_line():
    pytest.importorskip("scipy")
    for name in "experiments", "results":
        command = [sys.executable, "-m", f"coordlib.{name}"]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 1
        assert "Traceback" not in done.stderr and done.stderr.count("\n") == 1
        assert "python -m coordlib list" in done.stderr


def test_an_experiment_that_was_a_module_is_found_by_its_name():
    with pytest.raises(ModuleNotFoundError, match=r"find\('play-q'\)"):
        importlib.import_module("coordlib.experiments.play_q")


WITHOUT = """
import sys
for name in ("anywidget", "filelock", "matplotlib", "platformdirs", "scipy", "tqdm",
             "yaml"):
    sys.modules[name] = None
"""


def test_without_the_laboratory_it_says_what_to_install():
    told = printed(
        WITHOUT
        + """
import coordlib
print(hasattr(coordlib, "figures"), hasattr(coordlib, "about"))
for line in ("coordlib.figures", "import coordlib.figures",
             "from coordlib import figures", "from coordlib.ledger import decide"):
    try:
        exec(line)
        print("nothing", line)
    except (AttributeError, ImportError) as error:
        print(type(error).__name__, error)
"""
    ).splitlines()
    assert told[0] == "False False"
    for line in told[1:]:
        assert line.endswith(": pip install 'coordlib[lab]'"), line
        assert "is now coordlib.lab." in line


def test_the_laboratory_names_all_that_it_lacks_at_once():
    told = printed(
        WITHOUT
        + """
try:
    from coordlib.lab import experiments
except ModuleNotFoundError as error:
    print(error)
"""
    )
    lacks = "filelock, matplotlib, platformdirs, scipy, tqdm): pip install"
    assert "(PyYAML, " + lacks in told


def test_what_lies_in_a_package_that_moved_is_not_loaded_twice():
    pytest.importorskip("scipy")
    with pytest.warns(FutureWarning):
        old = importlib.import_module("coordlib.models.painters")
    assert old is importlib.import_module("coordlib.lab.models.painters")


def test_a_name_that_never_was_is_no_attribute():
    with pytest.raises(AttributeError, match="no attribute 'nowhere'"):
        _ = coordlib.nowhere
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("coordlib.nowhere")


# The wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel that ``make package`` builds from a checkout, where one was before."""
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    pytest.importorskip("setuptools", minversion="77")
    checkout = tmp_path_factory.mktemp("checkout")
    for name in ("Makefile", "pyproject.toml", "requirements.txt"):
        shutil.copy(ROOT / name, checkout)
    for name in ("README.md", "LICENSE"):
        shutil.copy(ROOT / name, checkout)
    shutil.copytree(
        ROOT / "coordlib",
        checkout / "coordlib",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    beside = ("results/a.json", "book/claims.yml", "build/lib/coordlib/gone.py")
    for name in (*beside, ".venv/.installed"):  # the last: nothing is to be installed
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / name).write_text("0")
    done = subprocess.run(
        ["make", "package", f"BIN={Path(sys.executable).parent}"],
        cwd=checkout,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    (built,) = (checkout / "dist").iterdir()
    return built


def test_the_wheel_is_under_a_megabyte(wheel):
    assert wheel.stat().st_size < 1_000_000


def test_the_wheel_holds_the_code_and_nothing_else(wheel):
    names = {name for name in ZipFile(wheel).namelist() if ".dist-info/" not in name}
    source = ROOT / "coordlib"
    figures = source / "lab" / "figures" / "interactive"
    wanted = [
        *source.rglob("*.py"),
        source / "py.typed",
        *figures.glob("*.js"),
        *figures.glob("*.css"),
        *figures.glob("race_kernel.*"),
    ]
    assert names == {path.relative_to(ROOT).as_posix() for path in wanted}


def test_the_wheel_asks_for_torch_and_numpy_alone(wheel):
    with ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith("/METADATA"))
        needs = re.findall(r"^Requires-Dist: (.*)$", archive.read(name).decode(), re.M)
    always = [need for need in needs if "extra ==" not in need]
    assert sorted(re.match(r"[\w-]+", need)[0] for need in always) == ["numpy", "torch"]


def test_the_version_is_the_same_wherever_it_is_written(wheel):
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    (name,) = (n for n in ZipFile(wheel).namelist() if n.endswith("/METADATA"))
    assert name == f"coordlib-{version}.dist-info/METADATA"
    latest = re.search(r"^## (\S+)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.M)
    cited = re.search(r"^version: (\S+)$", (ROOT / "CITATION.cff").read_text(), re.M)
    assert latest[1] == cited[1] == version


@pytest.fixture(scope="module")
def fresh(wheel, tmp_path_factory):
    """A new environment with the wheel in it, and torch and numpy lent to it."""
    folder = tmp_path_factory.mktemp("fresh")
    venv.create(folder, symlinks=True)
    (python,) = folder.glob("*/python")
    (packages,) = folder.glob("lib/*/site-packages")
    # A folder on its path and no more: what is editable there is not seen.
    (packages / "lent.pth").write_text(str(Path(torch.__file__).parents[1]))
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "-q"]
    options = ["--no-deps", "--no-index", "--disable-pip-version-check", str(wheel)]
    subprocess.run(pip + options, check=True, capture_output=True)
    return python


def test_it_works_as_it_is_installed_in_a_fresh_environment(fresh, tmp_path):
    def done(*command):
        return subprocess.run(
            [fresh, "-I", *command], cwd=tmp_path, capture_output=True, text=True
        )

    told = done(
        "-c",
        "import coordlib, torch, coordlib.surgery\n"
        "from importlib.resources import files\n"
        "print(coordlib.__file__, coordlib.__version__)\n"
        "print((files('coordlib') / 'py.typed').is_file())\n"
        "print(*coordlib.CoordConv2d(3, 8, 3)(torch.zeros(1, 3, 8, 8)).shape)",
    )
    assert told.returncode == 0, told.stderr
    where, typed, shape = told.stdout.splitlines()
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    file, found = where.split()
    assert Path(file).is_relative_to(fresh.parents[1]) and found == version
    assert (typed, shape) == ("True", "1 8 6 6")
    assert "probe" in done("-m", "coordlib", "--help").stdout


def test_without_its_checkout_coordlib_says_in_one_line_where_results_are(
    wheel, tmp_path
):
    pytest.importorskip("scipy")
    target = tmp_path / "target"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "-q"]
    options = ["--no-deps", "--no-index", "--target", str(target), str(wheel)]
    subprocess.run(pip + options, check=True, capture_output=True)
    code = (
        "import coordlib\n"
        "from coordlib.lab.record import results\n"
        "print(coordlib.__file__)\n"
        "try: results.folder()\n"
        "except FileNotFoundError as error: print(error)"
    )
    # First on the path; what coordlib needs may lie on the rest of it.
    path = filter(None, (str(target), os.environ.get("PYTHONPATH")))
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    file, told = done.stdout.splitlines()
    assert Path(file) == target / "coordlib" / "__init__.py"
    assert told.startswith("results is part of the book's repository")
    assert "clone the repository" in told
