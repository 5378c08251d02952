"""Interactive figures, seen from Python: what they take, tell, and leave behind."""

import base64
import gzip
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
from notebooks import WIDGET_STATE, WIDGET_VIEW, as_text, normalise
from repository import ROOT

from coordlib.lab.data.squares import quadrant_split, squares
from coordlib.lab.experiments.coordinates.raced import exact, rebuilt
from coordlib.lab.figures import interactive
from coordlib.lab.figures.interactive.race import without_comments
from coordlib.lab.measures.scenes import look
from coordlib.lab.models.painters import CoordConvPainter, DeconvPainter

PICTURE = np.linspace(0, 1, 36).reshape(6, 6)
PATCHES = np.zeros((4, 5, 3, 3))
ANSWERS = np.zeros((4, 4, 2))
BOARDS = np.ones((2, 2, 2), int)
WALK = {"a": np.ones((1, 2, 3, 8, 8))}


def make(name: str) -> interactive.Figure:
    """Make one of the figures, small."""
    needs = {
        "CommutingSquare": {"picture": PICTURE},
        "SlidingKernel": {"picture": PICTURE},
        "PlaceBias": {"pictures": {"cat": PICTURE}},
        "AnswerArrows": {
            "answers": {"dense": {"uniform": ANSWERS}},
            "trained": {"uniform": np.eye(4)},
            "size": (6, 8),
        },
        "DraggedThing": {
            "thing": np.eye(4),
            "answers": {"a": np.zeros((3, 3, 5)), "b": np.ones((3, 3, 5))},
        },
        "FailureGroups": {
            "places": [[0, 1], [2, 3]],
            "right": [True, False],
            "suspects": {"phase": ([0, 1], 0.5)},
            "size": (6, 8),
        },
        "LuckOfTraining": {"spread": 1.0, "studies": 2},
        "PlayedGames": {
            "games": {"catch": {"plain": (BOARDS, [0, 1])}},
            "things": {"catch": ["paddle"]},
        },
        "LatentWalks": {
            "pictures": {"plain": np.ones((2, 3, 3, 8, 8))},
            "distances": {"plain": np.ones((2, 3))},
        },
        "PaintedAnswers": {
            "answers": {"plain": {"uniform": ANSWERS}, "coords": {"uniform": ANSWERS}},
            "trained": {"uniform": np.eye(4)},
            "size": (6, 8),
        },
        "PaintersCompare": {"first": PATCHES, "second": PATCHES, "names": ["a", "b"]},
        "LabelAlongShift": {
            "pictures": {"cat": b"a", "cup": b"b"},
            "classes": {"cat": ["tabby", "lynx"], "cup": ["espresso"]},
            "probabilities": {
                "cat": np.full((2, 3, 2), 0.5),
                "cup": np.ones((2, 3, 1)),
            },
            "networks": ["plain", "blurred"],
        },
    }
    return getattr(interactive, name)(**needs.get(name, {}))


def along(name="cat", shape=(1, 2, 1), **options) -> interactive.LabelAlongShift:
    """Make the figure of one network that knows one class of a cat."""
    values = {name: np.zeros(shape)}
    return interactive.LabelAlongShift(
        {"cat": b""}, {"cat": ["tabby"]}, values, ["plain"], **options
    )


def played(
    pictures=BOARDS, rewards=(0, 1), things=None, **options
) -> interactive.PlayedGames:
    """Make the figure of one game with one thing, played by one agent."""
    games = {"catch": {"plain": (pictures, rewards)}}
    return interactive.PlayedGames(games, things or {"catch": ["own"]}, **options)


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
    if name == "Race":  # it brings two networks, and how to train them
        shared = without_comments(interactive.common._COMMON)
        assert len(gzip.compress(text.replace(shared, "").encode())) < 10_000
    else:
        # It also reads a picture of the reader's own.
        limit = 15.5 if name == "CommutingSquare" else 13
        assert len(text.encode()) < limit * 1024
    for forbidden in ("http://", "https://", "fetch(", "innerHTML", "import "):
        allowed = text.replace("http://www.w3.org/2000/svg", "")
        allowed = allowed.replace("raced import exact", "")  # Python, to take away
        assert forbidden not in allowed, forbidden


