"""Interactive figures in a browser: they compute what coordlib computes.

Needs the package playwright and a Chromium or Chrome on the PATH; ``CHROMIUM`` names
another executable. Without one the tests are skipped, and where ``CI`` is set they
fail, unless ``CHROMIUM=none`` says that none is wanted.
"""
# Long because it holds each interactive figure to its Python, one after another.

import io
import re
from base64 import b64encode
from collections.abc import Iterator
from functools import partial
from html import escape

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from browsing import PAGES, VIEW, Tab, computed, drag, press, show
from chromium import SITE
from PIL import Image
from repository import BOOK
from scipy import stats
from torch import Tensor, nn

from coordlib import BlurPool1d, CoordConv2d, MaxBlurPool1d, probe
from coordlib.lab.data import shapes
from coordlib.lab.data.boxes import box_iou
from coordlib.lab.figures import interactive
from coordlib.lab.measures import distance_from_start
from coordlib.lab.measures.scenes import look
from coordlib.lab.models import handmade
from coordlib.probe import shift

WITH_FIGURES = [
    name
    for name in PAGES
    if f'type="{VIEW}"' in (SITE / f"{name}.html").read_text("utf-8")
]

rng = np.random.default_rng(0)
# Grey levels that 8 bits hold exactly.
PICTURE = rng.integers(0, 256, (8, 10)) / 255


@pytest.fixture
def tab(browser) -> Iterator[Tab]:
    tab = Tab(browser)
    yield tab
    tab.close()


@pytest.fixture(scope="module")
def compute(browser) -> Iterator:
    """Give the pure function of a figure's module, applied to the figure's traits."""
    page = browser.new_page()
    page.goto("about:blank")

    yield partial(computed, page)
    page.close()


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
    # It shows hundredths, and adds up what it shows.
    shown = np.round(np.round(255 * PICTURE) / 255, 2)
    wanted = F.conv2d(as_image(shown), weight[None, None], padding=1)[0, 0]
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


def dragged() -> tuple[interactive.DraggedThing, np.ndarray]:
    """Give a figure of 5 x 5 places, three pixels apart, and the answers it stores."""
    local = np.random.default_rng(2)
    said = local.uniform(6, 30, (2, 5, 5, 5))
    said[..., 4] = local.uniform(0, 1, (2, 5, 5))
    answers = dict(zip(("plain", "coords"), said, strict=True))
    thing = np.arange(24).reshape(4, 6) / 255
    return interactive.DraggedThing(thing, answers, start=-1, step=3, size=14), said


@pytest.mark.parametrize("place", [(0, 0), (2, 1), (4, 3)])
def test_the_dragged_thing_lies_where_it_was_put_with_the_boxes_stored(compute, place):
    figure, said = dragged()
    figure.i, figure.j = place
    got = compute(figure)
    truth = [3 * place[0] - 1, 3 * place[1] - 1, 4, 6]
    assert got["truth"] == truth
    canvas = np.zeros((30, 30))
    top, left = 8 + truth[0] - 2, 8 + truth[1] - 3
    canvas[top : top + 4, left : left + 6] = np.arange(24).reshape(4, 6) / 255
    near(got["image"], canvas[8:22, 8:22])
    for one, stored in zip(got["said"], said[:, *place], strict=True):
        np.testing.assert_allclose([*one["box"], one["score"]], stored, atol=1 / 500)
        boxes = torch.tensor([one["box"], truth], dtype=torch.float64)
        near([one["iou"]], box_iou(boxes[:1], boxes[1:])[0])


@pytest.mark.parametrize("picture", ["any", "none"])
@pytest.mark.parametrize("weight", [0.0, 0.05])
@pytest.mark.parametrize("by", [(0, 0), (0, 3), (-2, 5)])
def test_the_place_bias_is_that_of_the_layer(compute, picture, weight, by):
    pictures = {"any": PICTURE, "none": np.zeros_like(PICTURE)}
    conv = nn.Conv2d(1, 1, 3, padding=1, bias=False, padding_mode="circular").double()
    conv.weight.data[:] = torch.tensor(interactive.SOBEL)
    layer = CoordConv2d.from_conv(conv)
    layer.weight.data[:, 1:] = weight
    found = probe(
        layer.requires_grad_(False), as_image(pictures[picture]), [by], keep_panels=True
    )
    _, shifted, one, other = (part[0, 0] for part in found.panels[0])
    shown = {"picture": picture, "weight": weight, "di": by[0], "dj": by[1]}
    got = compute(interactive.PlaceBias(pictures, **shown))
    near(got["shifted"], shifted)
    near(got["one"], one)
    near(got["other"], other)
    near(got["difference"], one - other)
    near([got["mean"], got["largest"]], [found.maps.mean(), found.largest[0]])


