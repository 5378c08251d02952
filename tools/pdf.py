"""Print the built site as one PDF: a cover, then every page in the order of the TOC.

``make print`` runs this. It needs Chromium or Chrome, as the tests in a browser do.
"""

import sys
import tomllib
from datetime import date
from html import escape
from io import BytesIO
from pathlib import Path

import yaml
from chromium import FLAGS, HOST, SITE, executable, from_disk
from playwright.sync_api import sync_playwright
from pypdf import PdfReader, PdfWriter
from repository import BOOK, ROOT, address

PAPER = {
    "format": "A4",
    "margin": {"top": "18mm", "bottom": "20mm", "left": "18mm", "right": "18mm"},
    "print_background": True,
}
FOOTER = (
    '<p style="width: 100%; font: 8pt sans-serif; text-align: center">{title} · '
    '<span class="pageNumber"></span></p>'
)
# Waits for the figures, then unfolds solutions and outputs.
READY = """async () => {
    const views = document.querySelectorAll('script[type*="widget-view"]').length;
    while (document.querySelectorAll(".cf-line").length < views)
        await new Promise((done) => setTimeout(done, 20));
    for (const e of document.querySelectorAll(".toggle-hidden"))
        e.classList.remove("toggle-hidden");
    const folded = "details:is(:not(.hide), .below-input)";
    for (const e of document.querySelectorAll(folded)) e.open = true;
    for (const e of document.images) e.loading = "eager";
    await Promise.all([...document.images].map((e) => e.decode().catch(() => {})));
}"""


def pages() -> list[tuple[str, str]]:
    """Return the pages in the order of the TOC: the part's caption, the file."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))
    parts = [
        (part["caption"], page["file"])
        for part in toc["parts"]
        for page in part["chapters"]
    ]
    return [("", toc["root"]), *parts]


def cover() -> str:
    """Return the cover as a page of HTML."""
    book = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    title, _, subtitle = book["title"].partition("? ")
    lines = [
        f"© {book['copyright']}",
        book["html"]["extra_footer"],
        address(),
        f"With coordlib {project['version']}. Printed on {date.today():%d %B %Y}.",
    ]
    return f"""<!doctype html><html lang="en"><meta charset="utf-8">
        <title>{escape(book["title"])}</title>
        <style>body {{ font: 12pt system-ui, sans-serif; text-align: center; }}
        h1 {{ margin-top: 55mm; font-size: 40pt; }} svg {{ width: 100%; }}
        footer {{ margin-top: 60mm; font-size: 10pt; line-height: 1.6; }}</style>
        <h1>{escape(title)}?</h1><p>{escape(subtitle)}</p>
        {(BOOK / "assets" / "where.svg").read_text("utf-8")}
        <footer>{"<br>".join(map(escape, lines))}</footer>"""


def bind(names: list[tuple[str, str]], chromium, site: Path = SITE) -> bytes:
    """Print the cover and the pages named, and return them as one PDF.

    Parameters
    ----------
    names : list of (str, str)
        As :func:`pages` gives them.
    chromium : playwright.sync_api.Browser
        A browser that runs.
    site : Path
        Where the pages are built.

    Raises
    ------
    FileNotFoundError
        If a page is not built.
    """
    if absent := [name for _, name in names if not (site / f"{name}.html").is_file()]:
        raise FileNotFoundError(f"not built: {', '.join(absent)}; run `make book`")

    def answer(route) -> None:
        if route.request.url.startswith("blob:"):
            return route.continue_()
        if found := from_disk(route.request.url, site):
            return route.fulfill(body=found[0], content_type=found[1])
        return route.abort()

    whole, part, parent = PdfWriter(), "", None
    page = chromium.new_page(color_scheme="light", reduced_motion="reduce")
    page.route("**/*", answer)
    page.set_content(cover())
    whole.append(BytesIO(page.pdf(**PAPER)))
    for caption, name in names:
        page.goto(f"{HOST}/{name}.html")
        page.evaluate(READY)
        title = page.locator(".bd-article h1").first.text_content().strip(" #\n")
        printed = page.pdf(
            **PAPER,
            display_header_footer=True,
            header_template="<p></p>",
            footer_template=FOOTER.format(title=escape(title)),
        )
        first = len(whole.pages)
        whole.append(PdfReader(BytesIO(printed)), import_outline=False)
        if caption != part:
            part, parent = (
                caption,
                whole.add_outline_item(title=caption, page_number=first),
            )
        whole.add_outline_item(title=title, page_number=first, parent=parent)
    page.close()
    out = BytesIO()
    whole.write(out)
    return out.getvalue()


def main() -> int:
    """Print the book into ``_build``; return the exit status."""
    if (browser := executable()) is None:
        print("no Chromium or Chrome; CHROMIUM can name one", file=sys.stderr)
        return 1
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=FLAGS)
        try:
            book = bind(pages(), chromium)
        except FileNotFoundError as error:
            print(error, file=sys.stderr)
            return 1
    path = ROOT / "_build" / "where-is-it.pdf"
    path.write_bytes(book)
    print(f"The book is printed: {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
