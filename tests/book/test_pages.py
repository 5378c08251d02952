"""The built site: what a reader meets on every page, whatever the screen."""

import gzip
import re
from collections.abc import Iterator
from importlib.metadata import distribution

import pytest
from browsing import PAGES, Tab
from repository import BOOK

WIDTHS = [1280, 768, 390]
SMALLEST = 320  # WCAG 2.2, 1.4.10: no page is scrolled in two directions
PAPER = 658  # what is left of A4 between the margins, in CSS pixels
SCHEMES = ["light", "dark"]
FIGURE_BYTES = 60_000
OWN_BYTES = 300_000
PAGE_BYTES = 1_500_000

pytestmark = [
    pytest.mark.site,
    pytest.mark.skipif(not PAGES, reason="the site is not built: make book"),
]

# Resolved when all pictures are there, also those that wait for a reader to come near,
# and the interactive figures are drawn.
SETTLED = """async () => {
    const pictures = [...document.images];
    for (const e of pictures) e.loading = "eager";
    await Promise.all(pictures.map((e) => e.decode().catch(() => {})));
    const views = document.querySelectorAll('script[type*="widget-view"]').length;
    while (document.querySelectorAll(".cf-line").length < views)
        await new Promise((done) => setTimeout(done, 20));
}"""

# What a reader cannot see whole and cannot scroll to, in words.
CUT = """() => {
    const article = document.querySelector(".bd-article")
        ?? document.querySelector(".bd-main");
    const cut = [];
    const name = (e) => `${e.tagName}.${e.className.baseVal ?? e.className}: ` +
        (e.textContent || e.src || "").trim().slice(0, 40);
    const scrolls = (e) => ["auto", "scroll"].includes(getComputedStyle(e).overflowX);
    if (document.documentElement.scrollWidth > innerWidth) cut.push("the page scrolls");
    const meant = ":is(mjx-assistive-mml, .visually-hidden, .sr-only, .cf-stage)";
    const right = (e) => e.getBoundingClientRect().right;
    for (const e of article.querySelectorAll("*")) {
        if (e.closest(meant) || !e.getClientRects().length) continue;
        const hides = ["hidden", "clip"].includes(getComputedStyle(e).overflowX);
        if (hides && e.scrollWidth > e.clientWidth + 1) {
            const parts = [...e.querySelectorAll("*")].filter((c) => !c.closest(meant));
            if (!parts.length || parts.some((c) => right(c) > right(e) + 1))
                cut.push(`hides ${name(e)}`);
        }
        if (right(e) <= innerWidth + 1) continue;
        let up = e;
        while (up !== article && !scrolls(up)) up = up.parentElement;
        if (up === article) cut.push(`sticks out ${name(e)}`);
    }
    return cut;
}"""

# Code and formulas that have to be scrolled.
SCROLLED = """() => {
    const long = document.querySelectorAll(
        '.highlight pre, mjx-container[display="true"]');
    return [...long].filter((e) => e.scrollWidth > e.clientWidth + 1)
        .filter((e) => !e.closest(".cell_output"))
        .map((e) => e.textContent.trim().slice(0, 60));
}"""

# What a line begins with though it belongs to the word before it, and names of
# signatures that are broken.
TORN = r"""() => {
    const torn = [];
    const lines = (text, start, end) => {
        const range = document.createRange();
        range.setStart(text, start);
        range.setEnd(text, end);
        return [...range.getClientRects()].filter(({ width }) => width > 1);
    };
    const article = document.querySelector(".bd-article") ?? document.body;
    const texts = document.createTreeWalker(article, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const text = texts.currentNode;
        const before = `${text.data} after ${text.previousSibling?.textContent}`;
        if (text.parentElement.closest("dt.sig"))
            for (const { index, 0: name } of text.data.matchAll(/\w+/g))
                if (lines(text, index, index + name.length).length > 1) torn.push(name);
        const formula = text.previousSibling;
        if (formula?.nodeName === "MJX-CONTAINER") {
            const [box] = lines(text, 0, text.length);
            if (box.left < formula.getBoundingClientRect().right - 1) torn.push(before);
        } else if (formula?.matches?.("span.math") && /^[.,;:!?)]/.test(text.data))
            torn.push(before);
        const code = text.parentElement.closest("pre, code, script, style");
        if (!code && /\d[^\S\u00a0]+%/.test(text.data)) torn.push(text.data);
    }
    return torn;
}"""

