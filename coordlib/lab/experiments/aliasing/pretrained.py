"""Labels of networks trained on ImageNet, along a shift, with and without blur."""

import copy
import math
from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from coordlib.grid import shift
from coordlib.lab.data.photographs import SIZE, photographs
from coordlib.lab.experiments.aliasing.along_shift import Asked, kept_answers
from coordlib.lab.models.pretrained import NETWORKS, class_names
from coordlib.lab.record.experiment import Setting, Trial
from coordlib.lab.record.result import Row, rows
from coordlib.surgery import antialias

WINDOW = 224
"""Side of what the networks see. It moves along the diagonal, from the corner."""
VARIANTS = ("plain", "control", "blurred", "recalibrated", "tuned")

_EVERY = list(range(SIZE - WINDOW + 1))
_SOME = [0, 1, 2, 3, 4, 6, 8, 12, 16, 20, 24, 28, 32]
_TUNING = {"batch_size": 8, "lr": 1e-3, "statistics_batch": 32, "filter_size": 3}

PRESETS = {
    "quick": {
        "networks": ["resnet50"],
        "variants": ["plain", "blurred"],
        "sources": {"scikit-image": {"count": None, "shifts": [0, 1, 2, 4, 8, 16, 32]}},
        "border_shifts": [1],
        "tuning": {"pictures": 0, "epochs": 0, **_TUNING},
    },
    "cpu": {
        "networks": ["resnet50", "lite0"],
        "variants": list(VARIANTS),
        "sources": {
            "foolbox": {"count": None, "shifts": _SOME},
            "scikit-image": {"count": None, "shifts": _EVERY},
            "samples": {"count": 60, "shifts": [0, 1, 4, 16, 32]},
        },
        "border_shifts": [1, 8],
        "tuning": {"pictures": 160, "epochs": 2, **_TUNING},
    },
    "paper": {
        "networks": ["resnet50", "lite0"],
        "variants": list(VARIANTS),
        "sources": {
            "foolbox": {"count": None, "shifts": _EVERY},
            "scikit-image": {"count": None, "shifts": _EVERY},
            "samples": {"count": 500, "shifts": _EVERY},
        },
        "border_shifts": [1, 2, 4, 8, 16, 32],
        "tuning": {"pictures": 500, "epochs": 20, **_TUNING},
    },
}


def measure(
    seed: int,
    setting: Setting,
    *,
    networks: list[str],
    variants: list[str],
    sources: dict[str, dict[str, Any]],
    border_shifts: list[int],
    tuning: dict[str, Any],
) -> list[Row]:
    """Ask networks about every photograph while their window moves.

    ============  ====================================================================
    plain         as trained by others
    control       plain, but the statistics of its normalisation are taken anew, on
                  "samples" that are not tested
    blurred       plain, after :func:`coordlib.surgery.antialias`
    recalibrated  blurred, and the statistics taken anew: compare it with the control
    tuned         recalibrated, then its normalisation is trained to answer as the
                  plain network does on the same window of the same samples. No label
                  is used
    ============  ====================================================================

    Parameters
    ----------
    seed : int
        Draws which samples are tested, and what is trained on.
    setting : Setting
    networks : list of str
        Of :data:`coordlib.lab.models.pretrained.NETWORKS`.
    variants : list of str
        Of :data:`VARIANTS`; "plain" is among them.
    sources : dict of str to dict
        Of :data:`coordlib.lab.data.photographs.SOURCES`. ``count`` says how many of its
        pictures are drawn, None all of them; ``shifts`` are pixels down and right,
        and the first is 0.
    border_shifts : list of int
        Where the content moves in place of the window, and zeros or what left on the
        other side come in; for the pictures of the first source.
    tuning : dict
        ``pictures``, how many of "samples"; ``statistics_batch``, of how many at once
        the statistics are a mean; ``epochs``, ``batch_size`` and ``lr`` of the
        training; ``filter_size`` of the blur.

    Returns
    -------
    list of Row
        By network, variant and source:

        - ``flips``, the share of the shifts after which the label is another one;
        - ``flipping``, the share of the pictures of which one is;
        - ``moved``, the mean change of the probability of the first label;
        - ``consistency``, the share of pairs of shifts with the same label, as in
          :func:`coordlib.lab.measures.consistency`;
        - ``accuracy`` at shift 0, if there are labels;
        - ``flips_gain``, the flips less those of the plain network: negative if there
          are fewer;
        - for all of these ``_low`` and ``_high``, intervals of 95 % over the pictures;
        - by border, "zero" and "circular", ``border_flips``: where the content moves in
          place of the window.

        Kept are tensors for :func:`.along_shift.along_shift`.
    """
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(1000, generator=generator).tolist()
    chosen = {
        source: photographs(source, order[: how["count"]] if how["count"] else None)
        for source, how in sources.items()
    }
    unseen = order[len(order) - tuning["pictures"] :]
    # What is trained on is never tested.
    assert not set(unseen) & set(order[: sources.get("samples", {}).get("count", 0)])
    first = next(iter(chosen))
    measured_rows: list[Row] = []
    answers: dict[str, dict[Asked, Tensor]] = {source: {} for source in chosen}
    for name in networks:
        plain = NETWORKS[name]().to(setting.device, memory_format=torch.channels_last)
        plain.requires_grad_(False)
        flips: dict[str, Tensor] = {}
        for variant, network in _variants(plain, variants, unseen, tuning, seed):
            axes = {"network": name, "variant": variant}
            for source, found in chosen.items():
                shifts = sources[source]["shifts"]
                asked = _along(network, found.images, shifts, setting.device)
                answers[source][name, variant] = asked
                flipped = _flipped(asked)
                measured = _numbers(asked, found.labels)
                if variant == "plain":
                    flips[source] = flipped
                else:
                    gain = flipped - flips[source]
                    measured |= _with_interval("flips_gain", gain)
                measured_rows += rows(measured, **axes, source=source)
            for border in ("zero", "circular"):
                share = _border_flips(
                    *(network, chosen[first].images, border_shifts, border),
                    setting.device,
                )
                measured_rows += rows(
                    {"border_flips": share}, **axes, source=first, border=border
                )
    names = class_names()
    for source, found in chosen.items():
        shifts = sources[source]["shifts"]
        setting.kept.extend(kept_answers(source, found, answers[source], shifts, names))
    return measured_rows