def arrows() -> tuple[interactive.AnswerArrows, dict, dict]:
    """Give a figure of 6 x 5 places on a canvas of 10 x 9, with what it was made of."""
    local = np.random.default_rng(1)
    said = {
        network: {split: local.uniform(-1, 10, (6, 5, 2)) for split in ("even", "odd")}
        for network in ("dense", "conv")
    }
    places = np.indices((6, 5)).sum(0) % 2
    trained = {"even": places == 0, "odd": places == 1}
    return interactive.AnswerArrows(said, trained, (10, 9), side=3), said, trained


@pytest.mark.parametrize("network", ["dense", "conv"])
@pytest.mark.parametrize("split", ["even", "odd"])
def test_arrows_lead_to_the_answers_that_were_given(compute, network, split):
    figure, said, trained = arrows()
    figure.network, figure.split = network, split
    figure.set_trait("i", 4), figure.set_trait("j", 6)
    got, given = compute(figure), said[network][split]
    truth = np.stack(np.indices((6, 5)), -1) + 2
    step = {"atol": 0.51 * np.ptp(given - truth) / 255}
    np.testing.assert_allclose(got["said"], given[2, 4], **step)
    np.testing.assert_allclose(
        np.reshape(got["miss"], (6, 5, 2)), given - truth, **step
    )
    assert got["known"][got["at"]] == trained[split][2, 4]
    off = np.hypot(*np.moveaxis(given - truth, -1, 0))
    means = off[trained[split]].mean(), off[~trained[split]].mean()
    np.testing.assert_allclose((got["seen"], got["unseen"]), means, atol=0.02)


def painted(
    names: tuple[str, str] = ("plain", "coords"),
) -> tuple[interactive.PaintedAnswers, dict, dict]:
    """Give a figure of 6 x 5 places on a canvas of 10 x 9, with what it was made of."""
    local = np.random.default_rng(2)
    truth = np.stack(np.indices((6, 5)), -1) + 2
    said = {
        network: {
            split: truth + (local.random((6, 5, 1)) < 0.4) * local.integers(-2, 3, 2)
            for split in ("even", "odd")
        }
        for network in names
    }
    places = np.indices((6, 5)).sum(0) % 2
    trained = {"even": places == 0, "odd": places == 1}
    return interactive.PaintedAnswers(said, trained, (10, 9)), said, trained


@pytest.mark.parametrize("split", ["even", "odd"])
def test_painters_are_right_where_their_brightest_pixel_is_the_dot(compute, split):
    figure, said, trained = painted()
    figure.split = split
    figure.set_trait("i", 4), figure.set_trait("j", 6)
    got = compute(figure)
    assert got["known"] == trained[split].ravel().tolist()
    truth = np.stack(np.indices((6, 5)), -1) + 2
    for network, given in zip(got["networks"], said.values(), strict=True):
        right = (given[split] == truth).all(-1)
        assert network["right"] == right.ravel().tolist()
        assert network["painted"] == given[split][2, 4].tolist()
        near(network["trained"], right[trained[split]].mean())
        near(network["held"], right[~trained[split]].mean())
        near(network["off"], np.hypot(*(given[split][2, 4] - [4, 6])))


OUTCOME = rng.random(40) < 0.4
COLUMN, ROW = rng.permutation(63)[:40] % 9, np.sort(rng.integers(0, 7, 40))
PLACES = np.unique(np.stack((ROW, COLUMN), 1), axis=0)


def failures() -> interactive.FailureGroups:
    i, j = PLACES.T
    suspects = {"phase": (i % 2 * 2 + j % 2, 0.25), "edge": (np.minimum(i, j), 0.001)}
    right = OUTCOME[: len(PLACES)]
    return interactive.FailureGroups(PLACES, right, suspects, (7, 9), at=5)


