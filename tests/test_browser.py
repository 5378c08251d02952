"""Interactive figures in a browser: they compute what coordlib computes.

Needs the package playwright and a Chromium or Chrome on the PATH; ``CHROMIUM`` names
another executable. Without one the tests are skipped, and where ``CI`` is set they
fail, unless ``CHROMIUM=none`` says that none is wanted.

Nothing is served: the browser's requests are answered from the disk, and a request for
any other place is refused and counted.
"""

import json
import mimetypes
import os
import re
import shutil
from collections.abc import Iterator
from html import escape
from urllib.parse import urlsplit

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from repository import BOOK, ROOT
from torch import Tensor, nn

from coordlib import BlurPool1d, MaxBlurPool1d, handmade, probe
from coordlib.figures import interactive
from coordlib.probe import shift

SITE = ROOT / "_build" / "html"
VIEW = "application/vnd.jupyter.widget-view+json"
STATE = "application/vnd.jupyter.widget-state+json"
# Pages with figures, as the site was built last.
PAGES = [
    path.stem
    for path in sorted(SITE.glob("*.html"))
    if f'type="{VIEW}"' in path.read_text("utf-8")
]
HOST = "http://book.test"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]

rng = np.random.default_rng(0)
# Grey levels that 8 bits hold exactly.
PICTURE = rng.integers(0, 256, (8, 10)) / 255


def missing(why: str) -> None:
    """Skip, or fail where a browser was promised."""
    if os.environ.get("CI") and os.environ.get("CHROMIUM") != "none":
        pytest.fail(f"{why}; CHROMIUM=none would skip the tests in a browser")
    pytest.skip(why)


def executable() -> str | None:
    """Return the browser to use, or None."""
    if named := os.environ.get("CHROMIUM"):
        return shutil.which(named)
    names = ("chromium", "chromium-browser", "google-chrome")
    return next(filter(None, map(shutil.which, names)), None)


@pytest.fixture(scope="module")
def browser() -> Iterator:
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        missing("no playwright: pip install playwright")
    path = executable()
    if path is None:
        missing("no Chromium: see 'Tests in a browser' in CONTRIBUTING.md")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield chromium
        chromium.close()


class Tab:
    """A page of the browser, and whatever went wrong on it."""

    def __init__(self, browser, width: int = 1000, scheme: str = "light") -> None:
        size = {"width": width, "height": 900}
        self.context = browser.new_context(
            viewport=size, color_scheme=scheme, has_touch=True, reduced_motion="reduce"
        )
        self.page = self.context.new_page()
        self.wrong: list[str] = []
        self.made: dict[str, str] = {}
        self.page.on("console", self.heard)
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.route("**/*", self.answer)

    def heard(self, message) -> None:
        if message.type in ("error", "warning"):
            self.wrong.append(message.text)

    def answer(self, route) -> None:
        url = urlsplit(route.request.url)
        path = url.path.removeprefix("/")
        if url.scheme == "blob":
            return route.continue_()
        if f"{url.scheme}://{url.netloc}" == HOST:
            if path in self.made:
                return route.fulfill(body=self.made[path], content_type="text/html")
            file = SITE / path if path != "widgets.js" else BOOK / "assets" / path
            if file.is_file():
                kind = mimetypes.guess_type(file)[0] or "application/octet-stream"
                return route.fulfill(body=file.read_bytes(), content_type=kind)
            if path == "favicon.ico":
                return route.fulfill(status=204)
        self.wrong.append(f"request for {route.request.url}")
        return route.abort()

    def open(self, path: str) -> None:
        self.page.goto(f"{HOST}/{path}")


@pytest.fixture
def tab(browser) -> Iterator[Tab]:
    tab = Tab(browser)
    yield tab
    tab.context.close()
    assert not tab.wrong


@pytest.fixture(scope="module")
def compute(browser) -> Iterator:
    """Give the pure function of a figure's module, applied to the figure's traits."""
    page = browser.new_page()
    page.goto("about:blank")

    def call(figure: interactive.Figure) -> dict | list:
        code = """async ([text, state]) => {
            const blob = new Blob([text], { type: "text/javascript" });
            return (await import(URL.createObjectURL(blob))).compute(state);
        }"""
        return page.evaluate(code, [figure._esm, traits(figure)])

    yield call
    page.close()


