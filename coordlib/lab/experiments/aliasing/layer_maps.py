"""Where a trained VGG loses equivariance: feature distances by layer (Z03, Z04)."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import product

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from coordlib.grid import shift
from coordlib.lab.data import photograph
from coordlib.lab.experiments.aliasing import pictures
from coordlib.lab.models import DenseMax2d
from coordlib.lab.models.cifar import VGG
from coordlib.lab.record.result import Row, rows
from coordlib.lab.record.sweep import Sweep
from coordlib.lab.record.task import Contest, Run, Task, best_runs

PERIOD = 32
"""Five pools halve a picture to a thirty-second: shifts repeat from there on."""
WINDOW = 96
MARGIN = 8
EXACT = 1e-8
"""Distances below are rounding: one part in ten thousand of a feature's length."""

DESCRIBED = ("exact", "distance", "odd", "even")

_BORDERS = {"ring": "circular", "zeros": "zeros"}
_WAYS = ("plain", "bin5")


def _arms(preset: str, width: float, borders: Iterable[str]) -> dict[str, dict]:
    """The recipe of :mod:`.pictures`, for two ways and two borders."""
    training = next(iter(pictures.PRESETS[preset]["arms"].values()))["training"]
    return {
        f"{border}_{way}": {
            "axes": {"border": border, "way": way},
            "network": {"width": width, "padding_mode": _BORDERS[border]}
            | pictures.WAYS[way],
            "training": training | {"augment": "flip"},
        }
        for border, way in product(borders, _WAYS)
    }


PRESETS = {
    "quick": {
        "samples": 1000,
        "looked_at": 2,
        "keeps_weights": False,
        "arms": _arms("quick", 0.125, ["ring"]),
    },
    "cpu": {
        "samples": 10_000,
        "looked_at": 8,
        "keeps_weights": True,
        "arms": _arms("cpu", 0.125, _BORDERS),
    },
    "paper": {
        "samples": 50_000,
        "looked_at": 8,
        "keeps_weights": False,  # 150 MB
        "arms": _arms("paper", 1.0, _BORDERS),
    },
}


def contest(**_) -> Contest:
    """VGG with and without blur, on two kinds of border, by its accuracy."""
    networks = {arm: _make for arm in PRESETS["paper"]["arms"]}
    return replace(pictures.contest(), networks=networks)


def task(samples: int, looked_at: int, keeps_weights: bool) -> Task:
    """Name the thing in a photograph; then see what a shift does to the features.

    Parameters
    ----------
    samples : int
        How many of the 50,000 training pictures to train on, drawn by the seed.
    looked_at : int
        Over how many test pictures to take the mean of the maps on a ring.
    keeps_weights : bool
        Whether the networks of the first seed go into the results, for a page to draw
        their maps.
    """
    base = pictures.task(samples)
    shown = base.prepare(base.inputs[base.splits(0)["test"][1][:looked_at]])

    def examine(model: nn.Module) -> dict[str, float]:
        device = next(model.parameters()).device
        if model.conv1_1.padding_mode == "circular":
            maps = distance_maps(model, shown.to(device))
        else:
            maps = distance_maps(model, patches().to(device), window=WINDOW)
        return {
            f"{layer}_{name}": value
            for layer, distances in maps.items()
            for name, value in described(distances).items()
        }

    return replace(
        base,
        **vars(contest()),
        examine=examine,
        keeps_weights=keeps_weights,
    )


def _make(**options) -> VGG:
    return VGG(**options).to(memory_format=torch.channels_last)


def patches() -> Tensor:
    """The quarters of the photograph, larger than a window by all shifts.

    Returns
    -------
    Tensor, shape (4, 3, 127, 127)
        With mean 0 and spread 1 in every channel, as what the networks learned from.
    """
    x = photograph()
    x = (x - x.mean((2, 3), keepdim=True)) / x.std((2, 3), keepdim=True)
    side, half = WINDOW + PERIOD - 1, x.shape[2] // 2
    corners = product((0, half), repeat=2)
    return torch.cat([x[:, :, i : i + side, j : j + side] for i, j in corners])


@torch.no_grad()
def distance_maps(
    net: VGG, x: Tensor, *, window: int | None = None, margin: int = MARGIN
) -> dict[str, Tensor]:
    """How far features of shifted pictures are from shifted features of pictures.

    After every layer, and for each of the 32 x 32 shifts. Where a shift is no multiple
    of the stride, features are shifted by bilinear interpolation. The distance is that
    of the cosine, and 1 is what different pictures have on average.

    Parameters
    ----------
    net : VGG
        In evaluation mode.
    x : Tensor, shape (N, C, S, S)
        At least two pictures.
    window : int, optional
        Cut windows of this side out of larger pictures, so that real surroundings
        enter at the border. Without it the pictures are rings, and what left on one
        side enters on the other.
    margin : int
        With windows, compare nothing that is nearer to a border than so many pixels.

    Returns
    -------
    dict of str to Tensor, shape (32, 32)
        By layer: the rectifiers and pools under their own names, the dense maximum
        within each pool as "max1" to "max5", and the scores as "linear". Row and
        column are the shift down and right.

    Notes
    -----
    After Zhang (2019), figure 5, where features are compared at every pixel. Here they
    are compared at their own places, of which there are fewer.
    """
    _check(x, window, margin)
    side = window or x.shape[2]
    ring = window is None

    def view(by: tuple[int, int]) -> Tensor:
        if ring:
            return shift(x, by)
        i, j = (PERIOD - 1 - d for d in by)  # content moves down as the window moves up
        return x[:, :, i : i + side, j : j + side]

    reference, apart = {}, {}
    for name, y in _features(net, view((0, 0))):
        apart[name] = _distance(y, y.roll(1, 0))
        reference[name] = _enlarged(y, side, ring) if y.ndim == 4 else y
    maps = {name: torch.zeros(PERIOD, PERIOD) for name in reference}
    for i in range(PERIOD):
        views = torch.cat([view((i, j)) for j in range(PERIOD)])
        for name, found in _features(net, views):
            still = reference[name]
            for j, moved in enumerate(found.split(len(x))):
                if moved.ndim == 4:
                    stride = side // moved.shape[2]
                    edge = None if ring else margin
                    places = [_places(side, stride, d, edge) for d in (i, j)]
                    sides = _at(moved, places, stride), _at(still, places, 1, (i, j))
                else:
                    sides = moved, still
                maps[name][i, j] = _distance(*sides) / apart[name]
    return maps


