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
