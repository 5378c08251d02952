"""The normal form of a notebook: stable, and free of the machine."""

import base64
from io import BytesIO

import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from notebooks import MAX_PICTURE, as_text, keep_times, lighter, normalise
from PIL import Image
from repository import setup_cell


def code(source, *outputs, **metadata):
    return new_code_cell(source, outputs=list(outputs), metadata=metadata)


def stream(text, name="stdout"):
    return new_output("stream", name=name, text=text)


def notebook(*cells):
    """Make a notebook with the marks a Jupyter session leaves."""
    return new_notebook(
        cells=list(cells),
        metadata={"kernelspec": {"name": "my-env", "display_name": "mine"}},
    )


def text_of(*cells):
    nb = notebook(*cells)
    normalise(nb)
    return as_text(nb)


def test_same_content_gives_same_text():
    def made():
        return [new_markdown_cell("# A"), code("1 + 1\n", stream("2\n"))]

    assert text_of(*made()) == text_of(*made())


def test_normal_form_is_a_fixed_point_and_valid():
    text = text_of(code("x = 1"), code("x = 1"), new_markdown_cell("words"))
    nb = nbformat.reads(text, as_version=4)
    nbformat.validate(nb)
    normalise(nb)
    assert as_text(nb) == text
    assert len({cell.id for cell in nb.cells}) == 3


def test_metadata_of_the_session_goes_and_that_of_the_page_stays():
    alt = {"image": {"alt": "what the picture shows"}}
    text = text_of(
        code("x", execution={"started": "now"}, tags=["hide-input"], mystnb=alt)
    )
    nb = nbformat.reads(text, as_version=4)
    assert nb.cells[0].metadata == {"tags": ["hide-input"], "mystnb": alt}
    assert nb.metadata.kernelspec.name == "python3"
    assert "my-env" not in text


def png(array):
    out = BytesIO()
    Image.fromarray(array).save(out, "PNG")
    return base64.b64encode(out.getvalue()).decode()


def test_a_heavy_picture_becomes_lighter_and_hardly_other():
    rng = np.random.default_rng(0)
    smooth = np.indices((400, 600)).sum(0)[..., None] / 4 + rng.integers(0, 3, 3)
    heavy = (smooth + rng.integers(0, 8, smooth.shape)).astype("uint8")
    picture = png(heavy)
    assert len(base64.b64decode(picture)) > MAX_PICTURE
    light = lighter(picture)
    assert len(light) < len(picture)
    shown = Image.open(BytesIO(base64.b64decode(light))).convert("RGB")
    assert np.abs(np.asarray(shown, int) - heavy).mean() < 4
    assert lighter(light) == light


def test_a_light_picture_stays_as_it_is():
    picture = png(np.zeros((9, 9, 3), "uint8"))
    assert lighter(picture) == picture


def test_streams_that_follow_each_other_are_merged():
    nb = notebook(code("f()", stream("a"), stream("b"), stream("c", "stderr")))
    normalise(nb)
    assert [output.text for output in nb.cells[0].outputs] == ["ab", "c"]


def test_tracebacks_keep_their_last_line():
    error = new_output(
        "error",
        ename="ValueError",
        evalue="no",
        traceback=["\x1b[31mFile /home/me/x.py", "ValueError: no"],
    )
    nb = notebook(code("f()", error))
    normalise(nb)
    assert nb.cells[0].outputs[0].traceback == ["ValueError: no"]


@pytest.mark.parametrize("path", ["/home/me/book", "/tmp/x", "C:\\Users\\me"])
def test_paths_of_the_machine_are_refused(path):
    with pytest.raises(ValueError, match="path of this machine"):
        text_of(code("f()", stream(f"read {path}\n")))


def test_paths_of_urls_are_not_refused():
    text_of(code("f()", stream("https://example.org/home/me\n")))


def test_set_up_cell_keeps_its_id():
    nb = notebook(code(setup_cell()))
    normalise(nb)
    assert nb.cells[0].id == "set-up"


@pytest.mark.parametrize(
    ("new", "kept"), [("loss 0.12 in 3.1 s\n", True), ("loss 0.13 in 3.1 s\n", False)]
)
def test_new_times_alone_do_not_change_an_output(new, kept):
    old = [stream("loss 0.12 in 2.9 s\n")]
    nb = notebook(code("train()", stream(new)))
    normalise(nb)
    keep_times(nb, {nb.cells[0].id: old})
    assert (nb.cells[0].outputs == old) == kept


@pytest.mark.parametrize(("printed", "kept"), [("4\n", True), ("5\n", False)])
def test_the_day_of_execution_is_that_of_the_run_that_changed_a_page(printed, kept):
    nb = notebook(
        code(setup_cell(), stream("coordlib 0.1.0 · cpu · 2026-11-23\n")),
        code("2 + 2", stream("4\n")),
    )
    normalise(nb)
    before = {cell.id: cell.outputs for cell in nb.cells}
    nb.cells[0].outputs = [stream("coordlib 0.1.0 · cpu · 2026-12-24\n")]
    nb.cells[1].outputs = [stream(printed)]
    keep_times(nb, before)
    assert (nb.cells[0].outputs == before["set-up"]) == kept
