"""Make the pages of the built site light: a Sphinx extension.

The theme brings 560 KB of styles in twelve files, 270 KB of fonts for twenty icons, and
nine scripts to wait for before a line of text is shown. On a phone that is five seconds
of white. So, once the pages are written:

- all style sheets become one, ``_static/site.css``, of the rules that can apply: those
  whose classes some page or script names. It carries the icons left as small fonts;
- scripts run when the text is shown, and those that a page does not use are dropped;
- what interactive figures show travels behind the text;
- formulas are set already (``formulas.py``), so that MathJax is not fetched;
- code and signatures have no marks of what they show in their own colour;
- pictures are fetched when the reader comes near, to a place that was kept for them.
"""

import json
import logging
import re
import struct
from base64 import b64encode
from collections.abc import Iterable, Iterator
from hashlib import sha256
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import tinycss2
from bs4 import BeautifulSoup, NavigableString, Tag
from bs4.dammit import EntitySubstitution
from bs4.formatter import HTMLFormatter
from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from tinycss2.ast import AtRule, Node

ICON = re.compile("[\ue000-\uf8ff]")  # the private characters of Unicode
STATE = re.compile(r"application/vnd\..*state\+json")
# Sphinx's search, which the theme puts on every page, and the theme's icons once more.
FOR_SEARCH = ("searchtools.js", "language_data.js", "searchindex.js")
NEVER = ("fontawesome.js", "tex-mml-chtml.js")
# The theme asks of everything that may scroll whether it does, at the start and when a
# figure has changed, and lays a page out anew for each answer. book.js does it once.
THEME = "scripts/pydata-sphinx-theme.js"
ASKS = "e.tabIndex=e.scrollWidth>e.clientWidth||e.scrollHeight>e.clientHeight?0:-1"
# On a first visit the theme shows a page without its colours, and styles all of it anew
# once its script has asked the system. Here it asks before anything is shown.
ASKED_LATE = 'localStorage.getItem("theme") || "auto"'
ASKED = """{ light: "light", dark: "dark" }[localStorage.getItem("mode")]
      ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")"""
# Where a browser keeps nothing, what the theme wants kept lives as long as the page.
STORES = """
for (const name of ["localStorage", "sessionStorage"])
  try {
    window[name].length; // some browsers give null, others throw
  } catch {
    const kept = new Map();
    const value = {
      getItem: (key) => kept.get(key) ?? null,
      setItem: (key, text) => kept.set(key, `${text}`),
      removeItem: (key) => kept.delete(key),
    };
    Object.defineProperty(window, name, { value });
  }
"""
# Names, punctuation and blanks have the colour of code itself. (Elsewhere ``pre`` keeps
# a word of code in one line.)
PLAIN = (
    ".highlight pre :is(span.n, span.p, span.w, span:empty),"
    "dt.sig :is(span.n, span.p, span.w, span.pre), nav .pre"
)
LONG_NAME = 20  # letters, more than half of a line on a phone
# A line does not begin with what belongs to the word before it.
PERCENT = re.compile(r"(?<=\d)\s+%")
CLINGS = re.compile(r"[.,;:!?)’-][^\s<]*")


# Styles


def useful(css: str | list[Node], words: set[str]) -> str:
    """Return the rules that can apply where these words are all the classes there are.

    >>> useful(".a, .b > p {top: 0} .c:not(.b) {top: 1px}", {"a", "c"})
    '.a, .b > p{top: 0}.c:not(.b){top: 1px}'
    >>> useful("@media print {.b {top: 0}} .b {top: 0} p {top: 0}", {"a"})
    'p{top: 0}'
    """
    kept = []
    for rule in tinycss2.parse_stylesheet(css, skip_comments=True):
        if rule.type == "at-rule":
            head = f"@{rule.at_keyword}{tinycss2.serialize(rule.prelude).rstrip()}"
            if rule.content is None:
                kept.append(f"{head};")
                continue
            body = tinycss2.serialize(rule.content)
            if rule.lower_at_keyword in ("media", "supports"):
                body = useful(rule.content, words)
        elif rule.type == "qualified-rule" and can_apply(rule.prelude, words):
            head = tinycss2.serialize(rule.prelude).rstrip()
            body = tinycss2.serialize(rule.content)
        else:
            continue
        if body.strip():
            kept.append(f"{head}{{{body.strip()}}}")
    return "".join(kept)


