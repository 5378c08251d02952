"""Every figure of the built site has an address, and files that say whose it is."""

import struct
import xml.etree.ElementTree as ET
import zlib
from collections.abc import Iterator
from io import BytesIO

import pytest
from browsing import PAGES, Tab
from PIL import Image

SVG = "{http://www.w3.org/2000/svg}"
CHAPTER = "translation-equivariance"
STILL, ALIVE = "#fig-cat-and-edges", "#fig-sliding-kernel"
CLIPBOARD = """Object.defineProperty(navigator, "clipboard", {
    value: { writeText: async (text) => { window.copied = text; } } })"""
LICENCE = "https://creativecommons.org/licenses/by/4.0/"

pytestmark = [
    pytest.mark.site,
    pytest.mark.skipif(CHAPTER not in PAGES, reason="the site is not built: make book"),
]


@pytest.fixture(scope="module")
def tab(browser) -> Iterator[Tab]:
    tab = Tab(browser)
    # The page is not served safely here, so the browser would give it no clipboard.
    tab.page.add_init_script(CLIPBOARD)
    tab.open(f"{CHAPTER}.html")
    tab.page.wait_for_selector(f"{ALIVE} .cf-line")
    yield tab
    tab.close()


def saved(tab: Tab, figure: str, kind: str) -> bytes:
    """Press a button of a figure by the keyboard and give the file that comes."""
    button = tab.page.locator(figure).get_by_role("button", name=f"{kind} of Fig.")
    button.focus()
    with tab.page.expect_download() as download:
        tab.page.keyboard.press("Enter")
    assert download.value.suggested_filename == f"{figure[1:]}.{kind.lower()}"
    return download.value.path().read_bytes()


def test_every_figure_of_a_chapter_has_its_tools(tab):
    figures = tab.page.locator(".cell_output figure[id]").count()
    tools = tab.page.locator(".figure-tools")
    assert tools.count() == figures > 5
    assert tools.first.get_by_role("button").count() == 3


@pytest.mark.parametrize("figure", [STILL, ALIVE])
def test_the_link_leads_to_the_figure(tab, figure):
    button = tab.page.locator(figure).get_by_role("button", name="Copy link")
    button.click()
    tab.page.locator(f"{figure} [role=status]", has_text="Copied.").wait_for()
    link = tab.page.evaluate("window.copied")
    assert link.endswith(f"/{CHAPTER}.html{figure}")


@pytest.mark.parametrize("figure", [STILL, ALIVE])
def test_a_png_holds_its_title_its_licence_and_its_address(tab, figure):
    data = saved(tab, figure, "PNG")
    picture = Image.open(BytesIO(data))
    picture.load()
    assert picture.width > 300 and picture.text["Title"].startswith("Fig. 1.")
    assert LICENCE in picture.text["Copyright"]
    assert picture.text["Source"].endswith(f"{CHAPTER}.html{figure}")
    assert len(picture.text["Description"]) >= 20
    # Viewers refuse a chunk whose checksum is wrong.
    at = 8
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        body, check = data[at + 4 : at + 8 + length], data[at + 8 + length :][:4]
        assert struct.unpack(">I", check)[0] == zlib.crc32(body)
        at += 12 + length


@pytest.mark.parametrize("figure", [STILL, ALIVE])
def test_an_svg_stands_by_itself_and_says_whose_it_is(tab, figure):
    root = ET.fromstring(saved(tab, figure, "SVG"))
    told = root.findtext(f"{SVG}metadata")
    assert root.findtext(f"{SVG}title").startswith("Fig. 1.")
    assert LICENCE in told and f"{CHAPTER}.html{figure}" in told
    pictures = [image.get("href") for image in root.iter(f"{SVG}image")]
    assert pictures and all(href.startswith("data:image/png") for href in pictures)


def test_an_interactive_figure_is_saved_as_it_stands_with_its_words(tab):
    root = ET.fromstring(saved(tab, ALIVE, "SVG"))
    words = " ".join(text.text for text in root.iter(f"{SVG}text"))
    for title in tab.page.locator(f"{ALIVE} .cf-title").all_text_contents():
        assert title in words
    marks = [
        e for e in root.iter(f"{SVG}rect") if e.get("stroke") not in (None, "none")
    ]
    assert marks


