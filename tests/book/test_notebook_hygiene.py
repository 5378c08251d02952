"""What every notebook of the book keeps to, beside giving the stored outputs."""

import ast
import base64
import re
import statistics
from pathlib import Path

import nbformat
import pytest
import yaml
from IPython.core.inputtransformer2 import TransformerManager
from notebooks import (
    MACHINE_PATH,
    MAX_PICTURE,
    WIDGET_STATE,
    WIDGET_VIEW,
    as_text,
    normalise,
)
from repository import BOOK, ROOT, setup_cell

from coordlib.lab.figures import interactive

NOTEBOOKS = sorted(BOOK.glob("*.ipynb"))
# By the name under which anywidget stores them.
FIGURES = {
    f"{figure.__module__}.{figure.__name__}": figure
    for figure in (
        interactive.Prediction,
        *(getattr(interactive, name) for name in interactive.__all__),
    )
}
MAX_BYTES = 1_500_000
MAX_WIDTH = 72
MAX_LINES = 25
MAX_HIDDEN_LINES = 40
MAX_FOLDED = 0.5
MEDIAN_LINES = 6
CHAPTER_CELLS = range(20, 41)
MIN_ALT = 20
ASKS = ("predict(", "interactive.predict(")
TIME_AND_NEEDS = (
    r"\*Reading: \d+ minutes\. Running: [\w ]+ on two CPU cores; no GPU, no network "
    r"connection\. You need [^*]+\.\*"
)

# Outputs that no two processors agree on, and why. A chapter has few of them.
TRAINED = "ends of trainings: their last digits differ between processors"
DRAWN = "first weights: not every torch draws the same ones from a seed"
IGNORED = {
    "antialiased-pooling": {'def show(name, values, sign=""):': TRAINED},
    "coordconv": {"trained, seconds = {}, {}": "prints durations"},
    "generation": {"def explained(part):": TRAINED},
    "detection": {
        'quick = find("detection").presets["quick"]': TRAINED,
        "fresh = []": DRAWN,
        "fig, axes = plt.subplots(2, 3, figsize=(7.2, 4.9))": TRAINED,
    },
    "handmade-decoder": {
        "painters = [handmade.painter_network(8)[:-1] for seed in range(16)]": TRAINED,
    },
    "reinforcement-learning": {
        "balls = Catch(4000, seed=1).reset().flatten(2).argmax(2)[:, 0] % 10": TRAINED
    },
    "translation-equivariance": {'for border in ("zeros", "reflect"):': TRAINED},
}

pytestmark = pytest.mark.parametrize(
    "path", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS]
)


def cells(path: Path, kind: str = "code") -> list[nbformat.NotebookNode]:
    notebook = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    return [cell for cell in notebook.cells if cell.cell_type == kind]


def tags(cell: nbformat.NotebookNode) -> list[str]:
    return cell.metadata.get("tags", [])


def hidden(cell: nbformat.NotebookNode) -> bool:
    return {"hide-input", "hide-cell", "remove-input", "remove-cell"} & {
        *tags(cell)
    } != set()


def folded_share(path: Path) -> float:
    """The share of lines of code, blank ones and the set-up apart, in folded cells."""
    counts = [
        (hidden(cell), sum(bool(line.strip()) for line in cell.source.splitlines()))
        for cell in cells(path)[1:]
    ]
    return sum(n for folded, n in counts if folded) / sum(n for _, n in counts)


def where(number: int, cell: nbformat.NotebookNode) -> str:
    """Name a code cell so that its author finds it."""
    return f"code cell {number}: {cell.source.splitlines()[0]!r}"


def numbered(path: Path) -> list[tuple[str, nbformat.NotebookNode]]:
    return [(where(n, cell), cell) for n, cell in enumerate(cells(path), 1)]


def mime_types(cell: nbformat.NotebookNode) -> set[str]:
    return {kind for output in cell.outputs for kind in output.get("data", {})}