@figures
def test_a_figure_is_stored_under_its_file_and_its_name(name):
    """Another name would change every notebook that shows the figure."""
    kind = getattr(interactive, name)
    folder, _, file = kind.__module__.rpartition(".")
    assert folder == "coordlib.lab.figures.interactive"
    assert file.replace("_", "") == name.lower()
    assert make(name)._anywidget_id == f"{folder}.{file}.{name}"
    beside = Path(interactive.__file__).with_name(f"{file}.js").read_text("utf-8")
    if name == "Race":
        assert without_comments(beside) in str(kind._esm)
    else:
        assert str(kind._esm).endswith(beside)


@pytest.mark.parametrize("given", ["pictures", "scenes"])
def test_walks_tell_of_the_pictures_that_they_show_in_their_order(given):
    pictures = {"a": np.ones((2, 3, 3, 8, 8)), "b": np.ones((2, 3, 3, 8, 8))}
    pictures["b"][1, 2, :2] = -1  # all blue
    scenes = {
        name: look(torch.tensor(each).flatten(0, 1)) for name, each in pictures.items()
    }
    if given == "scenes":
        scenes = dict(reversed(scenes.items()))
    figure = interactive.LatentWalks(pictures, scenes)
    assert np.shape(figure.areas) == (2, 2, 3, 2)
    assert np.shape(figure.centres) == (2, 2, 3, 2, 2)
    assert figure.areas[1][1][2] == [64, 0] and np.sum(figure.areas) == 64


def test_walks_without_objects_tell_how_far_they_are_from_their_start():
    figure = interactive.LatentWalks(
        {"any": np.zeros((1, 3, 3, 8, 8))}, distances={"any": [[0, 25.5, 73.61]]}
    )
    assert figure.areas == [[[[0], [25.5], [73.6]]]]
    assert figure.centres == []


@pytest.mark.parametrize("normalised", [False, True])
@pytest.mark.parametrize("kind", ["deconv", "coordconv"])
def test_a_painter_of_the_race_is_made_again_from_its_numbers(kind, normalised):
    made = {"deconv": DeconvPainter, "coordconv": CoordConvPainter}[kind]
    painter = made(size=32, normalisation="batch" if normalised else "none")
    state = [t for t in painter.state_dict().values() if t.is_floating_point()]
    for tensor in state:
        tensor.normal_().abs_()
    numbers = torch.cat([tensor.flatten() for tensor in state]).numpy()

    def in_text(numbers):
        return base64.b64encode(numbers.astype("<f4").tobytes()).decode()

    again = rebuilt(kind, normalised, in_text(numbers))
    places = torch.rand(3, 2)
    assert torch.equal(again(places), painter.eval()(places))
    with pytest.raises(ValueError, match=rf"{len(numbers)} numbers of '{kind}'"):
        rebuilt(kind, normalised, in_text(numbers[1:]))


def test_the_race_counts_seen_and_hidden_dots_apart():
    world = squares(32)
    hidden = torch.zeros(len(world), dtype=torch.int)
    hidden[quadrant_split(world)[1]] = 1
    text = "".join(map(str, hidden.tolist()))

    def upper_half(places):
        """A painter that is right above the middle and paints the corner below."""
        pixels = ((places + 1) * 31 / 2).round().long()
        lit = torch.where(places[:, 0] < 0, 32 * pixels[:, 0] + pixels[:, 1], 0)
        return torch.nn.functional.one_hot(lit, 1024).float()[:, None]

    seen, unseen = exact(upper_half, text)
    above = (world.positions[:, 0] < 15.5)[hidden == 0]
    assert seen == pytest.approx(above.float().mean().item()) and unseen == 0
    with pytest.raises(ValueError, match="576 times 0 or 1"):
        exact(upper_half, text[:-1])


