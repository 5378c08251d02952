"""Interactive figures where Colab's versions are: ipywidgets 7 and anywidget 0.9.

Every figure of the chapters is made anew, in the classic notebook of `.venv-colab` (see
`make colab`), whose page has the front end of ipywidgets 7; a browser drags it and
presses keys, and the kernel has to know of both.

Colab itself cannot be tested here. Its kernel speaks as this one does, but its page
shows figures by a widget manager of Colab's own, and fetches anywidget's part from a
content network. Nor is it tested how figures look before a chapter was run there.
"""

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from urllib.error import URLError
from urllib.request import urlopen

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from notebooks import WIDGET_STATE
from repository import BOOK, ROOT

from coordlib.lab.figures import interactive

COLAB = ROOT / ".venv-colab"
START = """\
import json
from pathlib import Path

from coordlib.lab.figures import interactive

figures = {}


def stored(name):
    \"\"\"Return the traits of a figure that a chapter stores.\"\"\"
    state = json.loads(Path("states.json").read_text("utf-8"))[name]
    common = interactive.Figure.class_trait_names()
    own = set(getattr(interactive, name).class_trait_names()) - set(common)
    return {n: state[n] for n in own if n in state}


def again(name):
    \"\"\"Make a figure with these traits.\"\"\"
    kind = getattr(interactive, name)
    figure = figures[name] = kind.__new__(kind)
    interactive.Figure.__init__(figure, **stored(name))
    return figure


def back(name):
    \"\"\"Give a figure these traits again.\"\"\"
    for n, value in stored(name).items():
        setattr(figures[name], n, value)"""
QUESTION = """interactive.predict("Which?", choices=["this", "that"], answer="that")"""
END = "interactive.score()"
SECONDS = 300  # until torch is imported, on a machine that is very busy

pytestmark = [pytest.mark.colab, pytest.mark.xdist_group("figures")]


def stored_states() -> dict[str, dict]:
    """Return the first state that the chapters store of each kind of figure."""
    found: dict[str, dict] = {}
    for path in sorted(BOOK.glob("*.ipynb")):
        widgets = nbformat.read(path, as_version=4).metadata.get("widgets", {})
        for model in widgets.get(WIDGET_STATE, {}).get("state", {}).values():
            kind = model["state"].get("_anywidget_id", "").rpartition(".")[2]
            if kind in interactive.__all__:
                found.setdefault(kind, model["state"])
    return found


