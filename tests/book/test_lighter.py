"""What tools/lighter.py leaves out of the site is what no page can show."""

import re
from base64 import b64decode
from io import BytesIO

import pytest
from browsing import PAGES, Tab
from chromium import SITE
from fontTools.ttLib import TTFont
from lighter import FOR_SEARCH, THEME, lighter, parsed, read, sheets, useful


def test_rules_are_split_at_their_outer_braces():
    css = '@import "a;b.css"; p {a: "}"} @media print {p {b: c} q {d: e}}'
    assert useful(css, set()) == (
        '@import "a;b.css";p{a: "}"}@media print{p{b: c}q{d: e}}'
    )


def test_comments_go_and_names_with_signs_stay():
    css = r".on /* a */ > .w-1\/2{/* ; } */top: 0}"
    assert useful(css, {"on", "w-1/2"}) == r".on  > .w-1\/2{top: 0}"
    assert useful(css, {"on", "w-1"}) == ""


def test_a_sheet_is_read_with_those_that_it_imports(tmp_path):
    far = '@import url("https://x/c");'
    (tmp_path / "a.css").write_text(
        f'@import "b.css";@import url(c.css);{far}p{{a: b}}'
    )
    (tmp_path / "b.css").write_text('@import url("c.css");')
    (tmp_path / "c.css").write_text("q{c: d}")
    assert read(tmp_path / "a.css") == f"q{{c: d}}q{{c: d}}{far}p{{a: b}}"


@pytest.mark.parametrize(
    "selector",
    [
        "p",
        'a[href$=".pdf"]',
        ".on > p",
        ".off, .on",
        ".on:not(.off .on)",
        ":is(.off, .on)",
    ],
)
def test_a_rule_stays_that_can_apply(selector):
    css = f"{selector}{{top: 0}}"
    assert useful(css, {"on"}) == css
    assert useful(f"@media print{{{css}}}", {"on"}) == f"@media print{{{css}}}"


@pytest.mark.parametrize(
    "selector",
    [".off", "p.on.off", ".off .on", ":is(.off) p", ":is(.off, :not(p) > .off)"],
)
def test_a_rule_goes_that_cannot(selector):
    css = f"{selector}{{top: 0}}"
    assert useful(css, {"on"}) == ""
    assert useful(f"@media print{{{css}}}", {"on"}) == ""


def test_fonts_and_movements_stay():
    css = '@charset "utf-8";@font-face{a: b}@keyframes off{from{top: 0}}'
    assert useful(css, set()) == css


HEAVY = """<link href="_static/a.css?v=1" rel="stylesheet" />
<link rel="stylesheet" type="text/css" href="_static/b.css" />
<link rel="preload" as="script" href="_static/c.js" />
<script src="_static/c.js?v=1"></script><script src="searchindex.js"></script>
<script defer="defer" src="_static/tex-mml-chtml.js"></script>
<script type="module" src="_static/d.js"></script>
<script>DOCUMENTATION_OPTIONS.pagename = 'a';</script>
<script type="application/vnd.jupyter.widget-state+json">{}</script>
<body><img alt="A" src="_images/a.png" /></body>"""
LIGHT = """<link rel="stylesheet" href="_static/site.css">
<script src="_static/c.js?v=1" defer></script><script type="module" src="_static/d.js">\
</script>
<script type="module">DOCUMENTATION_OPTIONS.pagename = 'a';</script>
<body><img alt="A" src="_images/a.png" loading="lazy" width="640" height="480">\
<script type="application/vnd.jupyter.widget-state+json">{}</script></body>"""


@pytest.fixture
def site(tmp_path):
    (tmp_path / "_images").mkdir()
    size = (640).to_bytes(4) + (480).to_bytes(4)
    (tmp_path / "_images" / "a.png").write_bytes(bytes(16) + size)
    return tmp_path


def test_a_page_becomes_light_once(site):
    light = lighter("a.html", parsed(HEAVY), "_static/site.css", site)
    assert light == LIGHT
    assert lighter("a.html", parsed(light), "_static/site.css", site) == light


def test_searching_keeps_the_scripts_that_it_uses(site):
    light = lighter("search.html", parsed(HEAVY), "_static/site.css", site)
    assert "searchindex" in light


MARKED = {
    "code": (
        '<div class="highlight"><pre><span></span><span class="k">if</span>'
        '<span class="w"> </span><span class="n">x</span><span class="p">:</span></pre>'
        '<p><span class="n">a name in text</span></p></div>',
        '<div class="highlight"><pre><span class="k">if</span> x:</pre>'
        '<p><span class="n">a name in text</span></p></div>',
    ),
    "signatures and types": (
        '<dl class="field-list"><dd><em>int</em><em> or </em><em>None</em>, <em>a</em>'
        '</dd></dl><dl><dt class="sig"><span class="pre">f</span><span class="o">='
        '<span class="pre">1</span></span></dt></dl><code><span class="pre">a-b</span>',
        '<dl class="field-list"><dd><em>int or None</em>, <em>a</em></dd></dl>'
        '<dl><dt class="sig">f<span class="o">=1</span></dt></dl>'
        '<code><span class="pre">a-b</span></code>',
    ),
}


@pytest.mark.parametrize(("written", "light"), MARKED.values(), ids=MARKED)
def test_what_looks_like_its_neighbours_has_no_mark(site, written, light):
    assert lighter("a.html", parsed(written), "_static/site.css", site) == light


def test_what_is_not_changed_stays_as_it_was_written(site):
    page = """<!DOCTYPE html>
<html><head><meta charset="utf-8"></head><body>
<!-- a comment -->
<p class="a  b" id="first" hidden>1 &lt; 2 &amp; “3”\xa0é</p>
<pre>a
  b</pre>
<script>if (a < b && c) {}</script>
</body></html>"""
    assert lighter("a.html", parsed(page), "_static/site.css", site) == page