def can_apply(selectors: Iterable[Node], words: set[str]) -> bool:
    """Tell whether one of some selectors asks for none but these classes.

    Values of attributes are not looked at, nor what a selector only excludes.
    """
    selector: list[Node] = []
    for token in selectors:
        if token != ",":
            selector.append(token)
        elif alone_can_apply(selector, words):
            return True
        else:
            selector = []
    return alone_can_apply(selector, words)


def alone_can_apply(selector: list[Node], words: set[str]) -> bool:
    """Tell whether a selector without commas asks for none but these classes."""
    inner = [
        token.arguments
        for token in selector
        if token.type == "function" and token.lower_name != "not"
    ]
    return words.issuperset(classes(selector)) and all(
        can_apply(selectors, words) for selectors in inner
    )


def classes(tokens: list[Node]) -> Iterator[str]:
    """Name the classes: what follows a dot."""
    for before, token in pairwise(tokens):
        if before == "." and token.type == "ident":
            yield token.value


def all_classes(tokens: list[Node]) -> Iterator[str]:
    """Name the classes, within braces and brackets too."""
    yield from classes(tokens)
    for token in tokens:
        inside = getattr(token, "content", None) or getattr(token, "arguments", None)
        if inside:
            yield from all_classes(inside)


def addresses(tokens: Iterable[Node]) -> Iterator[str]:
    """Give the addresses, as strings and as ``url()``, with quotes and without."""
    for token in tokens:
        if token.type in ("string", "url"):
            yield token.value
        elif token.type == "function" and token.lower_name == "url":
            yield from addresses(token.arguments)


def read(sheet: Path) -> str:
    """Return a style sheet, with those that it imports in it."""

    def text(rule: Node) -> str:
        if rule.type == "at-rule" and rule.lower_at_keyword == "import":
            address = next(addresses(rule.prelude))
            if ":" not in address:
                return read(sheet.parent / address)
        return rule.serialize()

    rules = tinycss2.parse_stylesheet(sheet.read_text("utf-8"))
    return "".join(text(rule) for rule in rules if rule.type != "error")


def licences(css: str) -> Iterator[str]:
    """Give the comments that must stay, each once."""
    comments = (
        rule.serialize()
        for rule in tinycss2.parse_stylesheet(css)
        if rule.type == "comment" and rule.value.startswith("!")
    )
    return iter(dict.fromkeys(comments))


def with_few_icons(css: str, folder: Path, words: set[str]) -> str:
    """Put the icons that styles name into them, and leave out fonts of other icons."""
    logging.getLogger("fontTools").setLevel("WARNING")
    icons = set(map(ord, ICON.findall(css)))

    def text(rule: Node) -> str:
        if rule.type == "at-rule" and rule.lower_at_keyword == "font-face":
            return face_with_few_icons(rule, folder, words, icons)
        return rule.serialize()

    return "".join(map(text, tinycss2.parse_stylesheet(css)))


def face_with_few_icons(
    face: AtRule, folder: Path, words: set[str], icons: set[int]
) -> str:
    """Return the style of a font with its icons in it; nothing if no page names it."""
    parts = tinycss2.parse_declaration_list(face.content, skip_whitespace=True)
    sources = [a for p in parts if p.lower_name == "src" for a in addresses(p.value)]
    woff2 = [source for source in sources if source.endswith(".woff2")]
    if not woff2:
        return face.serialize()
    font = (folder / woff2[0]).with_suffix(".ttf")
    style = font.stem.rpartition("-")[0]
    if words.isdisjoint({style, f"fa{style[3]}"}):  # fa-brands, or fab
        return ""
    kept = [part.serialize() for part in parts if part.lower_name != "src"]
    font = b64encode(small(font, icons)).decode()
    kept.append(f"src:url(data:font/woff;base64,{font})")
    return f"@font-face{{{';'.join(kept)}}}"


def small(font: Path, characters: set[int]) -> bytes:
    """Return a font of a few characters, as WOFF."""
    options = Options(layout_features=[], notdef_outline=True)
    options.drop_tables += ["FFTM"]
    subset = Subsetter(options)
    subset.populate(unicodes=characters)
    # Without the time of day, or the sheet had another name after every build.
    with TTFont(font, recalcTimestamp=False) as whole:
        subset.subset(whole)
        whole.flavor = "woff"
        whole.save(out := BytesIO())
    return out.getvalue()