@pytest.mark.parametrize("suspect", ["phase", "edge"])
def test_failures_are_divided_as_numpy_divides_them(compute, suspect):
    figure = failures()
    figure.suspect = suspect
    i, j = PLACES.T
    label = {"phase": i % 2 * 2 + j % 2, "edge": np.minimum(i, j)}[suspect]
    right, got = OUTCOME[: len(PLACES)], compute(figure)
    for group, name in zip(got["groups"], np.unique(label), strict=True):
        assert (group["name"], group["count"]) == (name, (label == name).sum())
        near([group["share"]], [right[label == name].mean()])
    assert got["groups"][got["chosen"]]["name"] == label[5]
    fitted = np.array([right[label == name].mean() for name in label])
    near([got["explained"]], [fitted.var() / right.var()])
    assert got["chance"] == {"phase": 0.25, "edge": 0.001}[suspect]


@pytest.mark.parametrize(("gain", "count"), [(0.0, 2), (0.7, 5), (3.0, 40)])
def test_studies_find_what_scipy_finds(compute, gain, count):
    figure = interactive.LuckOfTraining(1.3, 4, gain=gain, count=count, round=3)
    trainings = gain + 1.3 * np.array(figure.luck[3])[:, :count]
    wanted = stats.t.interval(
        0.95, count - 1, trainings.mean(1), stats.sem(trainings, axis=1)
    )
    got = compute(figure)
    for name, ends in zip(("low", "high"), wanted, strict=True):
        found = [study[name] for study in got["studies"]]
        np.testing.assert_allclose(found, ends, rtol=1e-4, atol=1e-4)
    low, high = wanted
    assert (got["above"], got["below"]) == ((low > 0).sum(), (high < 0).sum())
    assert got["missed"] == ((low > gain) | (high < gain)).sum()


# Rows that sum to one: networks, shifts, classes.
ALONG = {
    "cat": rng.dirichlet(np.ones(6), (2, 5)).round(4),
    "cup": rng.dirichlet(np.ones(2), (2, 5)).round(4),
}
CLASSES = {
    "cat": ["tabby", "lynx", "tiger cat", "cougar", "fox", "hare"],
    "cup": ["espresso", "cup"],
}


def labels(**state) -> interactive.LabelAlongShift:
    stream = io.BytesIO()
    Image.new("RGB", (2, 2)).save(stream, "jpeg")
    pictures = dict.fromkeys(ALONG, stream.getvalue())
    names, shifts = ["plain", "blurred"], [0, 1, 2, 4, 8]
    sizes = {"size": 40, "window": 32, "at": 2} | state
    return interactive.LabelAlongShift(pictures, CLASSES, ALONG, names, shifts, **sizes)


@pytest.mark.parametrize("name", ALONG)
@pytest.mark.parametrize("at", range(5))
def test_labels_along_a_shift_are_those_of_the_probabilities(compute, name, at):
    got = compute(labels(picture=name, at=at))
    for said, rows in zip(got, ALONG[name], strict=True):
        found = rows.argmax(1)
        assert said["label"] == CLASSES[name][found[at]]
        assert said["flips"] == (found != found[0]).sum()
        near([said["probability"]], [rows[at].max()])


BOARDS = {
    "catch": {"plain": (5, 3), "coords": (4, 3)},
    "maze": {"plain": (2, 4), "coords": (3, 4)},
}
GAMES = {
    game: {
        agent: (rng.integers(0, things + 1, (length, 4, 6)), rng.integers(0, 3, length))
        for agent, (length, things) in agents.items()
    }
    for game, agents in BOARDS.items()
}
THINGS = {"catch": ["own", "ball", "wall"], "maze": ["own", "a_b", "c", "d"]}


def played(**state) -> interactive.PlayedGames:
    return interactive.PlayedGames(GAMES, THINGS, **state)


@pytest.mark.parametrize("game", GAMES)
@pytest.mark.parametrize("at", range(5))
def test_games_are_shown_as_they_were_played(compute, game, at):
    for got, (agent, stored) in zip(
        compute(played(game=game, at=at)), GAMES[game].items(), strict=True
    ):
        boards, rewards = stored
        shown = min(at, len(boards) - 1)
        assert got["agent"] == agent
        assert got["board"] == boards[shown].ravel().tolist()
        assert got["score"] == rewards[: shown + 1].sum()
        assert got["over"] == (at >= len(boards))