# Figures that are wider than the screen and do not say so, or the other way round.
SILENT = """async () => {
    for (let n = 0; n < 2; n++) await new Promise(requestAnimationFrame);
    const figures = document.querySelectorAll(".cell_output figure:has(> img)");
    const says = (e) => getComputedStyle(e.querySelector("figcaption"), "::before");
    return [...figures].filter((e) =>
        (e.scrollWidth > e.clientWidth) !== says(e).content.includes("scroll")
    ).map((e) => e.id);
}"""

# Headings that the hidden sign behind them makes higher.
EMPTY_LINES = """() => [...document.querySelectorAll(".bd-article :is(h1, h2, h3)")]
    .filter((e) => {
        const high = e.offsetHeight;
        const sign = e.querySelector("a.headerlink");
        if (!sign) return false;
        sign.style.display = "none";
        const alone = e.offsetHeight;
        sign.style.display = "";
        return high !== alone;
    }).map((e) => e.textContent)"""

# Lower than a finger: what is touched, apart from links in a text.
LOW = """() => [...document.querySelectorAll(`.overview li > a, .ledger-filters select,
    table.ledger summary, .figure-tools button, .highlight button.copybtn`)]
    .filter((e) => e.getClientRects().length && e.offsetHeight < 40)
    .map((e) => e.textContent.trim())"""

# A few of each kind are enough for axe: entries of the reference, highlighted tokens.
# Mathematics is judged by its MathML: the boxes that draw it are hidden from readers.
THIN = """() => {
    const count = {};
    for (const e of document.querySelectorAll("dl.py")) {
        count[e.className] = (count[e.className] ?? 0) + 1;
        if (count[e.className] > 3) e.remove();
    }
    const seen = new Set();
    for (const e of document.querySelectorAll(".highlight pre span, dt.sig span")) {
        if (e.children.length) continue;
        if (seen.has(e.className)) e.replaceWith(e.textContent);
        seen.add(e.className);
    }
    for (const e of document.querySelectorAll("mjx-math[aria-hidden]"))
        e.replaceChildren();
}"""

AXE = """async () => {
    const { violations } = await axe.run(document, {
        resultTypes: ["violations"], preload: false,
        rules: { "target-size": { enabled: true } } });
    return violations.flatMap(({ id, nodes }) =>
        nodes.map(({ target, failureSummary }) => `${id} ${target} ${failureSummary}`));
}"""


@pytest.fixture(
    scope="module",
    params=[
        pytest.param((name, scheme), id=f"{name}-{scheme}")
        for name in PAGES
        for scheme in SCHEMES
    ],
)
def tab(request, browser) -> Iterator[Tab]:
    """Open a page once, for all that is said about it."""
    name, scheme = request.param
    tab = Tab(browser, WIDTHS[0], scheme)
    tab.open(f"{name}.html")
    tab.page.evaluate(SETTLED)
    yield tab
    tab.context.close()


@pytest.fixture(scope="module")
def axe() -> str:
    """Return the source of axe-core."""
    package = distribution("axe-playwright-python")
    return package.locate_file("axe_playwright_python/axe.min.js").read_text("utf-8")


def weight(path: str, body: bytes) -> int:
    """Return the bytes that travel: text is compressed on its way."""
    packed = path.endswith((".png", ".jpg", ".woff", ".woff2"))
    return len(body) if packed else len(gzip.compress(body))


def is_ours(path: str) -> bool:
    """Tell the book's own files from the theme's, and from fonts of formulas."""
    if "/" not in path:
        return path.endswith(".html")
    own = {path.name for path in (BOOK / "assets").iterdir() if path.is_file()}
    return path.startswith("_static/") and path.removeprefix("_static/") in own


def test_nothing_went_wrong_and_nothing_foreign_was_asked_for(tab):
    assert not tab.wrong