def shown_widgets(path: Path, cell: nbformat.NotebookNode) -> list[dict]:
    """Return the stored state of each widget that a cell shows."""
    notebook = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    stored = notebook.metadata.get("widgets", {}).get(WIDGET_STATE, {"state": {}})
    views = [
        o.data[WIDGET_VIEW] for o in cell.outputs if WIDGET_VIEW in o.get("data", {})
    ]
    return [
        stored["state"].get(view["model_id"], {"state": {}})["state"] for view in views
    ]


def chapters() -> set[str]:
    """Return the stems of the chapters proper, which teach.

    The pages of evidence are numbered too, for the sake of their figures.
    """
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))
    parts = {part["caption"]: part for part in toc["parts"] if part.get("numbered")}
    del parts["Evidence"]
    return {page["file"] for part in parts.values() for page in part["chapters"]}


def python(cell: nbformat.NotebookNode) -> ast.Module:
    """Parse a cell's source, its %magics included."""
    return ast.parse(TransformerManager().transform_cell(cell.source))


def code_lines(cell: nbformat.NotebookNode) -> int:
    """Count the lines of a cell without the question that it ends with, if any."""
    *_, last = python(cell).body
    asks = isinstance(last, ast.Expr) and ast.unparse(last).startswith(ASKS)
    return last.lineno - 1 if asks else len(cell.source.splitlines())


def test_is_a_valid_notebook_in_normal_form(path):
    notebook = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    assert (notebook.nbformat, notebook.nbformat_minor) >= (4, 5)
    nbformat.validate(notebook)
    normalise(notebook)
    assert as_text(notebook) == path.read_text("utf-8"), "run `make notebooks`"


def test_name_and_size(path):
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", path.stem)
    assert path.stat().st_size < MAX_BYTES


def test_executed_in_order(path):
    counts = [cell.execution_count for cell in cells(path)]
    assert counts == list(range(1, len(counts) + 1)), "run `make notebooks`"


def test_no_empty_cells(path):
    notebook = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    assert all(cell.source.strip() for cell in notebook.cells)


def test_errors_are_announced(path):
    for name, cell in numbered(path):
        failed = any(output.output_type == "error" for output in cell.outputs)
        assert failed == ("raises-exception" in tags(cell)), name


def test_nbval_compares_nearly_everything(path):
    code = cells(path)
    ignored = [cell for cell in code if "nbval-ignore-output" in tags(cell)]
    assert len(ignored) <= 0.1 * len(code)
    for name, cell in numbered(path):
        assert "nbval-skip" not in tags(cell), name
        assert not re.search(r"^\s*# *NBVAL_", cell.source, re.M), name


def test_each_output_that_is_not_compared_has_a_reason(path):
    ignored = {
        cell.source.splitlines()[0]
        for cell in cells(path)
        if "nbval-ignore-output" in tags(cell)
    }
    assert ignored == set(IGNORED.get(path.stem, {}))


def test_first_cell_is_the_set_up(path):
    first = cells(path)[0]
    assert first.source == setup_cell()
    assert tags(first) == ["hide-input"]


def test_the_page_says_what_it_was_executed_with(path):
    (output,) = cells(path)[0].outputs
    told = r"coordlib V · Python V · torch V · numpy V · \w.* · \d{4}-\d\d-\d\d\n"
    assert re.fullmatch(told.replace("V", r"[\d.]+"), output.text)


def test_a_chapter_opens_with_what_it_gives_and_takes(path):
    if path.stem in chapters():
        opening = cells(path, "markdown")[0].source
        assert opening.startswith("# ")
        _promise, _, rest = opening.partition("\n\n**You will be able to**\n\n")
        assert len(re.findall(r"^- ", rest, re.M)) in range(3, 8)
        assert re.search(TIME_AND_NEEDS, " ".join(rest.split())), "time and needs"