def traits(figure: interactive.Figure) -> dict:
    """Return the traits of a figure as its module gets them."""
    own = type(figure).mro()[1].class_own_traits()  # [0] holds the module and style
    return {name: getattr(figure, name) for name in own}


def page_of(figure: interactive.Figure) -> str:
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


def as_image(picture: np.ndarray) -> Tensor:
    return torch.tensor(picture)[None, None]


def near(got: list, wanted) -> None:
    wanted = np.asarray(wanted, dtype=float).ravel()
    np.testing.assert_allclose(got, wanted, atol=1e-6)


# What the modules compute.


@pytest.mark.parametrize("padding", ["zeros", "reflect", "circular"])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("by", [(0, 0), (0, 1), (2, -4), (-3, 5)])
def test_the_commuting_square_is_the_probes(compute, padding, stride, by):
    conv = nn.Conv2d(1, 1, 3, stride, 1, bias=False, padding_mode=padding).double()
    conv.weight.data[:] = torch.tensor(interactive.SOBEL)
    conv.requires_grad_(False)
    found = probe(conv, as_image(PICTURE), [by], stride=stride, keep_panels=True)
    _, shifted, one, other = (part[0, 0] for part in found.panels[0])
    shown = {"padding": padding, "stride": stride, "di": by[0], "dj": by[1]}
    got = compute(interactive.CommutingSquare(PICTURE, **shown))
    near(got["shifted"], shifted)
    near(got["one"], one)
    near(got["other"], other)
    near([got["largest"]], found.largest)
    assert (got["wrong"] == 0) == found.is_exact


@pytest.mark.parametrize("kernel", ["upright edges", "mean", "one to the left"])
def test_the_sliding_kernel_is_torchs_convolution(compute, kernel):
    figure = interactive.SlidingKernel(PICTURE, kernel=kernel, i=7, j=3)
    weight = torch.tensor(dict(figure.kernels)[kernel], dtype=torch.float64)
    wanted = F.conv2d(as_image(PICTURE), weight[None, None], padding=1)[0, 0]
    got = compute(figure)
    near(got["map"], wanted)
    near([got["sum"], sum(got["products"])], [wanted[7, 3], wanted[7, 3]])


@pytest.mark.parametrize(
    "shown",
    [
        {},
        {"i": 0, "j": 31},
        {"second": True},
        {"amplitude": 0.5},
        {"amplitude": 2.0, "second": True, "i2": 23, "j2": 0},
        {"noise": 0.05, "seed": 3},
    ],
)
def test_the_hand_decoder_is_the_librarys(compute, shown):
    figure = interactive.HandDecoder(**shown)
    got = compute(figure)
    image = np.reshape(got["image"], (figure.rows, figure.columns))
    for axis, steps in handmade.decode_steps(image).items():
        near(got[axis]["rectified"], steps["rectified"])
        near([got[axis]["sum"], got[axis]["result"]], [steps["sum"], steps["result"]])
    if not figure.noise:
        lit = {(figure.i, figure.j)}
        lit |= {(figure.i2, figure.j2)} if figure.second else set()
        assert set(zip(*np.nonzero(image), strict=True)) == lit


def test_the_noise_of_the_hand_decoder_is_normal_and_follows_its_seed(compute):
    def noise(seed):
        figure = interactive.HandDecoder(amplitude=0.0, noise=0.1, seed=seed)
        return np.array(compute(figure)["image"])

    draws = np.concatenate([noise(seed) for seed in range(8)])
    assert abs(draws.mean()) < 0.005 and abs(draws.std() - 0.1) < 0.005
    assert np.array_equal(noise(1), noise(1)) and not np.array_equal(noise(1), noise(2))


@pytest.mark.parametrize("side", [1, 9])
@pytest.mark.parametrize("at", [(0, 0), (12, 20), (31, 5)])
def test_four_rectifiers_paint_as_the_library_does(compute, side, at):
    got = compute(interactive.FourRectifiers(y=at[0], x=at[1], side=side))
    near(got["painted"], handmade.paint_square(torch.tensor([at]), 32, side))


