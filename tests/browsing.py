"""A headless Chromium that reads the built site from the disk.

Nothing is served: the browser's requests are answered from the disk, and a request for
any other place is refused and counted.
"""

import os

import pytest
from chromium import HOST, SITE, from_disk
from repository import BOOK

# The pages of the site, as it was built last.
PAGES = sorted(path.stem for path in SITE.glob("*.html") if path.stem != "index")


def missing(why: str) -> None:
    """Skip, or fail where a browser was promised."""
    if os.environ.get("CI") and os.environ.get("CHROMIUM") != "none":
        pytest.fail(f"{why}; CHROMIUM=none would skip the tests in a browser")
    pytest.skip(why)


class Tab:
    """A page of the browser, what it loaded, and whatever went wrong on it."""

    def __init__(self, browser, width: int = 1000, scheme: str = "light") -> None:
        size = {"width": width, "height": 900}
        self.context = browser.new_context(
            viewport=size, color_scheme=scheme, has_touch=True, reduced_motion="reduce"
        )
        self.page = self.context.new_page()
        self.wrong: list[str] = []
        self.made: dict[str, str] = {}
        self.loaded: dict[str, bytes] = {}
        self.page.on("console", self.heard)
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.route("**/*", self.answer)

    def heard(self, message) -> None:
        if message.type in ("error", "warning"):
            self.wrong.append(message.text)

    def answer(self, route) -> None:
        url = route.request.url
        if url.startswith("blob:"):
            return route.continue_()
        path = url.removeprefix(f"{HOST}/").partition("?")[0]
        if path in self.made:
            return route.fulfill(body=self.made[path], content_type="text/html")
        # Pages that are made here have the loader beside them.
        found = from_disk(url, BOOK / "assets" if path == "widgets.js" else SITE)
        if found:
            self.loaded[path], kind = found
            return route.fulfill(body=self.loaded[path], content_type=kind)
        if path == "favicon.ico":
            return route.fulfill(status=204)
        self.wrong.append(f"request for {url}")
        return route.abort()

    def open(self, path: str) -> None:
        self.page.goto(f"{HOST}/{path}")

    def close(self) -> None:
        """Close the page, and raise if anything went wrong on it."""
        self.context.close()
        assert not self.wrong


def traits(figure) -> dict:
    """Return the traits of an interactive figure as its module gets them."""
    # Not at the top: the tests of the library use this file where nothing else is.
    from coordlib.lab.figures.interactive import Figure

    names = set(figure.trait_names()) - set(Figure.class_trait_names())
    # Those with an underscore are anywidget's: the module, the style, the name.
    return {name: getattr(figure, name) for name in names if name[0] != "_"}


def computed(page, figure) -> dict | list:
    """Apply the pure function of a figure's module to the figure's traits."""
    code = """async ([text, state]) => {
        const blob = new Blob([text], { type: "text/javascript" });
        return (await import(URL.createObjectURL(blob))).compute(state);
    }"""
    return page.evaluate(code, [str(figure._esm), traits(figure)])
