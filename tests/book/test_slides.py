"""The slides of the chapters: they need no network, and their figures are alive."""

from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from repository import BOOK, ROOT
from slides import make, page

MARKED = [
    path
    for path in sorted(BOOK.glob("*.ipynb"))
    if page(nbformat.read(path, as_version=4)) is not None
]
CHAPTER = "antialiased-pooling"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("slides")
    assert [path.stem for path in make(MARKED, folder)] == [p.stem for p in MARKED]
    return folder


@pytest.fixture
def show(browser, folder) -> Iterator:
    """Open the slides of a chapter from the disk; nothing may go wrong on them."""
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    tab = context.new_page()
    wrong: list[str] = []
    tab.on("pageerror", lambda error: wrong.append(str(error)))
    tab.on(
        "console",
        lambda said: said.type in ("error", "warning") and wrong.append(said.text),
    )
    tab.route(
        lambda url: not url.startswith(("file:", "blob:", "data:")),
        lambda route: (wrong.append(route.request.url), route.abort()),
    )

    def open_slides(name: str):
        tab.goto((folder / f"{name}.html").as_uri())
        tab.wait_for_function("Reveal.isReady() && window.MathJax?.startup?.promise")
        tab.evaluate("MathJax.startup.promise")
        shown = "[...document.querySelectorAll('.guess-folded')].length === 0"
        tab.wait_for_function(shown)
        return tab

    yield open_slides
    context.close()
    assert not wrong


def turn_to(tab, title: str) -> None:
    """Turn to the slide with this title."""
    for number in range(tab.evaluate("Reveal.getTotalSlides()")):
        tab.evaluate(f"Reveal.slide({number})")
        if tab.locator("section.present :is(h1, h2)").text_content() == title:
            return
    pytest.fail(f"no slide {title!r}")


def test_the_first_chapters_have_slides():
    names = {path.stem for path in MARKED}
    assert names >= {
        "translation-equivariance",
        "coordinate-failure",
        "coordconv",
        "antialiased-pooling",
    }


@pytest.mark.parametrize("path", MARKED, ids=[path.stem for path in MARKED])
def test_every_slide_fits_its_screen_and_shows_its_figure(show, path):
    tab = show(path.stem)
    marked = [c for c in nbformat.read(path, 4).cells if c.metadata.get("slide")]
    assert tab.evaluate("Reveal.getTotalSlides()") == len(marked) + 1
    fits = """() => {
        const { scrollHeight, clientHeight, scrollWidth, clientWidth } =
            Reveal.getCurrentSlide();
        return scrollHeight <= clientHeight && scrollWidth <= clientWidth;
    }"""
    for number in range(len(marked) + 1):
        tab.evaluate(f"Reveal.slide({number})")
        tab.wait_for_function(fits)
        text = tab.locator("section.present").text_content()
        assert "$" not in text and "could not be shown" not in text


def test_arrows_turn_the_slides_and_in_a_figure_they_move_its_parts(show):
    tab = show(CHAPTER)
    tab.keyboard.press("ArrowRight")
    assert tab.evaluate("Reveal.getIndices().h") == 1
    turn_to(tab, "What a stride does to a wave")
    here = tab.evaluate("Reveal.getIndices().h")
    slide = tab.locator("section.present")
    before = slide.locator(".cf-line").text_content()
    slide.locator("input[type=range]").focus()
    tab.keyboard.press("ArrowRight")
    assert slide.locator(".cf-line").text_content() != before
    assert tab.evaluate("Reveal.getIndices().h") == here


def test_a_question_takes_a_guess_on_its_slide(show):
    tab = show(CHAPTER)
    turn_to(tab, "Eight numbers")
    question = tab.locator("section.present .guess")
    question.get_by_role("radio").last.check()
    question.get_by_role("button").click()
    assert "You said: " in question.text_content()


def test_networks_train_on_a_slide(show):
    tab = show("coordconv")
    turn_to(tab, "Watch it happen")
    slide = tab.locator("section.present")
    slide.get_by_role("button", name="One step").click()
    slide.get_by_text("step 1").first.wait_for()


def test_formulas_are_set_and_pictures_described(show):
    tab = show(CHAPTER)
    assert tab.locator("mjx-container").count() > 3
    alts = tab.locator(".figure > img").evaluate_all("all => all.map((e) => e.alt)")
    assert alts and all(len(alt) > 20 for alt in alts)


def test_a_cell_that_shows_nothing_shows_its_code():
    cell = nbformat.v4.new_code_cell("x < 1", metadata={"slide": "## Code"})
    title = nbformat.v4.new_markdown_cell("# A title")
    text = page(nbformat.v4.new_notebook(cells=[title, cell]))
    assert "<pre><code>x &lt; 1</code></pre>" in text and "<h2>Code</h2>" in text
    assert page(nbformat.v4.new_notebook(cells=[title])) is None


def test_what_shows_the_slides_has_its_licence_beside_it():
    folder = ROOT / "tools" / "reveal"
    assert "MIT licensed" in (folder / "reveal.js").read_text("utf-8")[:200]
    assert "Hakim El Hattab" in (folder / "LICENSE").read_text("utf-8")