def test_nothing_is_cut_off_at_any_width(tab):
    for width in [*WIDTHS, SMALLEST]:
        tab.page.set_viewport_size({"width": width, "height": 900})
        assert not tab.page.evaluate(CUT), width
        if width == max(WIDTHS):
            assert not tab.page.evaluate(SCROLLED)
    tab.page.set_viewport_size({"width": WIDTHS[0], "height": 900})


def test_no_heading_ends_in_an_empty_line(tab):
    for width in WIDTHS:
        tab.page.set_viewport_size({"width": width, "height": 900})
        assert not tab.page.evaluate(EMPTY_LINES), width
    tab.page.set_viewport_size({"width": WIDTHS[0], "height": 900})


def test_what_belongs_together_stands_in_one_line(tab):
    for width in WIDTHS:
        tab.page.set_viewport_size({"width": width, "height": 900})
        assert not tab.page.evaluate(TORN), width
    tab.page.set_viewport_size({"width": WIDTHS[0], "height": 900})


def test_a_phone_tells_what_scrolls_and_what_is_touched_is_high(tab):
    tab.page.set_viewport_size({"width": WIDTHS[-1], "height": 900})
    assert not tab.page.evaluate(SILENT)
    assert not tab.page.evaluate(LOW)
    tab.page.set_viewport_size({"width": WIDTHS[0], "height": 900})


def test_marks_lie_on_the_picture_below_them(tab):
    pads = tab.page.locator(".cf-stage > img").evaluate_all(
        "pictures => pictures.map((e) => getComputedStyle(e).padding)"
    )
    assert set(pads) <= {"0px"}


def test_nothing_is_cut_off_on_paper(tab):
    tab.page.emulate_media(media="print")
    tab.page.set_viewport_size({"width": PAPER, "height": 900})
    assert not tab.page.evaluate(CUT)
    tab.page.emulate_media(media="screen")
    tab.page.set_viewport_size({"width": WIDTHS[0], "height": 900})


def test_every_formula_is_set(tab):
    assert not tab.page.locator(".math:not(:has(mjx-container, .math))").count()


def test_pictures_are_described(tab):
    alts = tab.page.locator(".bd-article img:not(.toggler)").evaluate_all(
        "pictures => pictures.map((e) => e.getAttribute('alt') ?? '')"
    )
    for alt in alts:
        assert len(alt) >= 20 and not re.search(r"\.(png|jpe?g|gif|svg)\b", alt), alt


def test_pages_tell_when_they_were_made(tab):
    footer = tab.page.locator("footer.bd-footer-content").text_content()
    assert re.search(r"Last updated on \d\d \w+ 20\d\d", footer)


def test_pages_keep_their_budget(tab):
    weights = {path: weight(path, body) for path, body in tab.loaded.items()}
    figures = {p: n for p, n in weights.items() if p.startswith("_images/")}
    heavy = {path: n for path, n in figures.items() if n > FIGURE_BYTES}
    assert not heavy
    assert sum(n for path, n in weights.items() if is_ours(path)) <= OWN_BYTES
    assert sum(weights.values()) <= PAGE_BYTES


def test_axe_finds_no_violation(tab, axe):
    # The last word on a page: it takes a part of it away.
    tab.page.evaluate(THIN)
    tab.page.evaluate(axe)
    assert not tab.page.evaluate(AXE)


# A browser that keeps nothing: one whose reader has blocked all cookies throws, one
# that knows of no storage gives null.
REFUSED = """for (const name of ["localStorage", "sessionStorage"])
    Object.defineProperty(window, name, { configurable: true, get() { GIVES; } });"""
NOTHING = ["throw new DOMException('refused', 'SecurityError')", "return null"]


@pytest.mark.parametrize("gives", NOTHING)
def test_where_the_browser_keeps_nothing_colours_change_and_search_opens(
    browser, gives
):
    tab = Tab(browser, 1280)
    tab.page.add_init_script(REFUSED.replace("GIVES", gives))
    tab.open("translation-equivariance.html")
    theme = tab.page.locator("html")
    switch = tab.page.locator("button.theme-switch-button:visible").first
    seen = set()
    for _ in range(3):
        switch.click()
        seen.add(theme.get_attribute("data-theme"))
    assert seen == {"light", "dark"}
    tab.page.locator("button.search-button__button:visible").first.click()
    tab.page.locator("input[type=search]:visible").wait_for()
    tab.close()