# Pages


class AsWritten(HTMLFormatter):
    """Writes HTML as Sphinx does: attributes in their order, few entities."""

    def __init__(self) -> None:
        super().__init__(
            entity_substitution=EntitySubstitution.substitute_xml,
            void_element_close_prefix="",
        )

    def attributes(self, tag: Tag) -> Iterable[tuple[str, str | None]]:
        """Give the attributes, those without a value as they stood."""
        return ((name, value or None) for name, value in tag.attrs.items())


AS_WRITTEN = AsWritten()


def parsed(page: str) -> BeautifulSoup:
    """Parse a page. Of an attribute that is there twice the first counts, as always."""
    return BeautifulSoup(
        # Writing it again breaks the line after these words.
        page.replace("<!DOCTYPE html>\n", "<!DOCTYPE html>", 1),
        "html.parser",
        multi_valued_attributes=None,
        on_duplicate_attribute="ignore",
    )


def file_of(address: str) -> str:
    """Return an address without the version that follows it.

    >>> file_of("_static/scripts/bootstrap.js?digest=1")
    '_static/scripts/bootstrap.js'
    """
    return address.partition("?")[0]


def take(tag: Tag) -> Tag:
    """Take a tag out of its page, with the line break that follows it."""
    after = tag.next_sibling
    if isinstance(after, NavigableString) and not after.strip():
        after.extract()
    return tag.extract()


def sheets(page: BeautifulSoup) -> list[str]:
    """Name the style sheets of a page."""
    return [file_of(link["href"]) for link in page.select("link[rel=stylesheet]")]


def lighter(name: str, page: BeautifulSoup, sheet: str, site: Path) -> str:
    """Return the HTML of a page, or of one that is light already, with this sheet."""
    links = page.select("link[rel=stylesheet]")
    for link in links[:1]:  # the first page, which leads to another, has none
        link.attrs = {"rel": "stylesheet", "href": sheet}
    for link in (*links[1:], *page.select("link[rel=preload][as=script]")):
        take(link)
    order_scripts(name, page)
    for mark in page.select(PLAIN):
        mark.unwrap()
    # The type of a parameter has a mark for each of its words.
    for word in page.select("dl.field-list em"):
        if getattr(word.previous_sibling, "name", None) == "em":
            word.previous_sibling.extend(list(word.children))
            word.extract()
    keep_together(page)
    for name in page.select("code.xref span.pre"):
        break_at_dots(page, name)
    for picture in page.select('img[src^="_images/"][src$=".png"]:not([loading])'):
        # A PNG tells its width and height in bytes 16 to 23.
        start = (site / picture["src"]).read_bytes()[16:24]
        width, height = map(str, struct.unpack(">II", start))
        picture.attrs |= {"loading": "lazy", "width": width, "height": height}
    return page.decode(formatter=AS_WRITTEN)


def keep_together(page: BeautifulSoup) -> None:
    r"""Let no line begin with a per cent sign, or with what follows a formula at once.

    Formulas that are still to be set, as they are written, stay alone.

    >>> page = parsed('<p>9\n%, <i class="math" data-tex="n">n</i>-th time</p>')
    >>> keep_together(page)
    >>> str(page).replace("\xa0", "~")
    '<p>9~%, <i class="math" data-tex="n">n-th</i> time</p>'
    >>> page = parsed(r'<i class="math">\(n\)</i>, <b>or</b>')
    >>> keep_together(page)
    >>> str(page)
    '<i class="math">\\(n\\)</i>, <b>or</b>'
    """
    for text in page.find_all(string=PERCENT):
        if text.find_parent(["pre", "code", "script", "style"]) is None:
            text.replace_with(PERCENT.sub("\N{NO-BREAK SPACE}%", text))
    for formula in page.select(".math[data-tex]:not(div)"):
        after = formula.next_sibling
        if isinstance(after, NavigableString) and (clings := CLINGS.match(after)):
            formula.append(clings[0])
            after.replace_with(after[clings.end() :])