def test_coordlib_does_not_need_anywidget():
    code = (
        "import sys; sys.modules['anywidget'] = None\n"
        "import coordlib, coordlib.lab.figures\n"
        "try:\n    import coordlib.lab.figures.interactive\n"
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
            lambda: interactive.PlaceBias({"a": PICTURE, "b": PICTURE[:4]}),
            "one size",
        ),
        (lambda: interactive.PlaceBias({"a": PICTURE}, picture="b"), "must be one of"),
        (
            lambda: interactive.AnswerArrows(
                {"a": {"u": ANSWERS}}, {"u": np.eye(4)}, (6, 7)
            ),
            r"in the middle of \(6, 7\)",
        ),
        (
            lambda: interactive.AnswerArrows(
                {"a": {"u": ANSWERS}}, {"u": np.eye(4), "q": np.eye(4)}, (6, 6)
            ),
            "a must answer",
        ),
        (
            lambda: interactive.AnswerArrows(
                {"a": {"u": ANSWERS[1:]}}, {"u": np.eye(4)}, (6, 6)
            ),
            "answers must have shape",
        ),
        (
            lambda: interactive.PaintedAnswers(
                {"a": {"u": ANSWERS}}, {"u": np.eye(4), "q": np.eye(4)}, (6, 6)
            ),
            "a must answer",
        ),
        (
            lambda: interactive.PaintedAnswers(
                {"a": {"u": ANSWERS + 7}}, {"u": np.eye(4)}, (6, 8)
            ),
            r"answers must be pixels of \(6, 8\)",
        ),
        (
            lambda: interactive.PaintedAnswers(
                {"a": {"u": ANSWERS[1:]}}, {"u": np.eye(4)}, (6, 8)
            ),
            "answers must have shape",
        ),
        (
            lambda: interactive.AnswerArrows(
                {"a": {"u": ANSWERS}}, {"u": np.eye(4)}, (6, 6), "b"
            ),
            "network must be one of 'a'",
        ),
        (
            lambda: interactive.PaintedAnswers(
                {"a": {"u": ANSWERS}}, {"u": np.eye(4)}, (6, 6), "q"
            ),
            "split must be one of 'u'",
        ),
        (
            lambda: interactive.DraggedThing(np.eye(3), {}),
            r"both even, got \(3, 3\)",
        ),
        (
            lambda: interactive.DraggedThing(np.eye(4), {"a": np.zeros((2, 3, 5))}),
            r"two of one shape \(P, P, 5\)",
        ),
        (
            lambda: interactive.DraggedThing(
                np.eye(4), dict.fromkeys("ab", np.full((1, 1, 5), 200.0))
            ),
            "from -64 to 192",
        ),
        (
            lambda: interactive.FailureGroups(
                [[0, 1]], [1], {"x": ([0, 1], 1)}, (4, 4)
            ),
            "1 places",
        ),
        (
            lambda: interactive.FailureGroups(
                [[0, 1]], [1], {"x": ([0], 1)}, (4, 4), suspect="y"
            ),
            "suspect must be one of",
        ),
        (lambda: along(shape=(1, 40, 1)), "leaves a picture of 256"),
        (lambda: along(shape=(1, 2, 3)), r"must have shape \(1, 2, 1\)"),
        (lambda: along(shape=(1, 2, 1), shifts=[0]), r"must have shape \(1, 1, 1\)"),
        (lambda: along(shape=(1, 2, 1), picture="dog"), "picture must be one of"),
        (lambda: along("dog", (1, 2, 1)), "must have the same names"),
        (lambda: interactive.LatentWalks({}), "pictures must have one shape"),
        (
            lambda: interactive.LatentWalks(
                {"a": np.ones((1, 2, 3, 8, 8)), "b": np.ones((1, 3, 3, 8, 8))}
            ),
            "pictures must have one shape",
        ),
        (
            lambda: interactive.LatentWalks({"a": np.ones((1, 2, 3, 8, 6))}),
            "pictures must have one shape",
        ),
        (lambda: interactive.LatentWalks(WALK), "either scenes or distances"),
        (
            lambda: interactive.LatentWalks(WALK, {}, distances={}),
            "either scenes or distances",
        ),
        (
            lambda: interactive.LatentWalks(WALK, distances={"b": [[0, 1]]}),
            "the names of the pictures",
        ),
        (
            lambda: interactive.LatentWalks(WALK, distances={"a": [0, 1, 2]}),
            r"1 walks of 2 pictures, got shape \(3,\)",
        ),
        (lambda: played(things={"dice": ["own"]}), "must have the same names"),
        (lambda: played(np.zeros((2, 3, 3))), "an even number of cells"),
        (lambda: played(rewards=[1]), r"must have shape \(1, 2, 2\)"),
        (lambda: played(2 * BOARDS), "numbers from 0 to 1"),
        (lambda: played(game="dice"), "game must be one of"),
        (
            lambda: interactive.Race(np.zeros((3, 3))),
            r"hidden must have shape \(24, 24\)",
        ),
        (lambda: interactive.Race(split="x"), "split must be one of"),
        (lambda: interactive.Race(i=3), r"i must lie in \[4, 27\]"),
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
