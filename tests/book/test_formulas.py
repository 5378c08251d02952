"""Formulas are set before a page is sent, by MathJax and with all that they need."""

import json
from io import BytesIO
from pathlib import Path

import pytest
from browsing import PAGES
from fontTools.ttLib import TTFont
from formulas import FONTS, STORED, characters, of_the_site, set_by_mathjax
from lighter import parsed, set_formulas

MADE = json.loads(STORED.read_text("utf-8"))
SITE_IS_BUILT = pytest.mark.skipif(not PAGES, reason="the site is not built: make book")


def test_a_formula_is_put_where_its_tex_stood():
    page = parsed(r'<span class="math">\(n\)</span>')
    assert not set_formulas(page, {r"\(n\)": "<mjx-container>n</mjx-container>"})
    assert str(page) == (
        r'<span class="math" data-tex="\(n\)"><mjx-container>n</mjx-container></span>'
    )
    assert not set_formulas(page, {})  # a page that was not written again


def test_a_formula_that_is_not_set_is_named():
    page = parsed('<div class="math">\n\\[k \\lt l\\]</div>')
    assert set_formulas(page, MADE["formulas"]) == [r"\[k \lt l\]"]


def test_mathjax_understood_every_formula():
    wrong = [tex for tex, html in MADE["formulas"].items() if "merror" in html]
    assert not wrong


def test_formulas_can_be_heard():
    assert all("<math " in html for html in MADE["formulas"].values())


def test_fonts_are_there_for_every_character_and_no_other_font_is():
    held, files = set(), {path.name for path in FONTS.glob("*.woff")}
    for name in files:
        with TTFont(BytesIO((FONTS / name).read_bytes())) as font:
            held |= set(font.getBestCmap() or ())
    assert characters(MADE["style"]) <= held
    assert files == {
        Path(part.partition('"')[0]).name for part in MADE["style"].split('url("')[1:]
    }


@pytest.mark.site
@SITE_IS_BUILT
def test_what_is_stored_is_what_the_pages_show():
    assert of_the_site() == sorted(MADE["formulas"])


@pytest.mark.site
@SITE_IS_BUILT
def test_mathjax_sets_them_so_again(browser):
    some = sorted(MADE["formulas"])[::9]
    again = set_by_mathjax(some, browser)["formulas"]
    assert again == {tex: MADE["formulas"][tex] for tex in some}