# Rules of all sheets that reach an element of the page as it is now, and are not in the
# one sheet that the page has. What follows a colon twice is drawn, not an element.
LOST = """async (sheets) => {
    const flat = (rules, within = "") => [...rules].flatMap((rule) =>
        rule.cssRules?.length && !(rule instanceof CSSStyleRule)
            ? flat(rule.cssRules, `${within} ${rule.conditionText ?? rule.name}`)
            : [[rule, `${within} ${rule.selectorText} ${rule.style?.cssText}`]]);
    const [own] = [...document.styleSheets].filter((e) => e.href?.includes("site.css"));
    const kept = new Set(flat(own.cssRules).map(([, text]) => text));
    const lost = [];
    for (const text of sheets) {
        const sheet = new CSSStyleSheet();
        sheet.replaceSync(text.replace(/@import[^;]*;/, ""));
        for (const [rule, text] of flat(sheet.cssRules)) {
            if (!rule.selectorText || !rule.style.length || kept.has(text)) continue;
            const selector = rule.selectorText.replace(/::[-\\w]+/g, "");
            try {
                if (document.querySelector(selector)) lost.push(text);
            } catch {}
        }
    }
    return lost;
}"""


@pytest.mark.site
@pytest.mark.skipif(not PAGES, reason="the site is not built: make book")
@pytest.mark.parametrize("name", ["intro", "handmade-decoder", "reference"])
def test_every_rule_that_reaches_an_element_is_there(browser, name):
    paths = [path for path in (SITE / "_static").rglob("*.css")]
    sheets = [path.read_text("utf-8") for path in paths if path.name != "site.css"]
    assert len(sheets) > 9
    tab = Tab(browser, 1280)
    tab.open(f"{name}.html")
    assert not tab.page.evaluate(LOST, sheets)
    # And those that scripts bring: a hint, a menu, the field for searching.
    button = tab.page.locator(".dropdown-source-buttons > button")
    tab.page.locator(".theme-switch-button:visible").first.hover()
    tab.page.locator(".tooltip.show").wait_for()
    button.click()
    tab.page.locator(".dropdown-menu.show").wait_for()
    assert not tab.page.evaluate(LOST, sheets)
    tab.page.keyboard.press("Escape")
    tab.page.keyboard.press("Control+k")
    tab.page.locator("#pst-search-dialog input").wait_for()
    assert not tab.page.evaluate(LOST, sheets)
    tab.close()


@pytest.mark.site
@pytest.mark.skipif(not PAGES, reason="the site is not built: make book")
def test_the_theme_does_not_ask_what_scrolls():
    assert "scrollWidth" not in (SITE / "_static" / THEME).read_text("utf-8")


# How often the colours of a page are chosen again while it loads.
WATCHED = """
    window.changes = [];
    new MutationObserver(() => changes.push(document.documentElement.dataset.theme))
        .observe(document, { subtree: true, attributeFilter: ["data-theme"] });
"""


@pytest.mark.site
@pytest.mark.skipif(not PAGES, reason="the site is not built: make book")
@pytest.mark.parametrize("system", ["light", "dark"])
@pytest.mark.parametrize("chosen", [None, "auto", "light", "dark"])
def test_a_page_has_its_readers_colours_from_the_start(browser, system, chosen):
    tab = Tab(browser, 1280, system)
    if chosen:
        tab.page.add_init_script(f"localStorage.setItem('mode', '{chosen}')")
    tab.page.add_init_script(WATCHED)
    tab.open("intro.html")
    tab.page.wait_for_load_state("networkidle")
    theme = system if chosen in (None, "auto") else chosen
    assert set(tab.page.evaluate("changes")) == {theme}
    tab.close()


@pytest.mark.site
@pytest.mark.skipif(not PAGES, reason="the site is not built: make book")
def test_the_fonts_hold_the_icons_that_are_named():
    css = (SITE / "_static" / "site.css").read_text("utf-8")
    icons = set(map(ord, re.findall("[\ue000-\uf8ff]", css)))
    assert icons and not re.search(r'"\\f\w{3}"', css)
    held = set()
    for data in re.findall(r"data:font/woff;base64,([^)]+)\)", css):
        with TTFont(BytesIO(b64decode(data))) as font:
            held |= set(font.getBestCmap())
    assert icons <= held
    assert ".ttf" not in css and ".woff2" not in css


@pytest.mark.site
@pytest.mark.skipif(not PAGES, reason="the site is not built: make book")
@pytest.mark.parametrize("name", PAGES)
def test_only_one_file_stands_before_the_text(name):
    page = parsed((SITE / f"{name}.html").read_text("utf-8"))
    assert len(sheets(page)) == 1
    scripts = page.select("script[src]")
    for script in scripts:
        assert script.get("type") == "module" or {"defer", "async"} & set(script.attrs)
    searches = [any(file in script["src"] for file in FOR_SEARCH) for script in scripts]
    assert sum(searches) == (3 if name == "search" else 0)
    for picture in page.select('img[src^="_images/"][src$=".png"]'):
        assert picture["loading"] == "lazy" and picture["width"] and picture["height"]


@pytest.mark.site
@pytest.mark.skipif(not PAGES, reason="the site is not built: make book")
def test_searching_finds_pages_and_marks_the_words(browser):
    tab = Tab(browser, 1280)
    tab.open("intro.html")
    tab.page.keyboard.press("Control+k")
    tab.page.keyboard.type("equivariance")
    tab.page.keyboard.press("Enter")
    tab.page.locator("#search-results li a").first.wait_for()
    tab.page.locator("#search-results li a").first.click()
    tab.page.locator("span.highlighted").first.wait_for()
    tab.close()