def test_a_file_of_a_readers_own_picture_does_not_call_it_the_books(browser):
    tab = Tab(browser)
    tab.open(f"{CHAPTER}.html")
    figure = tab.page.locator("figure:has(.cf-own)")
    mine = BytesIO()
    Image.new("L", (8, 8), 200).save(mine, "PNG")
    file = {"name": "mine.png", "mimeType": "image/png", "buffer": mine.getvalue()}
    figure.get_by_label("A picture of yours").set_input_files(file)
    figure.locator("[data-own-picture]").wait_for()
    address = f"#{figure.get_attribute('id')}"
    told = Image.open(BytesIO(saved(tab, address, "PNG"))).text
    assert told["Copyright"].startswith("The picture is its owner's")
    assert told["Author"].endswith("with a picture of a reader's own")
    figure.get_by_role("button", name="First picture again").click()
    told = Image.open(BytesIO(saved(tab, address, "PNG"))).text
    assert told["Copyright"].startswith("CC BY 4.0")
    tab.close()


# The files of all figures of a page, before the reader has come near one.
UNSEEN = """async () => {
    const { about, asSVG } = await import("/_static/figure-files.js");
    const size = async (figure) => {
        const text = await (await asSVG(figure)).text();
        const { documentElement } = new DOMParser().parseFromString(text, "text/xml");
        return Number(documentElement.getAttribute("width"));
    };
    const figures = [...document.querySelectorAll(".cell_output figure[id]")];
    return Promise.all(figures.map(async (figure) =>
        [figure.id, about(figure).description, await size(figure)]));
}"""


@pytest.mark.parametrize("page", PAGES)
def test_the_file_of_every_figure_has_a_size_and_says_what_it_shows(browser, page):
    tab = Tab(browser)
    tab.open(f"{page}.html")
    tab.page.wait_for_function(DRAWN)
    for figure, description, size in tab.page.evaluate(UNSEEN):
        assert len(description) >= 20 and size > 100, figure
    tab.close()


DRAWN = """() => document.querySelectorAll(".cf-line").length
    >= document.querySelectorAll('script[type*="widget-view"]').length"""


def landed(browser, page: str, figure: str, width: int) -> float:
    """Return how far below the top of the window a figure stands that was asked for."""
    tab = Tab(browser, width)
    tab.open(f"{page}.html{figure}")
    tab.page.wait_for_selector(f"{figure} .cf")
    tab.page.wait_for_function(DRAWN)
    tab.page.wait_for_timeout(100)
    top = tab.page.locator(figure).evaluate("e => e.getBoundingClientRect().top")
    tab.close()
    return top


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("page", PAGES)
def test_the_address_of_an_interactive_figure_leads_to_its_beginning(
    browser, page, width
):
    tab = Tab(browser)
    tab.open(f"{page}.html")
    alive = tab.page.locator("figure[id]:has(script[type*='widget-view'])")
    figures = [f"#{e.get_attribute('id')}" for e in alive.all()]
    tab.close()
    for figure in figures:
        assert 0 <= landed(browser, page, figure, width) <= 130, figure


@pytest.mark.parametrize("width", [1280, 390])
def test_the_address_of_a_question_leads_to_it(browser, width):
    tab = Tab(browser, width)
    tab.open("coordconv.html")
    question = tab.page.locator(".guess[id]").last
    question.wait_for()
    address = question.get_attribute("id")
    tab.close()
    tab = Tab(browser, width)
    tab.open(f"coordconv.html#{address}")
    question = tab.page.locator(f"#{address}")
    question.wait_for()
    tab.page.wait_for_function(DRAWN)
    tab.page.wait_for_timeout(100)
    assert 0 <= question.evaluate("e => e.getBoundingClientRect().top") <= 130
    tab.close()


def drawn(tab: Tab) -> None:
    """Wait until the figures stand and the page has gone to its place."""
    tab.page.wait_for_function(DRAWN)
    tab.page.wait_for_timeout(300)


@pytest.mark.parametrize("again", ["reload", "back"])
@pytest.mark.parametrize("page", ["coordconv", "translation-equivariance"])
@pytest.mark.parametrize("width", [1280, 390])
def test_who_comes_back_finds_what_was_left(browser, page, again, width):
    tab = Tab(browser, width)
    tab.open(f"{page}.html{'' if again == 'reload' else '#exercises'}")
    tab.page.wait_for_function(DRAWN)
    heading = tab.page.locator(".bd-article h2").last
    heading.evaluate("e => scrollTo({ top: e.offsetTop - 321, behavior: 'instant' })")
    top = "e => Math.round(e.getBoundingClientRect().top)"
    before = heading.evaluate(top)
    if again == "reload":
        tab.page.reload()
    else:
        tab.open("bibliography.html")
        tab.page.go_back()
    drawn(tab)
    assert abs(heading.evaluate(top) - before) <= 2
    tab.close()


def scrolled(tab: Tab, to: int) -> None:
    drawn(tab)
    tab.page.evaluate(f"scrollTo({{ top: {to}, behavior: 'instant' }})")
    tab.page.wait_for_timeout(100)