def break_at_dots(page: BeautifulSoup, name: Tag) -> None:
    """Let a long name be broken behind its dots and between its words.

    >>> page = parsed("<b>coordlib.lab.probe_panel()</b>")
    >>> break_at_dots(page, page.b)
    >>> str(page.b)
    '<b>coordlib.<wbr/>lab.<wbr/>probe_<wbr/>panel()</b>'
    """
    parts = re.split(r"(?<=[._])(?=\w)", name.get_text())
    if len(name.get_text()) > LONG_NAME:
        name.clear()
        for part in parts[:-1]:
            name.extend([part, page.new_tag("wbr")])
        name.append(parts[-1])


def order_scripts(name: str, page: BeautifulSoup) -> None:
    """Drop the scripts that a page does not use, and let the others wait."""
    unused = set(NEVER)
    if name != "search.html":
        unused.update(FOR_SEARCH)
    last = []
    for script in page("script"):
        file = file_of(script.get("src", "")).rpartition("/")[2]
        if file in unused or script.get_text().startswith("window.MathJax"):
            take(script)
        elif STATE.match(script.get("type", "")):
            last.append(take(script))  # figures' contents, the longest to fetch
        elif ASKED_LATE in script.get_text():
            script.string = STORES + script.get_text().replace(ASKED_LATE, ASKED)
            page.html["data-theme"] = "light"  # until, or unless, this script runs
        elif file and script.get("type") != "module" and "async" not in script.attrs:
            script.attrs.setdefault("defer", "")
        elif not script.attrs and script.get_text().startswith("DOCUMENTATION_"):
            # It speaks to a script that runs later now, so it must too, as modules do.
            script["type"] = "module"
    if last:
        page.body.extend(last)


def set_formulas(page: BeautifulSoup, made: dict[str, str]) -> list[str]:
    r"""Put what MathJax made of each formula in its place; return those it lacks.

    >>> page = parsed(r'<i class="math">\(n\)</i> <i class="math">\(k\)</i>')
    >>> set_formulas(page, {r"\(n\)": "<i>n</i>"})
    ['\\(k\\)']
    """
    missing = []
    for tag in page.select(".math:not([data-tex])"):
        tex = tag.get_text().strip()
        if tex in made:
            tag["data-tex"] = tex
            tag.clear()
            tag.append(parsed(made[tex]))
        else:
            missing.append(tex)
    return missing


def finish(app: Sphinx, failed: Exception | None) -> None:
    """Write the style sheet, and the pages anew.

    Raises
    ------
    sphinx.errors.ExtensionError
        If a formula is not among those that MathJax has set.
    """
    if failed or app.builder.name != "html":
        return
    site = Path(app.outdir)
    theme = site / "_static" / THEME
    theme.write_text(theme.read_text("utf-8").replace(ASKS, ""), "utf-8")
    texts = {path: path.read_text("utf-8") for path in site.glob("*.html")}
    pages = {path: parsed(text) for path, text in texts.items()}
    found = max(map(sheets, pages.values()), key=len)
    if len(found) == 1:
        return  # no page was written
    made = json.loads((Path(app.srcdir) / "formulas.json").read_text("utf-8"))
    missing = [
        tex for page in pages.values() for tex in set_formulas(page, made["formulas"])
    ]
    static = site / "_static"
    addresses = {
        file_of(script["src"])
        for page in pages.values()
        for script in page.select("script[src]")
    }
    scripts = [
        (site / file).read_text("utf-8")
        for file in addresses
        if not file.endswith(NEVER)
    ]
    text = " ".join([*texts.values(), *scripts, *made["formulas"].values()])
    words = set(re.findall(r"[\w-]+", text))
    whole = "".join([*(read(site / sheet) for sheet in found), made["style"]])
    # Names that scripts put together: `bs-${kind}-auto`.
    begun = tuple(set(re.findall(r"(?<![\w-])([\w-]{3,})\$\{", text)))
    named = all_classes(tinycss2.parse_component_value_list(whole))
    words |= {name for name in named if name.startswith(begun)}
    css = with_few_icons(useful(whole, words), static / "styles", words)
    css = "".join(licences(whole)) + css
    (static / "site.css").write_text(css, "utf-8")
    sheet = f"_static/site.css?v={sha256(css.encode()).hexdigest()[:8]}"
    for path, page in pages.items():
        path.write_text(lighter(path.name, page, sheet, site), "utf-8")
    if missing:
        raise ExtensionError(f"not set yet (run: make formulas): {missing}")


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx."""
    app.connect("build-finished", finish, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