def _check(x: Tensor, window: int | None, margin: int) -> None:
    if x.ndim != 4 or len(x) < 2 or x.shape[2] != x.shape[3]:
        raise ValueError(
            f"x must be of shape (N, C, S, S), N at least 2, got {tuple(x.shape)}"
        )
    side = window or x.shape[2]
    if side % PERIOD:
        raise ValueError(f"pictures or windows must be of n times 32, got {side}")
    if window is not None and x.shape[2] < window + PERIOD - 1:
        raise ValueError(
            f"pictures of {x.shape[2]} are too small for a window of {window} and "
            f"shifts by up to {PERIOD - 1}"
        )
    # The deepest features have a place every 32 pixels.
    if window is not None and not _places(window, PERIOD, PERIOD - 1, margin):
        raise ValueError(f"margin {margin} leaves nothing of a window of {window}")


def _features(net: VGG, x: Tensor) -> Iterator[tuple[str, Tensor]]:
    """What each layer gives, and the dense maximum within each pool."""
    dense_max = DenseMax2d(net.conv1_1.padding_mode)
    for name, layer in net.named_children():
        if name.startswith("pool"):
            yield name.replace("pool", "max"), dense_max(x)
        x = layer(x)
        if name.startswith(("relu", "pool", "linear")):
            yield name, x


def _enlarged(x: Tensor, side: int, ring: bool) -> Tensor:
    """Interpolate linearly so that place k of the map stands at k times the stride."""
    x = F.pad(x, (0, 1, 0, 1), mode="circular" if ring else "replicate")
    x = F.interpolate(x, size=side + 1, mode="bilinear", align_corners=True)
    return x[:, :, :-1, :-1]


def _places(side: int, stride: int, d: int, margin: int | None) -> list[int]:
    """Pixels of an axis where shifted features stand, and what they show was seen."""
    first, last = (0, side) if margin is None else (margin + d, side - margin)
    return [p for p in range(0, side, stride) if first <= p < last]


def _at(
    x: Tensor, places: list[list[int]], stride: int, by: tuple[int, int] = (0, 0)
) -> Tensor:
    """Features at some places, or at those from which a shift brought them there."""
    rows, columns = (
        torch.tensor([(p - d) % (n * stride) // stride for p in line], device=x.device)
        for line, d, n in zip(places, by, x.shape[2:], strict=True)
    )
    return x[:, :, rows[:, None], columns]


def _distance(a: Tensor, b: Tensor) -> float:
    """Mean over the pictures of 1 minus the cosine of their features."""
    a, b = (F.normalize(y.flatten(1), dim=1) for y in (a, b))
    # The same as 1 - (a * b).sum(1), but exact where that is only rounding.
    return float((a - b).square().sum(1).mean() / 2)


def described(distances: Tensor) -> dict[str, float]:
    """What a map says in numbers.

    Parameters
    ----------
    distances : Tensor, shape (32, 32)

    Returns
    -------
    dict
        ``exact``: the share of all shifts that are exact. The mean distances over all
        shifts but none (``distance``), over those with an odd entry (``odd``), and over
        the others but none (``even``).
    """
    even = torch.zeros(distances.shape, dtype=torch.bool)
    even[::2, ::2] = True
    odd, moved = ~even, torch.ones_like(even)
    even[0, 0] = moved[0, 0] = False
    return {
        "exact": float((distances < EXACT).float().mean()),
        "distance": float(distances[moved].mean()),
        "odd": float(distances[odd].mean()),
        "even": float(distances[even].mean()),
    }


def summarise(contest: Contest, arms: dict[str, dict], runs: list[Run]) -> list[Row]:
    """The numbers of every layer of every network.

    Returns
    -------
    list of Row
        By border and way ``accuracy``; by layer too what :func:`described` tells, and
        for blurred networks ``remaining``, the mean distance divided by that of the
        plain network with the same border, where that is not 0.
    """
    layers = [key.removesuffix("_exact") for key in runs[0] if key.endswith("_exact")]
    best = {}
    for axes, run in best_runs(contest, arms, runs):
        best[axes["border"], axes["way"]] = run
    found = []
    for (border, way), run in best.items():
        axes = {"border": border, "way": way}
        found += rows({"accuracy": run["test_accuracy"]}, **axes)
        for layer in layers:
            numbers = {name: run[f"{layer}_{name}"] for name in DESCRIBED}
            plain = best[border, "plain"][f"{layer}_distance"]
            if way != "plain" and plain > EXACT:
                numbers["remaining"] = numbers["distance"] / plain
            found += rows(numbers, **axes, layer=layer)
    return found


EXPERIMENT = Sweep("layer-maps", __doc__, PRESETS, task, summarise, contest)
