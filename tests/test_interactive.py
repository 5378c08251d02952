"""Interactive figures, seen from Python: what they take, tell, and leave behind."""

import subprocess
import sys

import nbformat
import numpy as np
import pytest
from notebooks import WIDGET_STATE, WIDGET_VIEW, as_text, normalise
from repository import ROOT

from coordlib.figures import interactive

PICTURE = np.linspace(0, 1, 36).reshape(6, 6)
PATCHES = np.zeros((4, 5, 3, 3))


def make(name: str) -> interactive.Figure:
    """Make one of the figures, small."""
    needs = {
        "CommutingSquare": {"picture": PICTURE},
        "SlidingKernel": {"picture": PICTURE},
        "PaintersCompare": {"first": PATCHES, "second": PATCHES, "names": ["a", "b"]},
        "LabelAlongShift": {
            "picture": PICTURE,
            "probabilities": np.full((2, 3, 2), 0.5),
            "networks": ["plain", "blurred"],
            "classes": ["coat", "shirt"],
            "truth": "coat",
            "window": 4,
        },
    }
    return getattr(interactive, name)(**needs.get(name, {}))


figures = pytest.mark.parametrize("name", interactive.__all__)


@figures
def test_the_description_has_no_address_and_tells_the_state(name):
    figure = make(name)
    assert repr(figure) == repr(make(name))
    assert repr(figure).startswith(f"{name}(") and "0x" not in repr(figure)
    assert all(f"{trait}=" in repr(figure) for trait in figure.shown)


@figures
def test_the_module_is_small_and_asks_for_nothing(name):
    text = str(make(name)._esm)
    assert len(text.encode()) < 12 * 1024 + 512
    for forbidden in ("http://", "https://", "fetch(", "innerHTML", "import "):
        allowed = text.replace("http://www.w3.org/2000/svg", "")
        assert forbidden not in allowed, forbidden


def test_coordlib_does_not_need_anywidget():
    code = (
        "import sys; sys.modules['anywidget'] = None\n"
        "import coordlib, coordlib.figures\n"
        "try:\n    import coordlib.figures.interactive\n"
        "except ModuleNotFoundError as error:\n    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True
    )
    assert "pip install anywidget" in done.stdout, done.stderr


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: interactive.CommutingSquare(np.zeros((3, 4))), "even sides"),
        (lambda: interactive.CommutingSquare([[0, 2], [0, 0]]), r"in \[0, 1\]"),
        (lambda: interactive.CommutingSquare(PICTURE, [[1]]), r"shape \(3, 3\)"),
        (lambda: interactive.SlidingKernel(np.zeros(4)), r"shape \(H, W\)"),
        (lambda: interactive.SlidingKernel(PICTURE, kernel="x"), "must be one of"),
        (lambda: interactive.Pooling1D({"a": [1, 0, 1]}), "even length"),
        (lambda: interactive.Pooling1D(signal="x"), "must be one of"),
        (
            lambda: interactive.PaintersCompare(PATCHES, PATCHES[:1], ["a", "b"]),
            "second must have shape",
        ),
        (
            lambda: interactive.PaintersCompare(
                PATCHES, PATCHES, ["a", "b"], trained=[[True]]
            ),
            "trained must have shape",
        ),
        (
            lambda: interactive.LabelAlongShift(
                PICTURE, np.zeros((1, 9, 1)), ["a"], ["b"], "b", window=4
            ),
            "beyond the picture",
        ),
        (
            lambda: interactive.LabelAlongShift(
                PICTURE, np.zeros((1, 2, 1)), ["a"], ["b"], "c", window=4
            ),
            "truth must be one of",
        ),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def notebook_with(*models: str, refer: str = "") -> nbformat.NotebookNode:
    """Make a notebook whose cells show the models, each with a layout of its own."""
    cells = []
    for model in models:
        data = {WIDGET_VIEW: {"model_id": model, "version_major": 2}}
        output = nbformat.v4.new_output("execute_result", data, execution_count=1)
        cells.append(nbformat.v4.new_code_cell("figure", outputs=[output]))
    state = {"forgotten": {"model_name": "AnyModel", "state": {}}}
    for model in models:
        layout = f"layout{model}"
        state[model] = {"state": {"layout": f"IPY_MODEL_{layout}", "x": 1}}
        state[layout] = {"state": {}}
    widgets = {WIDGET_STATE: {"state": state}}
    return nbformat.v4.new_notebook(cells=cells, metadata={"widgets": widgets})


def normal(notebook: nbformat.NotebookNode) -> str:
    normalise(notebook)
    return as_text(notebook)


def test_stored_widgets_have_the_same_names_in_every_run():
    text = normal(notebook_with("1a", "2b"))
    assert text == normal(notebook_with("3c", "4d"))
    assert text == normal(nbformat.reads(text, as_version=4))


def test_only_what_is_shown_is_stored_and_nothing_of_it_is_lost():
    nb = notebook_with("1a", "2b")
    normalise(nb)
    state = nb.metadata.widgets[WIDGET_STATE].state
    shown = [cell.outputs[0].data[WIDGET_VIEW].model_id for cell in nb.cells]
    assert len(set(shown)) == 2 and len(state) == 4
    for model in shown:
        assert state[model].state.layout.removeprefix("IPY_MODEL_") in state


def test_a_notebook_without_widgets_stores_none():
    nb = notebook_with("1a")
    nb.cells[0].outputs = []
    normalise(nb)
    assert "widgets" not in nb.metadata