# Two walks of four steps by each of two generators.
WALKS = {
    name: shapes(8, 16, seed).images().unflatten(0, (2, 4)).numpy()
    for seed, name in enumerate(("plain", "coords"))
}


def walking(**state) -> interactive.LatentWalks:
    """Give the figure of these walks, and of the objects on them."""
    scenes = {
        name: look(torch.tensor(pictures).flatten(0, 1))
        for name, pictures in WALKS.items()
    }
    return interactive.LatentWalks(WALKS, scenes, **state)


def departing(**state) -> interactive.LatentWalks:
    """Give the figure of these walks, and of how far they come."""
    distances = {
        name: distance_from_start(torch.tensor(pictures))
        for name, pictures in WALKS.items()
    }
    return interactive.LatentWalks(WALKS, distances=distances, **state)


@pytest.mark.parametrize("walk", [0, 1])
@pytest.mark.parametrize("at", [0, 3])
def test_walks_are_told_as_the_library_sees_them(compute, walk, at):
    got = compute(walking(walk=walk, at=at))
    for told, (name, pictures) in zip(got, WALKS.items(), strict=True):
        found = look(torch.tensor(pictures[walk]))
        assert told["name"] == name
        near(told["areas"], found.areas[at])
        np.testing.assert_allclose(told["centres"], found.centres[at], atol=0.051)
        near(told["least"], found.areas.amin(0))


def test_walks_without_objects_tell_how_far_they_have_come(compute):
    told = compute(departing(walk=1, at=2))
    for each, pictures in zip(told, WALKS.values(), strict=True):
        away = 127.5 * (pictures[1, 2] - pictures[1, 0])
        wanted = [np.sqrt(np.square(away).mean())]
        np.testing.assert_allclose(each["areas"], wanted, atol=0.051)
        assert each["centres"] == []


# What a reader does with them.


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


