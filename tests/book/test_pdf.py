"""The printed book: its cover, then the pages in the order of the TOC."""

from io import BytesIO

import pytest
from browsing import PAGES
from chromium import SITE
from pdf import bind, cover, pages
from pypdf import PdfReader
from repository import BOOK

SHORT = [("", "intro"), ("Reference", "glossary")]


def test_every_page_of_the_book_is_printed_once_and_in_order():
    names = [name for _, name in pages()]
    assert names[0] == "intro" and len(set(names)) == len(names)
    files = {path.stem for path in BOOK.iterdir() if path.suffix in (".md", ".ipynb")}
    assert set(names) == files
    assert names.index("coordconv") < names.index("ledger") < names.index("glossary")


def test_the_cover_has_the_title_the_licences_and_no_request():
    text = cover()
    for words in ("Where Is It?", "CC BY 4.0", "MIT", "<svg"):
        assert words in text
    assert "src=" not in text and "<link" not in text


def test_a_page_that_is_not_built_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="glossary"):
        bind([("", "glossary")], None, tmp_path)


@pytest.mark.site
@pytest.mark.skipif(not PAGES, reason="the site is not built: make book")
def test_the_pdf_has_the_text_the_outline_and_nothing_of_the_site(browser):
    book = PdfReader(BytesIO(bind(SHORT, browser, SITE)))
    texts = [page.extract_text() for page in book.pages]
    assert "Where Is It?" in texts[0] and "CC BY 4.0" in texts[0]
    assert "Eleven puzzles" in " ".join(" ".join(texts).split())
    assert "Glossary" in " ".join(texts)
    assert not any("Ctrl" in text or "Contents" in text for text in texts)
    titles = [entry.title for entry in book.outline if not isinstance(entry, list)]
    assert titles == ["Where Is It?", "Reference"]
    assert [entry.title for entry in book.outline[-1]] == ["Glossary"]