def test_without_scripts_a_page_is_light_and_tells_what_it_lacks(browser):
    tab = Tab(browser, 1280, "dark", scripts=False)
    tab.open("translation-equivariance.html")
    ground = tab.page.locator("body").evaluate("e => getComputedStyle(e).background")
    assert "255, 255, 255" in ground
    missing = tab.page.locator("#fig-sliding-kernel").evaluate(
        "e => getComputedStyle(e, '::before').content"
    )
    assert "scripts are off" in missing
    assert tab.page.locator("html").get_attribute("data-theme") == "light"
    tab.close()


@pytest.mark.parametrize("width", [390, 393, 414, 1280])
def test_what_tells_that_it_scrolls_stays_as_it_is(browser, width):
    tab = Tab(browser, width)
    tab.open("ledger.html")
    changes = tab.page.evaluate(
        """async () => {
            await document.fonts.ready;
            await new Promise((done) => setTimeout(done, 500));
            let n = 0;
            const seen = new MutationObserver((records) => { n += records.length; });
            const options = { subtree: true, attributeFilter: ["tabindex"] };
            seen.observe(document.body, options);
            await new Promise((done) => setTimeout(done, 500));
            return n;
        }"""
    )
    assert changes == 0 and not tab.wrong
    tab.close()


@pytest.mark.parametrize("width", [390, 768, 1280])
def test_the_button_of_the_menu_opens_or_folds_it(browser, width):
    tab = Tab(browser, width)
    tab.open("coordconv.html")
    menu = tab.page.locator(".bd-sidebar-primary")
    left = "e => e.getBoundingClientRect().left"
    folded = menu.evaluate(left) < 0
    assert folded == (width < 992)
    tab.page.locator(".primary-toggle").locator("visible=true").click()
    there = "f => (document.querySelector('.bd-sidebar-primary')"
    there += ".getBoundingClientRect().left < 0) !== f"
    tab.page.wait_for_function(there, arg=folded)
    tab.close()


@pytest.mark.parametrize("page", ["placement", "speed"])
def test_a_page_without_a_number_counts_its_figures_from_one(browser, page):
    tab = Tab(browser)
    tab.open(f"{page}.html")
    captions = tab.page.locator("figcaption .caption-number").all_text_contents()
    numbers = [f"Fig. {n}" for n in range(1, len(captions) + 1)]
    assert [caption.strip() for caption in captions] == numbers != []
    tab.close()


def test_of_an_example_what_was_typed_is_copied(browser):
    tab = Tab(browser)
    tab.open("reference.html")
    example = tab.page.locator(".highlight:has(.gp)").first
    shown = example.locator("pre").text_content()
    example.hover()
    example.locator("button.copybtn").click()
    typed = [line[4:] for line in shown.splitlines() if line[:4] in (">>> ", "... ")]
    place = "document.body.appendChild(document.createElement('textarea'))"
    tab.page.evaluate(f"{place}.focus()")
    tab.page.keyboard.press("Control+V")
    assert tab.page.locator("textarea").input_value() == "\n".join(typed) != shown
    tab.close()


def test_filters_that_leave_no_claim_say_so(browser):
    tab = Tab(browser)
    tab.open("ledger.html")
    none = tab.page.locator(".ledger-none")
    rows = tab.page.locator("table.ledger tr[id]")
    have = {
        tuple(row.get_attribute(f"data-{name}") for name in ("source", "chapter"))
        for row in rows.all()
    }
    chapters = {chapter for _, chapter in have}
    assert none.is_hidden()
    for source in {source for source, _ in have}:
        tab.page.locator("[name=source]").select_option(source)
        for chapter in sorted(chapters):
            tab.page.locator("[name=chapter]").select_option(chapter)
            assert none.is_hidden() == ((source, chapter) in have)
        tab.page.locator("[name=chapter]").select_option("")
        assert none.is_hidden()
    tab.close()


def test_a_link_to_the_laboratory_on_its_old_page_leads_to_its_new_one(browser):
    tab = Tab(browser, 1280)
    tab.open("reference.html#coordlib.lab.models.handmade.Tile")
    tab.page.wait_for_url("**/laboratory.html#coordlib.lab.models.handmade.Tile")
    tab.close()