@pytest.mark.parametrize("off", ["below", "above", "right", "left"])
def test_a_rectifier_that_is_off_stops_nothing(compute, off):
    i, j = np.indices((32, 32))
    terms = {"below": i - 12, "above": 12 - i, "right": j - 20, "left": 20 - j}
    others = sum(np.maximum(d, 0) for name, d in terms.items() if name != off)
    got = compute(interactive.FourRectifiers(**{off: False}))
    near(got["painted"], np.maximum(1 - others, 0))


LAYERS = {
    "max": nn.MaxPool1d(2),
    "blur 2": BlurPool1d(filter_size=2, padding_mode="circular"),
    "blur 3": BlurPool1d(filter_size=3, padding_mode="circular"),
    "blur 5": BlurPool1d(filter_size=5, padding_mode="circular"),
    "max, blur 3": MaxBlurPool1d(2, filter_size=3, padding_mode="circular"),
}


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("by", [0, 1, 2, 5, 8])
def test_pooling_in_one_dimension_is_the_librarys(compute, layer, by):
    signals = {"book": [0, 0, 1, 1, 0, 0, 1, 1], "any": rng.random(8).tolist()}
    for signal, values in signals.items():
        x = torch.tensor([[values]], dtype=torch.float64)
        options = {"stride": 2, "between": "linear", "keep_panels": True}
        found = probe(LAYERS[layer], x, [by], **options)
        figure = interactive.Pooling1D(signals, signal, layer=layer, shift=by)
        got = compute(figure)
        near(got["moved"], shift(x, by))
        near(got["got"], LAYERS[layer](shift(x, by)))
        near(got["wanted"], found.panels[0][3])
        near([got["largest"]], found.largest)


@pytest.mark.parametrize("taps", [1, 2, 3, 5])
@pytest.mark.parametrize("frequency", [0, 1, 10, 16, 17, 22, 31, 32])
def test_the_alias_is_where_the_fourier_transform_finds_it(compute, taps, frequency):
    wave = np.cos(2 * np.pi * frequency * np.arange(64) / 64)
    blur = BlurPool1d(filter_size=taps, padding_mode="circular").double()
    kept = blur(torch.tensor(wave)[None, None])[0, 0].numpy()
    sizes = np.abs(np.fft.rfft(kept)) / 16
    sizes[[0, 16]] /= 2
    got = compute(interactive.AliasSpectrum(frequency=frequency, taps=taps))
    # The library's filter is stored in float32.
    near(got["kept"], kept)
    near(got["sizes"], sizes)
    assert got["seen"] == (frequency if frequency <= 16 else 32 - frequency)
    if sizes.max() > 1e-6:
        assert sizes.argmax() == got["seen"]


def painters() -> interactive.PaintersCompare:
    first, second = rng.integers(0, 256, (2, 6, 7, 5, 3)) / 255
    trained = np.indices((6, 7)).sum(0) % 2
    return interactive.PaintersCompare(first, second, ["plain", "coords"], trained)


def test_painters_show_what_was_stored(compute):
    state = rng.bit_generator.state
    figure = painters()
    rng.bit_generator.state = state
    stored = rng.integers(0, 256, (2, 6, 7, 5, 3)) / 255
    for i, j in [(0, 0), (3, 4), (5, 6)]:
        figure.set_trait("i", i), figure.set_trait("j", j)
        got = compute(figure)
        assert got["known"] == bool((i + j) % 2)
        for name, patch in zip(("first", "second"), stored[:, i, j], strict=True):
            near(got[name]["patch"], patch)
            top = np.unravel_index(patch.argmax(), patch.shape)
            assert got[name]["off"] == [top[0] - 2, top[1] - 1]
            assert got[name]["lit"] == (patch > 0.5).sum()


PROBABILITIES = rng.dirichlet(np.ones(3), (2, 5)).round(4)


def labels() -> interactive.LabelAlongShift:
    names, classes = ["plain", "blurred"], ["coat", "shirt", "bag"]
    return interactive.LabelAlongShift(
        PICTURE, PROBABILITIES, names, classes, "shirt", window=6, top=1, at=2
    )