STATES = stored_states()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def classic(tmp_path_factory) -> Iterator[str]:
    """Serve a notebook with all the figures; give the address of its page."""
    if not (COLAB / ".installed").exists():
        pytest.fail("there is no environment with Colab's versions: make colab")
    folder = tmp_path_factory.mktemp("classic")
    cells = [START, *(f"again({name!r})" for name in STATES), QUESTION, END]
    nb = new_notebook(
        cells=[new_code_cell(cell) for cell in cells],
        metadata={"kernelspec": {"display_name": "Python 3", "name": "python3"}},
    )
    nbformat.write(nb, folder / "figures.ipynb")
    (folder / "states.json").write_text(json.dumps(STATES), "utf-8")
    port = free_port()
    options = ["--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}"]
    options += ["--NotebookApp.token=", "--NotebookApp.password="]
    kept = {k: v for k, v in os.environ.items() if not k.startswith("JUPYTER")}
    own = {
        "PYTHONPATH": str(ROOT),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "IPYTHONDIR": str(folder / "ipython"),
    }
    log = folder / "log"
    with log.open("w") as out:
        server = subprocess.Popen(
            [COLAB / "bin" / "python", "-m", "notebook", *options],
            cwd=folder,
            env=kept | own,
            stdout=out,
            stderr=out,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(address, server, log)
        yield f"{address}/notebooks/figures.ipynb"
    finally:
        server.terminate()
        server.wait(30)


def wait_for(address: str, server: subprocess.Popen, log) -> None:
    """Wait until a server answers."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end and server.poll() is None:
        try:
            urlopen(f"{address}/api", timeout=5).close()
            return
        except (URLError, OSError):
            time.sleep(0.2)
    pytest.fail(f"the notebook server does not answer:\n{log.read_text()[-2000:]}")


@pytest.fixture(scope="module")
def page(browser, classic) -> Iterator:
    """Give the page, with every cell executed."""
    page = browser.new_page(viewport={"width": 1200, "height": 900})
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    # The page may ask this machine alone.
    page.route(
        lambda url: not url.startswith(("http://127.0.0.1", "blob:", "data:")),
        lambda route: (wrong.append(route.request.url), route.abort()),
    )
    page.goto(classic)
    ready = """() => {
        const kernel = window.Jupyter?.notebook?.kernel;
        return Boolean(kernel?.is_connected() && kernel.widget_manager);
    }"""
    page.wait_for_function(ready, timeout=1000 * SECONDS)
    # First the page asks a kernel for widgets that are there already, and when it has
    # the answer it draws all outputs anew. What ran in between would be lost.
    page.evaluate("() => Jupyter.notebook.kernel.widget_manager._loadFromKernel()")
    page.evaluate("() => Jupyter.notebook.execute_all_cells()")
    page.locator(".cf").nth(len(STATES) - 1).wait_for(timeout=1000 * SECONDS)
    page.locator(".guess").nth(1).wait_for(timeout=1000 * SECONDS)
    yield page
    page.close()
    assert not wrong


def printed(page, code: str) -> str:
    """Execute code in the kernel and return the first line that it prints.

    A line may come in two messages, its end in the second.
    """
    return page.evaluate(
        """code => new Promise(resolve => {
            let line = "";
            const output = ({ content }) => {
                line += content.text ?? "";
                if (line.endsWith("\\n") || content.evalue)
                    resolve(content.evalue ?? line);
            };
            Jupyter.notebook.kernel.execute(code, { iopub: { output } });
        })""",
        code,
    )


def told_by_python(page, name: str) -> str:
    """Ask the kernel how it describes a figure, until no change is under way."""
    ask = f"print(repr(figures[{name!r}]), flush=True)"
    last, told = None, printed(page, ask)
    while told != last:
        last, told = told, printed(page, ask)
    return told


def drag(page, mover) -> None:
    """Drag from the middle of a thing to a place near its other end."""
    mover.scroll_into_view_if_needed()
    box = mover.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 0.3 * box["width"], y + 0.2 * box["height"], steps=4)
    page.mouse.up()


def test_there_is_every_kind_of_figure():
    assert set(STATES) == set(interactive.__all__)


@pytest.mark.parametrize("name", STATES)
def test_a_figure_and_the_kernel_hear_of_each_other(page, name):
    cell = page.locator(".cell").nth(1 + list(STATES).index(name))
    line = cell.locator(".cf .cf-line")
    mover = cell.locator(".cf .cf-grab, .cf input[type=range]").first
    line.wait_for()
    before, known = line.text_content(), told_by_python(page, name)
    assert before
    drag(page, mover)
    dragged, told = line.text_content(), told_by_python(page, name)
    assert dragged != before and told != known
    mover.focus()
    mover.press("ArrowLeft")
    assert line.text_content() != dragged
    assert told_by_python(page, name) != told
    assert printed(page, f"back({name!r}); print('back', flush=True)") == "back\n"
    assert told_by_python(page, name) == known
    page.wait_for_function(
        "([line, text]) => line.textContent === text",
        arg=[line.element_handle(), before],
    )
    width = cell.locator(".cf").bounding_box()["width"]
    assert width <= cell.locator(".output").bounding_box()["width"]


def test_a_question_takes_a_guess_and_the_end_counts_it(page):
    question, end = page.locator(".guess").nth(0), page.locator(".guess").nth(1)
    # Where widgets are shown the folded answer is not.
    assert page.locator(".guess-folded").count() == 0
    question.get_by_label("that").check()
    question.get_by_role("button").click()
    assert "✓ Right" in question.locator(".guess-answer").text_content()
    assert "You were right 1 of 1 times." in end.text_content()
    end.get_by_role("button", name="Forget my answers").click()
    assert question.get_by_label("that").is_enabled()


def test_the_front_end_is_that_of_ipywidgets_7(page):
    version = page.evaluate(
        """() => new Promise((resolve, reject) => require(
            ["@jupyter-widgets/base"],
            base => resolve(base.JUPYTER_WIDGETS_VERSION), reject,
        ))"""
    )
    assert version.startswith("1.2.")  # of the models: 2.0 came with ipywidgets 8