def as_png(values: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(values.astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


LEVELS = """(canvas) => {
    const { width, height } = canvas;
    const often = { willReadFrequently: true };
    const copy = new OffscreenCanvas(width, height).getContext("2d", often);
    copy.drawImage(canvas, 0, 0);
    return [...copy.getImageData(0, 0, width, height).data];
}"""
GIVE = """async ([way, base64]) => {
    const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
    const given = new DataTransfer();
    given.items.add(new File([bytes], "mine.png", { type: "image/png" }));
    const figure = document.querySelector(".cf");
    figure.querySelector(".cf-grab").focus();
    const event = way === "drop" ? new DragEvent("drop", { dataTransfer: given })
        : new ClipboardEvent("paste", { clipboardData: given });
    (way === "drop" ? figure : document).dispatchEvent(event);
}"""


@pytest.mark.parametrize("way", ["choose", "drop", "paste"])
def test_a_picture_of_the_readers_own_takes_the_place_of_the_first(tab, way):
    show(tab, interactive.CommutingSquare(PICTURE))
    canvas = tab.page.locator("canvas").first
    first = canvas.evaluate(LEVELS)
    rows, columns = PICTURE.shape
    # Twice as wide as the figure's: what is beside the middle is cut off.
    mine = np.zeros((4 * rows, 8 * columns))
    mine[:, 4 * columns :] = 255
    if way == "choose":
        file = {"name": "mine.png", "mimeType": "image/png", "buffer": as_png(mine)}
        tab.page.get_by_label("A picture of yours").set_input_files(file)
    else:
        tab.page.evaluate(GIVE, [way, b64encode(as_png(mine)).decode()])
    changed = (
        f"(old) => `${{({LEVELS})(document.querySelector('canvas'))}}` !== `${{old}}`"
    )
    tab.page.wait_for_function(changed, arg=first)
    shown = np.reshape(canvas.evaluate(LEVELS), (rows, columns, 4))[..., 0]
    assert (shown[:, : columns // 2 - 1] < 30).all()
    assert (shown[:, columns // 2 + 1 :] > 225).all()
    assert tab.page.locator("[data-own-picture]").count() == 1
    tab.page.get_by_role("button", name="First picture again").click()
    assert canvas.evaluate(LEVELS) == first
    assert tab.page.locator("[data-own-picture]").count() == 0


def test_what_is_no_picture_is_refused_in_words(tab):
    line = show(tab, interactive.CommutingSquare(PICTURE))
    file = {"name": "essay.txt", "mimeType": "text/plain", "buffer": b"no picture"}
    tab.page.get_by_label("A picture of yours").set_input_files(file)
    told = "essay.txt is no picture that this browser can read."
    tab.page.locator(".cf-own [role=status]", has_text=told).wait_for()
    assert line.text_content().startswith("Moved ")


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


def test_more_trainings_find_a_gain_that_few_do_not(tab):
    line = show(tab, interactive.LuckOfTraining(1.0, gain=1.0, count=3))
    few = int(re.search(r"(\d+) put their interval above", line.text_content())[1])
    slide(tab, "Trainings in a study", 40)
    assert "20 studies of 40 trainings, true gain 1.0 points" in line.text_content()
    many = int(re.search(r"(\d+) put their interval above", line.text_content())[1])
    assert few < 10 < many
    slide(tab, "Trainings in a study", 4)
    before = line.text_content()
    tab.page.get_by_role("button", name="Train again").click()
    assert line.text_content() != before


def test_each_kind_of_line_among_studies_has_its_key_and_one_is_singular(tab):
    line = show(tab, interactive.LuckOfTraining(1.0, gain=1.0, count=5))
    keys = tab.page.locator(".cf-key").evaluate_all("all => all.map(e => e.className)")
    drawn = tab.page.locator(".cf-plot path:not(.cf-dot)").evaluate_all(
        "all => all.map(e => e.getAttribute('class'))"
    )
    assert "true gain" in tab.page.locator(".cf-legend").text_content()
    assert {kind for kind in drawn if kind != "cf-zero"} <= {k.split()[1] for k in keys}
    told = []
    for _ in range(10):
        told.append(line.text_content())
        tab.page.get_by_role("button", name="Train again").click()
    assert any(" 1 interval misses the true gain" in words for words in told)
    assert not any(" 1 intervals" in words for words in told)


def test_the_thing_is_dragged_from_place_to_place(tab):
    figure, said = dragged()
    line = show(tab, figure)
    drag(tab, (4, 4), (4, 10), (14, 14))
    press(tab, "ArrowDown")
    told = "row 2, column 5 of 14. plain: IOU "
    assert told in line.text_content()
    assert f"score {said[0, 1, 2, 4]:.2f}" in line.text_content()
    press(tab, "ArrowUp"), press(tab, "ArrowUp")
    assert "row −1, column 5" in line.text_content()


def test_painters_are_asked_by_a_click(tab):
    figure = painters()
    figure.origin = 4
    line = show(tab, figure)
    drag(tab, (2, 2), (4, 5), (6, 7))
    assert "Row 8, column 9 (trained on). plain: " in line.text_content()
    press(tab, "ArrowLeft")
    assert "Row 8, column 8 (held out)" in line.text_content()


def test_the_dial_is_turned_and_the_picture_does_not_matter(tab):
    pictures = {"any": PICTURE, "none": np.zeros_like(PICTURE)}
    line = show(tab, interactive.PlaceBias(pictures, dj=1))
    assert "agree in every pixel" in line.text_content()
    slide(tab, "Coordinate weights", 0.1)
    before = line.text_content()
    tab.page.get_by_label("none", exact=True).check()
    told = "The two ways differ by "
    assert told in before
    assert line.text_content().split(told)[1] == before.split(told)[1]
    drag(tab, (1, 1), (3, 4), PICTURE.shape)
    press(tab, "ArrowUp")
    assert "moved 1 down and 4 to the right" in line.text_content()


def test_the_square_is_dragged_and_the_answer_told(tab):
    figure, said, trained = arrows()
    line = show(tab, figure)
    drag(tab, (2, 2), (5, 4), (10, 9))
    press(tab, "ArrowRight")
    tab.page.get_by_label("conv", exact=True).check()
    tab.page.get_by_label("odd", exact=True).check()
    assert trained["odd"][3, 3] == ("trained on" in line.text_content())
    told = re.search(r"conv says row (\S+), column (\S+): ", line.text_content())
    found = [float(number.replace("−", "-")) for number in told.groups()]
    np.testing.assert_allclose(found, said["conv"]["odd"][3, 3], atol=0.1)
    press(tab, *["ArrowDown"] * 9)
    assert line.text_content().startswith("Row 7, column 5 ")


def test_a_dot_is_dragged_and_each_painter_told(tab):
    figure, said, trained = painted()
    line = show(tab, figure)
    drag(tab, (2, 2), (5, 4), (10, 9))
    press(tab, "ArrowRight")
    tab.page.get_by_label("odd", exact=True).check()
    told = line.text_content()
    assert told.startswith("Row 5, column 5 ")
    assert trained["odd"][3, 3] == ("trained on" in told)
    for network, answers in said.items():
        off = np.hypot(*(answers["odd"][3, 3] - [5, 5]))
        says = f"{off:.1f} pixels off" if off else "exact"
        assert f"{network}: {says}; " in told


def test_a_dot_is_clicked_and_its_group_told(tab):
    line = show(tab, failures())
    tab.page.get_by_label("edge", exact=True).check()
    i, j = PLACES[-1].tolist()
    drag(tab, (i, j), (i, j), (7, 9))
    assert line.text_content().startswith(f"Row {i}, column {j}: ")
    edge = PLACES.min(1) == min(i, j)
    share = OUTCOME[: len(PLACES)][edge].mean()
    assert f"{100 * share:.0f}\xa0% of {edge.sum()} drawn" in line.text_content()
    press(tab, "ArrowLeft")
    i, j = PLACES[-2].tolist()
    assert line.text_content().startswith(f"Row {i}, column {j}: ")


def test_the_window_moves_and_the_label_is_told(tab):
    line = show(tab, labels())
    press(tab, "ArrowRight")
    top = ALONG["cat"][0, 3]
    told = f"plain: {CLASSES['cat'][top.argmax()]} ({top.max():.2f})"
    assert line.text_content().startswith("cat, moved by 4 down and right. ")
    assert told in line.text_content()
    slide(tab, "Moved by", 0)
    assert line.text_content().startswith("cat, moved by 0")
    assert tab.page.locator(".cf-mark").get_attribute("x") == "0"
    # As far along the diagonal as the hand goes, and no further than there are shifts.
    drag(tab, (1, 1), (6, 5), (40, 40))
    assert line.text_content().startswith("cat, moved by 4")
    tab.page.get_by_label("cup").check()
    assert line.text_content().startswith("cup, moved by 4")
    assert tab.page.locator(".cf-legend span").count() == len(CLASSES["cup"])
    assert tab.page.locator(".cf-plot path[style]").count() == 2 * 2


def test_a_game_is_played_to_its_end_and_the_score_told(tab):
    line = show(tab, played(at=2))
    told = [int(GAMES["catch"][agent][1][:3].sum()) for agent in ("plain", "coords")]
    points = [f"{n} point{'s' * (n != 1)}" for n in told]
    start = f"catch, frame 2. plain: {points[0]}. coords: {points[1]}."
    assert line.text_content() == start
    tab.page.get_by_label("Frame").focus()
    tab.page.keyboard.press("ArrowRight")
    assert line.text_content().startswith("catch, frame 3. ")
    # Asked at once: the game is over a moment later.
    play = """(button) => {
        button.click();
        const line = button.closest(".cf").querySelector(".cf-line");
        return [button.textContent, line.ariaLive];
    }"""
    begun = tab.page.get_by_role("button", name="Play").evaluate(play)
    assert begun == ["Pause", "off"]  # not every frame is read aloud
    tab.page.get_by_role("button", name="Play").wait_for()
    assert line.text_content().startswith("catch, frame 4. ")
    assert "coords" in line.text_content() and "ends at frame 3" in line.text_content()
    assert line.get_attribute("aria-live") == "polite"
    tab.page.get_by_label("maze").check()
    assert line.text_content().startswith("maze, frame 2. ")
    assert tab.page.locator(".cf-legend > span").count() == len(THINGS["maze"])
    assert "a b" in tab.page.locator(".cf-legend").text_content()


def test_a_walk_shows_the_pictures_that_were_drawn(tab):
    line = show(tab, walking(at=2))
    assert line.text_content().startswith("Step 2 of 3. plain: blue ")
    tab.page.get_by_label("2", exact=True).check()
    tab.page.get_by_label("Step").focus()
    tab.page.keyboard.press("ArrowLeft")
    found = look(torch.tensor(WALKS["coords"][1]))
    told = f"coords: blue {found.areas[1, 0]:.0f} pixels at row "
    assert told in line.text_content()
    read = """canvas => Array.from(
        canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data
    )"""
    for n, pictures in enumerate(WALKS.values()):
        drawn = tab.page.locator("canvas").nth(n).evaluate(read)
        colors = np.reshape(drawn, (16, 16, 4))[:, :, :3] / 127.5 - 1
        np.testing.assert_allclose(colors, pictures[1, 1].transpose(1, 2, 0), atol=0.01)


def test_a_walk_of_photographs_tells_no_objects(tab):
    line = show(tab, departing(at=0))
    begun = "Step 0 of 3. plain: 0 of 255 from the first picture. "
    assert line.text_content().startswith(begun)
    assert tab.page.locator(".cf-key").count() == 0


def test_on_a_phone_pictures_stand_in_a_row_and_keys_beside_their_words(browser):
    tab = Tab(browser, 390)
    figure, *_ = painted(("plain", "a name that takes two lines at least"))
    show(tab, figure)
    ends = tab.page.locator(".cf-stage").evaluate_all(
        "all => all.map((e) => Math.round(e.getBoundingClientRect().bottom))"
    )
    assert len(ends) == 2 and len(set(ends)) == 1
    for figure in (interactive.LuckOfTraining(1.0), walking()):
        show(tab, figure)
        cut = tab.page.locator(".cf-key").evaluate_all(
            "all => all.filter((e) => e.parentElement.offsetHeight > 24).length"
        )
        assert tab.page.locator(".cf-keyed > .cf-key").count() and not cut
    tab.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_figures_fit_and_have_names(browser, width, scheme):
    tab = Tab(browser, width, scheme)
    drawn = [interactive.HandDecoder(), interactive.AliasSpectrum(), painters()]
    drawn += [labels(), arrows()[0], failures(), dragged()[0]]
    drawn += [painted()[0]]
    drawn += [interactive.PlaceBias({"any": PICTURE}, weight=0.05, di=2), played()]
    drawn += [walking(), interactive.Race()]
    for figure in drawn:
        show(tab, figure)
        over = "document.documentElement.scrollWidth > innerWidth"
        assert not tab.page.evaluate(over)
        unnamed = ":is(.cf, .cf-grab, [role=img]):not([aria-label])"
        assert tab.page.locator(unnamed).count() == 0
        assert tab.page.locator(".cf-line[aria-live=polite]").count() == 1
    tab.close()


def test_text_of_the_state_is_never_markup(tab):
    name = "<img src=x onerror=alert(1)>"
    line = show(tab, interactive.Pooling1D({name: [0, 1, 0, 1, 0, 1]}))
    assert line.count() == 1 and tab.page.locator(".cf img").count() == 0
    assert escape(name) in tab.page.locator(".cf-controls").inner_html()


# The pages of the site.


@pytest.mark.site
@pytest.mark.skipif(not WITH_FIGURES, reason="no page with a figure: make book")
@pytest.mark.parametrize("name", WITH_FIGURES)
@pytest.mark.parametrize("width", [390, 1280])
def test_figures_of_a_built_page_answer_a_key(browser, name, width):
    tab = Tab(browser, width)
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
    tab.close()


@pytest.mark.site
@pytest.mark.skipif(not PAGES, reason="the site is not built: make book")
def test_only_pages_with_figures_load_the_loader():
    loading = [
        name
        for name in PAGES
        if "/widgets.js" in (SITE / f"{name}.html").read_text("utf-8")
    ]
    asking = [
        name
        for name in PAGES
        if 'class="guess-folded"' in (SITE / f"{name}.html").read_text("utf-8")
    ]
    assert loading == sorted({*WITH_FIGURES, *asking})
    built = (SITE / "_static" / "widgets.js").read_bytes()
    assert built == (BOOK / "assets" / "widgets.js").read_bytes()