def _variants(
    plain: nn.Module, variants: list[str], unseen: list[int], tuning: dict, seed: int
) -> Iterator[tuple[str, nn.Module]]:
    """Give each variant of a network, one after another."""
    yield "plain", plain
    blurred, _ = antialias(plain, tuning["filter_size"])
    if "blurred" in variants:
        yield "blurred", blurred
    if set(variants) <= {"plain", "blurred"}:
        return
    images = photographs("samples", unseen).images
    if "control" in variants:
        control = copy.deepcopy(plain)
        recalibrate(control, images, tuning["statistics_batch"], seed)
        yield "control", control
    recalibrate(blurred, images, tuning["statistics_batch"], seed)
    if "recalibrated" in variants:
        yield "recalibrated", blurred
    if "tuned" in variants:
        options = {k: tuning[k] for k in ("epochs", "batch_size", "lr")}
        imitate(blurred, plain, images, seed=seed, **options)
        yield "tuned", blurred


@torch.no_grad()
def recalibrate(network: nn.Module, images: Tensor, batch_size: int, seed: int) -> None:
    """Take the statistics of batch normalisation anew, from random windows.

    Parameters
    ----------
    network : nn.Module
        Changed in place; set to evaluation.
    images : Tensor, shape (N, 3, 256, 256), uint8
    batch_size : int
    seed : int
    """
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    before = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a mean over all batches
        norm.train()
    generator = torch.Generator().manual_seed(seed)
    for batch in torch.randperm(len(images), generator=generator).split(batch_size):
        network(_random_windows(images[batch], generator, network))
    for norm, momentum in zip(norms, before, strict=True):
        norm.momentum = momentum
    network.eval()


def imitate(
    student: nn.Module,
    teacher: nn.Module,
    images: Tensor,
    *,
    epochs: int,
    batch_size: int,
    lr: float,
    seed: int,
) -> None:
    """Train a network to answer as another does on the same random windows.

    Only what normalisation scales and shifts by is trained, and its statistics stay:
    pictures and batches are too few for the rest, which they would spoil.

    Parameters
    ----------
    student, teacher : nn.Module
        Set to evaluation. The student is changed in place.
    images : Tensor, shape (N, 3, 256, 256), uint8
        Without labels.
    epochs, batch_size : int
    lr : float
        Of Adam at the start; it falls to zero along a cosine.
    seed : int
    """
    norms = [m for m in student.modules() if isinstance(m, nn.BatchNorm2d)]
    trained = [p.requires_grad_(True) for norm in norms for p in norm.parameters()]
    optimiser = torch.optim.Adam(trained, lr)
    steps = epochs * math.ceil(len(images) / batch_size)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(epochs):
        for batch in torch.randperm(len(images), generator=generator).split(batch_size):
            views = _random_windows(images[batch], generator, student)
            with torch.no_grad():
                wanted = teacher(views).log_softmax(1)
            found = student(views).log_softmax(1)
            loss = F.kl_div(found, wanted, reduction="batchmean", log_target=True)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    student.requires_grad_(False)


