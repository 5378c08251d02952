"""What others show of a page when a reader shares its address."""

import pytest
from browsing import PAGES
from bs4 import BeautifulSoup
from chromium import SITE
from repository import address, pages

GENERATED = {"genindex", "py-modindex", "search"}

pytestmark = [
    pytest.mark.site,
    pytest.mark.skipif(not PAGES, reason="the site is not built: make book"),
]


@pytest.mark.parametrize("name", [name for name in PAGES if name not in GENERATED])
def test_a_shared_page_shows_its_title_its_first_words_and_a_card(name):
    page = BeautifulSoup((SITE / f"{name}.html").read_text("utf-8"), "html.parser")
    shown = {
        meta.get("property") or meta.get("name"): meta["content"]
        for meta in page("meta", content=True)
    }
    published = f"https://{pages(address())}/"
    assert shown["og:title"].endswith(page.h1.get_text(strip=True))
    assert shown["og:url"] == f"{published}{name}.html"
    words = shown["description"].removesuffix("...")
    assert 60 < len(words) <= 150
    assert shown["og:description"] == shown["description"]
    card = SITE / shown["og:image"].removeprefix(published)
    assert card.read_bytes().startswith(b"\x89PNG")