def test_labels_along_a_shift_are_those_of_the_probabilities(compute):
    got = compute(labels())
    for said, rows in zip(got, PROBABILITIES, strict=True):
        assert said["label"] == ["coat", "shirt", "bag"][rows[2].argmax()]
        near([said["probability"], said["truth"]], [rows[2].max(), rows[2, 1]])
        assert said["changes"] == (np.diff(rows.argmax(1)) != 0).sum()


# What a reader does with them.


def show(tab: Tab, figure: interactive.Figure):
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


def slide(tab: Tab, label: str, value: float) -> None:
    tab.page.get_by_label(label).fill(str(value))


def test_the_square_is_dragged_keyed_and_told_in_words(tab):
    line = show(tab, interactive.CommutingSquare(PICTURE))
    assert "not at all" in line.text_content()
    drag(tab, (1, 1), (3, 5), (8, 10))
    assert "2 down and 4 to the right" in line.text_content()
    press(tab, "ArrowLeft", "ArrowUp", "ArrowUp", "ArrowUp")
    assert "1 up and 3 to the right" in line.text_content()
    conv = nn.Conv2d(1, 1, 3, 1, 1, bias=False).double()
    conv.weight.data[:] = torch.tensor(interactive.SOBEL)
    found = probe(conv, as_image(PICTURE), [(-1, 3)])
    assert f"by {float(found.largest[0]):.2f} at most" in line.text_content()
    tab.page.get_by_label("the other side").check()
    assert "agree in all 80 pixels" in line.text_content()
    tab.page.get_by_label("2", exact=True).check()
    assert "of 20 pixels" in line.text_content()


def test_the_kernel_is_moved_by_touch_and_keys(tab):
    line = show(tab, interactive.SlidingKernel(PICTURE, kernel="mean"))
    box = tab.page.locator(".cf-grab").bounding_box()
    tab.page.touchscreen.tap(
        box["x"] + 4.5 * box["width"] / 10, box["y"] + 2.5 * box["height"] / 8
    )
    press(tab, "ArrowDown")
    mean = PICTURE[2:5, 3:6].mean()
    assert line.text_content().startswith("Row 3, column 4: ")
    assert line.text_content().endswith(f"= {mean:.2f}")


def test_the_decoder_follows_the_dots(tab):
    line = show(tab, interactive.HandDecoder())
    assert "Row: 24 − 16 = 8. Column: 32 − 12 = 20." in line.text_content()
    drag(tab, (8, 20), (3, 30), (24, 32))
    press(tab, "ArrowDown")
    assert "= 4. Column: 32 − 2 = 30." in line.text_content()
    tab.page.get_by_label("a second dot").check()
    press(tab, "Shift+ArrowLeft")
    i, j = handmade.decode(lit((4, 30), (16, 24)))[0].int().tolist()
    told = f"= {i}. Column: 32 − {32 - j} = {j}.".replace("-", "−")
    assert told in line.text_content() and "off the canvas" in line.text_content()
    tab.page.get_by_label("a second dot").uncheck()
    slide(tab, "Brightness", 0.5)
    i, j = handmade.decode(0.5 * lit((4, 30)))[0].int().tolist()
    assert f"= {i}. Column" in line.text_content()
    assert f"= {j}. The dot" in line.text_content()


def lit(*places: tuple[int, int]) -> Tensor:
    image = torch.zeros(1, 1, 24, 32)
    for i, j in places:
        image[0, 0, i, j] = 1
    return image


def test_rectifiers_are_switched_and_the_target_moves(tab):
    line = show(tab, interactive.FourRectifiers())
    assert "4 of 4 rectifiers, 1 of 1024 pixels" in line.text_content()
    drag(tab, (12, 20), (16, 16), (32, 32))
    tab.page.get_by_label("9").check()
    assert "row 16, column 16, r = 4" in line.text_content()
    assert f"{9 * 9} of 1024" in line.text_content()
    tab.page.get_by_label("left", exact=True).uncheck()
    press(tab, "ArrowRight")
    assert f"3 of 4 rectifiers, {9 * (17 + 5)} of 1024" in line.text_content()