def test_a_page_that_is_opened_anew_begins_at_the_top(browser):
    tab = Tab(browser)
    tab.open(f"{CHAPTER}.html")
    scrolled(tab, 9000)
    tab.page.evaluate("location.replace(location.href)")
    tab.page.wait_for_load_state()
    drawn(tab)
    assert tab.page.evaluate("scrollY") == 0
    tab.close()


def test_a_place_outlives_a_page_that_is_left_before_it_is_drawn(browser):
    tab = Tab(browser)
    tab.open("bibliography.html")
    tab.open(f"{CHAPTER}.html")
    scrolled(tab, 9000)
    tab.open("gallery.html")
    tab.page.go_back(wait_until="commit")
    tab.page.go_back(wait_until="commit")
    tab.page.go_forward()
    drawn(tab)
    assert abs(tab.page.evaluate("scrollY") - 9000) <= 2
    tab.close()


def test_who_left_for_another_part_of_the_page_finds_the_first_again(browser):
    tab = Tab(browser)
    tab.open(f"{CHAPTER}.html")
    scrolled(tab, 2000)
    tab.page.reload()
    scrolled(tab, 9000)
    tab.page.evaluate("location.hash = 'exercises'")
    tab.page.wait_for_timeout(300)
    tab.open("gallery.html")
    tab.page.evaluate("history.go(-2)")
    tab.page.wait_for_url(f"**/{CHAPTER}.html")
    drawn(tab)
    assert abs(tab.page.evaluate("scrollY") - 9000) <= 2
    tab.close()


def test_an_address_that_cannot_be_read_leads_to_the_top(browser):
    tab = Tab(browser)
    tab.open(f"{CHAPTER}.html#%")
    tab.page.wait_for_function(DRAWN)
    assert tab.page.evaluate("scrollY") == 0
    tab.close()


def test_who_moved_while_figures_were_drawn_is_left_alone(browser):
    tab = Tab(browser)
    tab.page.add_init_script(
        "addEventListener('DOMContentLoaded', () => dispatchEvent(new Event('wheel')))"
    )
    tab.open(f"{CHAPTER}.html{ALIVE}")
    tab.page.evaluate("scrollTo({ top: 0, behavior: 'instant' })")
    tab.page.wait_for_selector(f"{ALIVE} .cf-line")
    tab.page.wait_for_timeout(300)
    assert tab.page.evaluate("scrollY") == 0
    tab.close()


# What the reader sees of the figures that are drawn in a page, by their addresses: the
# words without what only works there, and how many lines there are.
SEEN = """() => Object.fromEntries(
    [...document.querySelectorAll(".cell_output figure[id]")]
        .filter((figure) => !figure.querySelector(":scope > img, :scope > a > img"))
        .map((figure) => {
            const works =
                "figcaption, style, .cf-hint, .cf-controls, .cf-line, button, label";
            const parts = [...figure.querySelectorAll("*")];
            const shows = (part) => !part.closest(works) && part.checkVisibility();
            const texts = ({ childNodes }) =>
                [...childNodes].filter(({ nodeName }) => nodeName === "#text");
            const all = parts.filter(shows).flatMap(texts);
            const words = all.map(({ data }) => data).join(" ");
            const lined = (part) =>
                part.ownerSVGElement && getComputedStyle(part).stroke !== "none";
            return ["#" + figure.id, [words, parts.filter(lined).length]];
        }),
)"""


@pytest.mark.parametrize("page", PAGES)
def test_what_is_drawn_in_a_page_is_saved_whole(browser, page):
    tab = Tab(browser)
    tab.open(f"{page}.html")
    for figure, (words, lines) in tab.page.evaluate(SEEN).items():
        file = saved(tab, figure, "SVG").decode()
        # What only the page knows is drawn nowhere else.
        assert "var(" not in file and "color(" not in file
        root = ET.fromstring(file)
        texts = " ".join(text.text or "" for text in root.iter(f"{SVG}text"))
        assert sorted(texts.split()) == sorted(words.split()), figure
        inner = (e for drawing in root.findall(f"{SVG}svg") for e in drawing.iter())
        assert sum(e.get("stroke") not in (None, "none") for e in inner) == lines
    tab.close()


def test_without_a_clipboard_the_reader_is_told(browser):
    tab = Tab(browser)
    tab.page.add_init_script(
        "Object.defineProperty(navigator, 'clipboard', { value: undefined })"
    )
    tab.open(f"{CHAPTER}.html")
    tab.page.locator(STILL).get_by_role("button", name="Copy link").click()
    told = "This did not work in this browser."
    tab.page.locator(f"{STILL} [role=status]", has_text=told).wait_for()
    tab.close()
