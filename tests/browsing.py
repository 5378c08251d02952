"""A headless Chromium that reads the built site from the disk.

Nothing is served: the browser's requests are answered from the disk, and a request for
any other place is refused and counted.
"""

import json
import os

import pytest
from chromium import HOST, SITE, from_disk
from repository import BOOK

VIEW = "application/vnd.jupyter.widget-view+json"
STATE = "application/vnd.jupyter.widget-state+json"

# The pages of the site, as it was built last.
PAGES = sorted(path.stem for path in SITE.glob("*.html") if path.stem != "index")


def missing(why: str) -> None:
    """Skip, or fail where a browser was promised."""
    if os.environ.get("CI") and os.environ.get("CHROMIUM") != "none":
        pytest.fail(f"{why}; CHROMIUM=none would skip the tests in a browser")
    pytest.skip(why)


class Tab:
    """A page of the browser, what it loaded, and whatever went wrong on it."""

    def __init__(
        self, browser, width: int = 1000, scheme: str = "light", scripts: bool = True
    ) -> None:
        self.context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=scheme,
            has_touch=True,
            reduced_motion="reduce",
            java_script_enabled=scripts,
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


def page_of(figure) -> str:
    """Write a page with one figure, as the site has it."""
    parts = {"_esm": str(figure._esm), "_css": str(figure._css)}
    state = {"state": {"one": {"state": traits(figure) | parts}}}
    view = json.dumps({"model_id": "one"})
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><title>A figure</title>"
        f'<body><main><script type="{VIEW}">{view}</script></main>'
        f'<script type="{STATE}">{json.dumps(state).replace("</", "<" + chr(92) + "/")}'
        f'</script><script type="module" src="widgets.js"></script>'
    )


def show(tab: Tab, figure):
    tab.made["figure.html"] = page_of(figure)
    tab.open("figure.html")
    tab.page.wait_for_selector(".cf")
    return tab.page.locator(".cf-line")


def press(tab: Tab, *keys: str) -> None:
    tab.page.locator(".cf-grab").first.focus()
    for key in keys:
        tab.page.keyboard.press(key)


def drag(tab: Tab, start: tuple, end: tuple, size: tuple) -> None:
    """Drag over the first movable picture, between the middles of two pixels."""
    tab.page.locator(".cf-grab").first.scroll_into_view_if_needed()
    box = tab.page.locator(".cf-grab").first.bounding_box()

    def middle(i, j):
        return (
            box["x"] + (j + 0.5) * box["width"] / size[1],
            box["y"] + (i + 0.5) * box["height"] / size[0],
        )

    tab.page.mouse.move(*middle(*start))
    tab.page.mouse.down()
    tab.page.mouse.move(*middle(*end), steps=4)
    tab.page.mouse.up()