def test_the_stripes_of_the_book_vanish_and_the_blur_helps(tab):
    line = show(tab, interactive.Pooling1D())
    assert "max: 0, 1, 0, 1." in line.text_content()
    slide(tab, "Moved by", 1)
    assert "max: 1, 1, 1, 1." in line.text_content()
    assert "largest difference is 0.50" in line.text_content()
    tab.page.get_by_label("blur 5", exact=True).check()
    assert "0.50, 0.50, 0.50, 0.50" in line.text_content()
    tab.page.get_by_label("Moved by").press("ArrowRight")
    assert "Moved by 2" in line.text_content()


def test_the_alias_folds_in_and_the_blur_shrinks_it(tab):
    line = show(tab, interactive.AliasSpectrum())
    assert "It keeps its name." in line.text_content()
    slide(tab, "Frequency", 22)
    assert "found at 10, with size 1.00" in line.text_content()
    tab.page.get_by_label("3 taps").check()
    passed = np.cos(np.pi * 22 / 64) ** 2
    assert f"size {passed:.2f}" in line.text_content()


def test_painters_are_asked_by_a_click(tab):
    line = show(tab, painters())
    drag(tab, (2, 2), (4, 5), (6, 7))
    assert "Row 4, column 5 (trained on). plain: " in line.text_content()
    press(tab, "ArrowLeft")
    assert "Row 4, column 4 (held out)" in line.text_content()


def test_the_window_moves_and_the_label_is_told(tab):
    line = show(tab, labels())
    press(tab, "ArrowRight")
    top = PROBABILITIES[0, 3]
    name = ["coat", "shirt", "bag"][top.argmax()]
    assert f"plain says {name} ({top.max():.2f})" in line.text_content()
    slide(tab, "Moved by", 0)
    assert line.text_content().startswith("Moved by 0.")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_figures_fit_and_have_names(browser, width, scheme):
    tab = Tab(browser, width, scheme)
    for make in (interactive.HandDecoder, interactive.AliasSpectrum, painters, labels):
        show(tab, make())
        over = "document.documentElement.scrollWidth > innerWidth"
        assert not tab.page.evaluate(over)
        unnamed = ":is(.cf, .cf-grab, [role=img]):not([aria-label])"
        assert tab.page.locator(unnamed).count() == 0
        assert tab.page.locator(".cf-line[aria-live=polite]").count() == 1
    tab.context.close()
    assert not tab.wrong


def test_text_of_the_state_is_never_markup(tab):
    name = "<img src=x onerror=alert(1)>"
    line = show(tab, interactive.Pooling1D({name: [0, 1, 0, 1, 0, 1]}))
    assert line.count() == 1 and tab.page.locator(".cf img").count() == 0
    assert escape(name) in tab.page.locator(".cf-controls").inner_html()


# The pages of the site.


@pytest.mark.site
@pytest.mark.skipif(not PAGES, reason="no page with a figure is built: make book")
@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_figures_of_a_built_page_run_without_a_third_party(
    browser, name, width, scheme
):
    tab = Tab(browser, width, scheme)
    tab.open(f"{name}.html")
    views = tab.page.locator(f'script[type="{VIEW}"]').count()
    figures = tab.page.locator(".cf")
    figures.nth(views - 1).wait_for()
    assert figures.count() == views
    for n in range(views):
        line = figures.nth(n).locator(".cf-line")
        before = line.text_content()
        mover = figures.nth(n).locator(".cf-grab, input[type=range]").first
        mover.focus()
        mover.press("ArrowRight")
        assert line.text_content() != before
    assert not re.search("could not be shown", tab.page.content())
    assert not tab.page.evaluate("document.documentElement.scrollWidth > innerWidth")
    tab.context.close()
    assert not tab.wrong


@pytest.mark.site
@pytest.mark.skipif(not SITE.exists(), reason="the site is not built: make book")
def test_only_pages_with_figures_load_the_loader():
    loading = {
        path.stem
        for path in SITE.glob("*.html")
        if "/widgets.js" in path.read_text("utf-8")
    }
    assert loading == set(PAGES)
    built = (SITE / "_static" / "widgets.js").read_bytes()
    assert built == (BOOK / "assets" / "widgets.js").read_bytes()