def test_cells_are_short(path):
    code = cells(path)
    for name, cell in numbered(path):
        lines = cell.source.splitlines()
        assert len(lines) <= (MAX_HIDDEN_LINES if hidden(cell) else MAX_LINES), name
        assert max(map(len, lines)) <= MAX_WIDTH, name
    if path.stem in chapters():
        lengths = [code_lines(cell) for cell in code if not hidden(cell)]
        assert statistics.median(lengths) <= MEDIAN_LINES
        assert len(code) in CHAPTER_CELLS


def test_most_of_the_code_is_on_the_page(path):
    if path.stem == "placement":
        pytest.skip("a page of advice, which computes only what it quotes")
    assert folded_share(path) < MAX_FOLDED


def test_no_idiom_nbval_stumbles_over(path):
    for name, cell in numbered(path):
        assert not cell.source.rstrip().endswith(";"), name
        used = {
            node.id
            for node in ast.walk(python(cell))
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
        }
        assert not used & {"_", "__", "___", "Out", "In"}, name


def test_nothing_of_the_machine(path):
    for line in path.read_text("utf-8").splitlines():
        if not line.lstrip().startswith('"image/'):
            assert not MACHINE_PATH.search(line), line
            assert not re.search(r"\bat 0x[0-9a-f]{6,}", line), line


def test_outputs_show_without_a_third_party(path):
    for name, cell in numbered(path):
        kinds = mime_types(cell)
        assert "image/svg+xml" not in kinds, f"{name}: SVG is different in every run"
        # Other widgets need a manager, which pages load from a public server.
        for widget in shown_widgets(path, cell):
            assert widget.get("_anywidget_id") in FIGURES, f"{name}: widget"


def test_interactive_figures_are_stored_as_coordlib_has_them(path):
    for name, cell in numbered(path):
        for widget in shown_widgets(path, cell):
            figure = FIGURES[widget["_anywidget_id"]]
            for part in ("_esm", "_css"):
                told = f"{name}: {part} is not the present one: run `make notebooks`"
                assert widget[part] == str(getattr(figure, part)), told


def test_figures_have_alt_text_and_caption(path):
    for name, cell in numbered(path):
        kinds = mime_types(cell)
        if not kinds & {"image/png", "image/jpeg", WIDGET_VIEW}:
            continue
        mystnb = cell.metadata.get("mystnb", {})
        if kinds >= {WIDGET_VIEW, "text/html"}:
            continue  # a question, which has its answer as HTML
        # An interactive figure describes itself, anew with every change.
        if WIDGET_VIEW not in kinds:
            alt = mystnb.get("image", {}).get("alt", "")
            assert len(alt) >= MIN_ALT, f"{name}: metadata mystnb.image.alt"
            assert not re.search(r"\.(png|jpe?g|gif|svg)$", alt), name
        caption = mystnb.get("figure", {}).get("caption", "")
        assert caption.strip(), f"{name}: metadata mystnb.figure.caption"


def test_figures_are_light(path):
    for name, cell in numbered(path):
        for output in cell.outputs:
            picture = base64.b64decode(output.get("data", {}).get("image/png", ""))
            assert len(picture) <= MAX_PICTURE, f"{name}: run `make notebooks`"


def test_pictures_in_the_prose_have_alt_text(path):
    for cell in cells(path, "markdown"):
        assert not re.search(r"!\[\s*\]\(", cell.source), cell.source
        for tag in re.findall(r"<img\b[^>]*>", cell.source):
            assert re.search(r"""\balt=["'][^"']""", tag), tag


WRITTEN_AS_CODE = re.compile(
    r"```(?!\{).*?```|`[^`\n]*`|\$\$.*?\$\$|\$[^$]*\$|\]\([^)]*\)", re.DOTALL
)


def test_a_negative_number_has_a_minus_and_no_hyphen(path):
    captions = [
        cell.metadata.get("mystnb", {}).get("figure", {}).get("caption", "")
        for cell in cells(path)
    ]
    texts = [cell.source for cell in cells(path, "markdown")] + captions
    prose = [WRITTEN_AS_CODE.sub("", text) for text in texts if "\\begin" not in text]
    assert not re.findall(r".*(?<![\w/–-])-\d.*", "\n".join(prose))