def _random_windows(
    images: Tensor, generator: torch.Generator, network: nn.Module
) -> Tensor:
    """Cut a window at random out of each picture, half of them turned round."""
    views = []
    for image in images:
        i, j = torch.randint(SIZE - WINDOW + 1, (2,), generator=generator).tolist()
        view = image[:, i : i + WINDOW, j : j + WINDOW]
        turned = torch.rand((), generator=generator) < 0.5
        views.append(view.flip(2) if turned else view)
    return _ready(torch.stack(views), next(network.parameters()).device)


def _ready(views: Tensor, device: torch.device) -> Tensor:
    assert views.shape[1:] == (3, WINDOW, WINDOW), "a window leaves the picture"
    views = views.to(device, torch.float32) / 255
    return views.contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def _along(
    network: nn.Module, images: Tensor, shifts: list[int], device: torch.device
) -> Tensor:
    """Probabilities (N, shifts, 1000) while the window moves down and right."""
    asked = []
    for image in images:
        views = [image[:, d : d + WINDOW, d : d + WINDOW] for d in shifts]
        asked.append(_ask(network, torch.stack(views), device))
    return torch.stack(asked)


def _ask(network: nn.Module, views: Tensor, device: torch.device) -> Tensor:
    parts = [network(_ready(part, device)) for part in views.split(16)]
    return torch.cat(parts).softmax(1).cpu()


@torch.no_grad()
def _border_flips(
    network: nn.Module,
    images: Tensor,
    shifts: list[int],
    mode: str,
    device: torch.device,
) -> float:
    """Share of shifts of the window's content that change the label."""
    views = images[:, :, :WINDOW, :WINDOW]
    first = _ask(network, views, device).argmax(1)
    moved = [_ask(network, shift(views, (d, d), mode), device) for d in shifts]
    labels = torch.stack(moved).argmax(2)
    return float((labels != first).float().mean())


def _flipped(asked: Tensor) -> Tensor:
    """Share of the shifts at which each picture has another label than at first."""
    labels = asked.argmax(2)
    return (labels[:, 1:] != labels[:, :1]).float().mean(1)


def _numbers(asked: Tensor, labels: Tensor | None) -> dict[str, float]:
    predicted = asked.argmax(2)
    first = asked.gather(2, predicted[:, :1, None].expand(-1, asked.shape[1], 1))[
        ..., 0
    ]
    moved = (first[:, 1:] - first[:, :1]).abs().mean(1)
    flipped = _flipped(asked)
    numbers = _with_interval("flips", flipped) | _share("flipping", flipped > 0)
    numbers |= _with_interval("moved", moved)
    first_of, second_of = torch.combinations(torch.arange(asked.shape[1])).T
    agree = (predicted[:, first_of] == predicted[:, second_of]).float().mean(1)
    numbers |= _with_interval("consistency", agree)
    if labels is not None:
        numbers |= _share("accuracy", predicted[:, 0] == labels)
    return numbers


def _with_interval(name: str, values: Tensor, draws: int = 10_000) -> dict[str, float]:
    """The mean over pictures, and what it is in 95 % of resampled sets of pictures."""
    generator = torch.Generator().manual_seed(0)
    which = torch.randint(len(values), (draws, len(values)), generator=generator)
    means = values[which].mean(1)
    low, high = means.quantile(torch.tensor([0.025, 0.975])).tolist()
    return {name: float(values.mean()), f"{name}_low": low, f"{name}_high": high}


def _share(name: str, hits: Tensor) -> dict[str, float]:
    """A share of pictures, with its interval after Wilson (1927)."""
    from scipy.stats import binomtest  # slow to import

    ends = binomtest(int(hits.sum()), len(hits)).proportion_ci(method="wilson")
    share = float(hits.float().mean())
    return {name: share, f"{name}_low": ends.low, f"{name}_high": ends.high}


EXPERIMENT = Trial("pretrained", __doc__, PRESETS, measure)
