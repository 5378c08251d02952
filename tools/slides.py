"""Make slides of the chapters, as pages that need no network: ``make slides``.

A cell is on a slide where its metadata hold ``slide``, the text of the slide as
Markdown. Below the text stands what the cell shows: a figure, which is alive, a
question, a table; its code, where it shows nothing. The outputs are the stored ones.
reveal.js shows the slides.
"""

import json
import shutil
import sys
from collections.abc import Iterator
from html import escape
from pathlib import Path

import nbformat
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin
from nbformat import NotebookNode
from notebooks import WIDGET_STATE, WIDGET_VIEW
from repository import BOOK, ROOT

SLIDES = ROOT / "_build" / "slides"
TOOLS = ROOT / "tools"
ASSETS = BOOK / "assets"
# What lies beside the slides, by its place in the folder of tools.
SHOWING = ("reveal/reveal.js", "reveal/reveal.css", "slides.css", "slides.js")
MATHJAX = TOOLS / "mathjax"

PAGE = """\
<!doctype html>
<html lang="en" data-theme="light">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="stylesheet" href="assets/reveal.css">
<link rel="stylesheet" href="assets/slides.css">
</head>
<body>
<main class="reveal"><div class="slides">
{sections}
</div></main>
<script type="{state_type}">{state}</script>
<script src="assets/reveal.js"></script>
<script src="assets/slides.js"></script>
<script src="assets/mathjax/tex-mml-chtml.js" async></script>
<script type="module">{widgets}</script>
</body>
</html>
"""


def written(content: str, options: dict) -> str:
    """Write a formula as MathJax finds it."""
    left, right = (r"\[", r"\]") if options["display_mode"] else (r"\(", r"\)")
    return escape(f"{left}{content}{right}")


MARKDOWN = MarkdownIt("commonmark").enable("table")
MARKDOWN.use(dollarmath_plugin, renderer=written)


def shown(cell: NotebookNode) -> Iterator[str]:
    """Give the HTML of what a cell shows; what it prints is left out."""
    about = cell.metadata.get("mystnb", {})
    for output in cell.get("outputs", []):
        data = output.get("data", {})
        if "text/html" in data:
            yield data["text/html"]
        elif WIDGET_VIEW in data:
            view = json.dumps(data[WIDGET_VIEW])
            yield f'<script type="{WIDGET_VIEW}">{view}</script>'
        elif "image/png" in data:
            alt = escape(about.get("image", {}).get("alt", ""))
            picture = "".join(data["image/png"].split())
            yield f'<img alt="{alt}" src="data:image/png;base64,{picture}">'
    if caption := about.get("figure", {}).get("caption"):
        yield f'<div class="caption">{MARKDOWN.renderInline(caption)}</div>'


def section(cell: NotebookNode) -> str:
    """Write a slide."""
    parts = "\n".join(shown(cell))
    if not parts and cell.cell_type == "code":
        parts = f"<pre><code>{escape(cell.source)}</code></pre>"
    # There a finger drags a thing and turns no slides.
    figure = f'<div class="figure" data-prevent-swipe>{parts}</div>' if parts else ""
    return f"<section>\n{MARKDOWN.render(cell.metadata['slide'])}{figure}\n</section>"


def page(nb: NotebookNode) -> str | None:
    """Write the slides of a chapter, or nothing where no cell is marked."""
    marked = [cell for cell in nb.cells if cell.metadata.get("slide")]
    if not marked:
        return None
    title = nb.cells[0].source.splitlines()[0].removeprefix("# ")
    first = (
        f"<section><h1>{escape(title)}</h1><p>A chapter of <em>Where Is It? "
        "Coordinates, shifts and aliasing in convolutional networks.</em></p>"
        "<p>Text and figures: CC BY 4.0. Code: MIT.</p></section>"
    )
    state = nb.metadata.get("widgets", {}).get(WIDGET_STATE, {"state": {}})
    return PAGE.format(
        title=escape(title),
        sections="\n".join([first, *map(section, marked)]),
        state_type=WIDGET_STATE,
        state=json.dumps(state).replace("</", r"<\/"),
        widgets=(ASSETS / "widgets.js").read_text("utf-8"),
    )


def make(paths: list[Path], folder: Path = SLIDES) -> list[Path]:
    """Write the slides of some notebooks, and what they need beside them."""
    made = []
    for path in paths:
        text = page(nbformat.read(path, as_version=4))
        if text is not None:
            folder.mkdir(parents=True, exist_ok=True)
            made.append(folder / f"{path.stem}.html")
            made[-1].write_text(text, "utf-8")
    if made:
        beside = folder / "assets"
        shutil.copytree(MATHJAX, beside / "mathjax", dirs_exist_ok=True)
        for file in (
            "reveal/reveal.js",
            "reveal/reveal.css",
            "slides.css",
            "slides.js",
        ):
            shutil.copy(TOOLS / file, beside)
    return made


def main(names: list[str]) -> int:
    """Make the slides of the notebooks named, or of all; return the exit status."""
    paths = [Path(name).resolve() for name in names] or sorted(BOOK.glob("*.ipynb"))
    made = make(paths)
    for path in made:
        print(path.relative_to(ROOT))
    if not made:
        print("No cell is marked: its metadata need `slide`.", file=sys.stderr)
    return not made


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
