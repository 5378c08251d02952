"""The package: what it needs, what it brings, and the names that moved."""

import importlib
import subprocess
import sys

import pytest

import coordlib
from coordlib._moved import MOVED

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
        "print(*{str(w.message) for w in caught if w.category is FutureWarning})"
    )
    assert told == f"coordlib.{old} is now coordlib.lab.{MOVED[old]}"


def test_what_a_module_was_split_into_is_found_by_its_old_name():
    pytest.importorskip("scipy")
    told = printed(
        "import warnings\n"
        "warnings.simplefilter('ignore')\n"
        "from coordlib.playing import actor_critic, play, q_learning, random_policy\n"
        "from coordlib.training import History, denormals_flushed, fit, fit_many\n"
        "from coordlib.training import pixel_cross_entropy, schedule_factor\n"
        "from coordlib.checkpoints import CheckpointError, load, save\n"
        "print(*{callable(f) for f in (actor_critic, play, q_learning, fit, load)})"
    )
    assert told == "True"


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
