"""Make the pages of the built site light: a Sphinx extension.

The theme brings 560 KB of styles in twelve files, 270 KB of fonts for twenty icons, and
nine scripts to wait for before a line of text is shown. On a phone that is five seconds
of white. So, once the pages are written:

- all style sheets become one, ``_static/site.css``, of the rules that can apply: those
  whose classes some page or script names. It carries the icons left as small fonts;
- scripts run when the text is shown, and those that a page does not use are dropped;
- what interactive figures show, and MathJax, travel behind the text;
- pictures are fetched when the reader comes near, to a place that was kept for them.
"""

import logging
import re
import struct
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from io import BytesIO
from itertools import chain, repeat
from pathlib import Path

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont
from sphinx.application import Sphinx

LICENCE = re.compile(r"/\*!.*?\*/", re.S)
COMMENT = re.compile(r"/\*.*?\*/", re.S)
STRING_OR_BRACE = re.compile(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|[{};]", re.S)
# What a selector only excludes, and attributes: their values may hold dots.
ASIDE = re.compile(r":not\((?:[^()]|\([^()]*\))*\)|\[[^\]]*\]")
CLASS = re.compile(r"\.(-?[A-Za-z_][\w-]*)")
PRIVATE = re.compile("[\ue000-\uf8ff]")
FACE = re.compile(r"@font-face\{[^}]*url\(([^()]*)\.woff2\)[^}]*\}")
SHEET = re.compile(r'<link(?=[^>]*rel="stylesheet")[^>]*href="([^"?]*)[^>]*>\s*')
SCRIPT = re.compile(r'<script([^>]*) src="([^"?]*)([^>]*)></script>\s*')
# Figures' contents, and MathJax: the longest things to fetch and to run, so the last.
LAST = re.compile(
    r'<script type="application/vnd\.[^>]*state\+json">.*?</script>\s*'
    r"|<script[^>]*tex-mml-chtml\.js[^>]*></script>\s*",
    re.S,
)
PICTURE = re.compile(r'<img ((?!loading)[^>]*src="(_images/[^"]*\.png)")')
# Sphinx's search, which the theme puts on every page, and the theme's icons once more.
FOR_SEARCH = ("searchtools.js", "language_data.js", "searchindex.js")
NEVER = ("fontawesome.js",)


def rules(css: str) -> Iterator[tuple[str, str]]:
    """Split styles without comments at their outer braces: what is before and inside.

    A statement that has no braces comes with its semicolon, and with nothing inside.
    """
    depth = start = 0
    head = ""
    for token in STRING_OR_BRACE.finditer(css):
        if token[0] == "{":
            if not depth:
                head, start = css[start : token.start()], token.end()
            depth += 1
        elif token[0] == "}":
            depth -= 1
            if not depth:
                yield head.strip(), css[start : token.start()].strip()
                start = token.end()
        elif token[0] == ";" and not depth:
            yield css[start : token.end()].strip(), ""
            start = token.end()


def useful(css: str, words: set[str]) -> str:
    """Return the rules that can apply where these words are all the classes there are.

    >>> useful(".a, .b > p {top: 0} .c:not(.b) {top: 1px}", {"a", "c"})
    '.a, .b > p{top: 0}.c:not(.b){top: 1px}'
    >>> useful("@media print {.b {top: 0}} .b {top: 0} p {top: 0}", {"a"})
    'p{top: 0}'
    """
    kept = []
    for head, body in rules(css):
        if head.startswith(("@media", "@supports")):
            body = useful(body, words)
        elif not head.startswith("@"):
            # Splitting inside `:is(a, b)` too keeps too much, never too little.
            parts = ASIDE.sub("", head).split(",")
            if not any(words.issuperset(CLASS.findall(part)) for part in parts):
                continue
        if body:
            kept.append(f"{head}{{{body}}}")
        elif head.endswith(";"):
            kept.append(head)
    return "".join(kept)


def read(sheet: Path) -> str:
    """Return a style sheet, with those that it imports in it."""

    def imported(found: re.Match) -> str:
        return read(sheet.parent / found[1])

    return re.sub(r'@import "([^":]+)";', imported, sheet.read_text("utf-8"))


def with_few_icons(css: str, folder: Path, words: set[str]) -> str:
    """Put the icons that styles name into them, and leave out fonts of other icons."""
    logging.getLogger("fontTools").setLevel("WARNING")
    icons = {int(code, 16) for code in re.findall(r'"\\(f[0-9a-f]{3})"', css)}
    icons.update(map(ord, PRIVATE.findall(css)))  # where they are not escaped

    def small(face: re.Match) -> str:
        font = folder / f"{face[1]}.ttf"
        style = font.stem.rpartition("-")[0]
        if words.isdisjoint({style, f"fa{style[3]}"}):  # fa-brands, or fab
            return ""
        subset = Subsetter(Options(layout_features=[], notdef_outline=True))
        subset.populate(unicodes=icons)
        with TTFont(font) as whole:
            subset.subset(whole)
            whole.flavor = "woff"
            whole.save(out := BytesIO())
        data = b64encode(out.getvalue()).decode()
        return re.sub("src:[^;}]*", f"src:url(data:font/woff;base64,{data})", face[0])

    return FACE.sub(small, css)


def lighter(name: str, page: str, sheet: str, site: Path) -> str:
    """Return the HTML of a page, or of one that is light already, with this sheet."""
    sheets = chain([f'<link rel="stylesheet" href="{sheet}" />\n'], repeat(""))
    unused = set(NEVER)
    if name != "search.html":
        unused.update(FOR_SEARCH)
    if 'class="math' not in page:
        unused.add("tex-mml-chtml.js")

    def script(found: re.Match) -> str:
        before, src, after = found.groups()
        if src.rpartition("/")[2] in unused:
            return ""
        late = re.search(r"\b(defer|async|module)\b", before + after)
        return found[0] if late else found[0].replace("<script", "<script defer", 1)

    def picture(found: re.Match) -> str:
        # A PNG tells its width and height in bytes 16 to 23.
        size = struct.unpack(">II", (site / found[2]).read_bytes()[16:24])
        return '<img loading="lazy" width="{}" height="{}" {}'.format(*size, found[1])

    page = SHEET.sub(lambda _: next(sheets), page)
    page = re.sub(r'<link rel="preload" as="script"[^>]*>\s*', "", page)
    page = SCRIPT.sub(script, page)
    # It speaks to a script that runs later now, so it must too, as modules do.
    page = page.replace(
        "<script>DOCUMENTATION_", '<script type="module">DOCUMENTATION_'
    )
    last = "".join(LAST.findall(page)) + "</body>"
    page = LAST.sub("", page).replace("</body>", last)
    return PICTURE.sub(picture, page)


def finish(app: Sphinx, failed: Exception | None) -> None:
    """Write the style sheet, and the pages anew."""
    if failed or app.builder.name != "html":
        return
    site = Path(app.outdir)
    pages = {path: path.read_text("utf-8") for path in site.glob("*.html")}
    sheets = max(map(SHEET.findall, pages.values()), key=len)
    if len(sheets) == 1:
        return  # no page was written
    static = site / "_static"
    scripts = {src for page in pages.values() for _, src, _ in SCRIPT.findall(page)}
    texts = [
        (site / src).read_text("utf-8") for src in scripts if not src.endswith(NEVER)
    ]
    text = " ".join([*pages.values(), *texts])
    words = set(re.findall(r"[\w-]+", text))
    whole = "".join(map(read, [site / sheet for sheet in sheets]))
    # Names that scripts put together: `bs-${kind}-auto`.
    begun = tuple(set(re.findall(r"([\w-]{3,})\$\{", text)))
    words |= {name for name in CLASS.findall(whole) if name.startswith(begun)}
    css = "".join(dict.fromkeys(LICENCE.findall(whole)))
    css += useful(COMMENT.sub("", whole), words)
    css = with_few_icons(css, static / "styles", words)
    (static / "site.css").write_text(css, "utf-8")
    sheet = f"_static/site.css?v={sha256(css.encode()).hexdigest()[:8]}"
    for path, page in pages.items():
        path.write_text(lighter(path.name, page, sheet, site), "utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx."""
    app.connect("build-finished", finish, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
