"""Set the book's formulas ahead of its readers: MathJax runs here, not on their phones.

``make formulas`` runs this after a formula was written or changed. It asks MathJax, in
Chromium or Chrome, for the HTML of every formula of the built site, and stores what it
answers in ``book/formulas.json``, with the styles that go with it. ``lighter.py`` puts
both into the pages. MathJax's fonts, with the characters that formulas have, go to
``book/assets/formulas``.
"""

import json
import re
import shutil

from bs4 import BeautifulSoup, Tag
from chromium import FLAGS, SITE, executable
from lighter import small
from playwright.sync_api import Browser, sync_playwright
from repository import BOOK, ROOT

STORED = BOOK / "formulas.json"
FONTS = BOOK / "assets" / "formulas"
MATHJAX = ROOT / "tools" / "mathjax"
# Seen from the sheet of the site. Sizes follow from those of the text (book.css).
SETTINGS = {
    "options": {"enableMenu": False},
    "chtml": {"fontURL": FONTS.name, "matchFontHeight": False},
    "startup": {"typeset": False},
}
SET = r"""async (formulas) => {
    const { adaptor } = MathJax.startup;
    const made = {};
    for (const formula of formulas) {
        const display = formula.startsWith("\\[");
        const set = await MathJax.tex2chtmlPromise(formula.slice(2, -2), { display });
        made[formula] = adaptor.outerHTML(set);
    }
    return { style: adaptor.textContent(MathJax.chtmlStylesheet()), formulas: made };
}"""
FACE = re.compile(
    r"@font-face[^{]*\{\s*font-family: (\S+);[^}]*/([\w-]+\.woff)[^}]*\}\s*"
)
CONTENT = re.compile(r'content: "([^"]*)"')
ESCAPED = re.compile(r"\\([0-9A-F]+) ?")


def tex(tag: Tag) -> str:
    r"""Return the TeX of a formula in its signs, ``\(...\)`` or ``\[...\]``.

    >>> tex(BeautifulSoup(r'<span class="math">\(n\)</span>', "html.parser").span)
    '\\(n\\)'
    """
    return tag.get("data-tex") or tag.get_text().strip()


def of_the_site() -> list[str]:
    """Return each formula of the built site once, sorted."""
    pages = (
        BeautifulSoup(page.read_text("utf-8"), "html.parser")
        for page in SITE.glob("*.html")
    )
    return sorted({tex(tag) for page in pages for tag in page.select(".math")})


def set_by_mathjax(formulas: list[str], browser: Browser) -> dict:
    """Return what MathJax makes of formulas: their HTML, and its styles."""
    page = browser.new_page()
    page.evaluate(f"window.MathJax = {json.dumps(SETTINGS)}")
    page.add_script_tag(path=MATHJAX / "tex-mml-chtml.js")
    page.evaluate("MathJax.startup.promise")
    made = page.evaluate(SET, formulas)
    page.close()
    return made


def characters(style: str) -> set[int]:
    r"""Return the code points that styles draw.

    >>> sorted(map(chr, characters(r'a::before {content: "\2272"} b {content: "1"}')))
    ['1', '≲']
    """
    drawn = [
        ESCAPED.sub(lambda code: chr(int(code[1], 16)), content)
        for content in CONTENT.findall(style)
    ]
    return set(map(ord, "".join(drawn)))


def with_few_fonts(style: str) -> str:
    """Write the fonts that styles name, and return the styles without the others."""
    shutil.rmtree(FONTS, ignore_errors=True)
    FONTS.mkdir()
    shutil.copy(MATHJAX / "LICENSE", FONTS)
    drawn = characters(style)
    named = set(re.findall(r"mjx-c\.mjx-c\w+\.(TEX-\w+)", style))
    kept = {"MJXZERO", "MJXTEX", "MJXTEX-S4", *(f"MJX{name}" for name in named)}

    def face(found: re.Match[str]) -> str:
        if found[1] not in kept:
            return ""
        font = MATHJAX / "output" / "chtml" / "fonts" / "woff-v2" / found[2]
        if found[1] == "MJXZERO":  # a font of no characters, which gives lines a height
            shutil.copy(font, FONTS)
        else:
            (FONTS / found[2]).write_bytes(small(font, drawn))
        return found[0]

    return FACE.sub(face, style)


if __name__ == "__main__":
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=executable(), args=FLAGS)
        made = set_by_mathjax(of_the_site(), browser)
    made["style"] = with_few_fonts(made["style"])
    STORED.write_text(json.dumps(made, ensure_ascii=False, indent=1) + "\n", "utf-8")
    print(f"{STORED.name}: {len(made['formulas'])} formulas")
