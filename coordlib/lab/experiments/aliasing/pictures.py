"""Accuracy and consistency on CIFAR-10, by way of downsampling (Z05, Z10, Z11)."""

from collections.abc import Callable, Iterable
from functools import cache, partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from coordlib.lab.data import cifar10
from coordlib.lab.measures import consistency, pixel_accuracy
from coordlib.lab.models.cifar import VGG, DenseNet, MobileNetV2, ResNet
from coordlib.lab.record.result import Row, rows
from coordlib.lab.record.sweep import Sweep
from coordlib.lab.record.task import Contest, Run, Task, best_runs
from coordlib.lab.training.augmentation import OnDevice

NETWORKS = {
    "vgg": VGG,
    "resnet": ResNet,
    "mobilenet": MobileNetV2,
    "densenet": DenseNet,
}
WAYS = {
    "plain": {"downsampling": "plain"},
    "rect2": {"downsampling": "blur", "filter_size": 2},
    "tri3": {"downsampling": "blur", "filter_size": 3},
    "bin5": {"downsampling": "blur", "filter_size": 5},
    "polyphase": {"downsampling": "polyphase"},
    "before": {"downsampling": "blur-before", "filter_size": 3},
    "after": {"downsampling": "blur-after", "filter_size": 3},
    "average": {"downsampling": "blur-instead", "filter_size": 2},
    "subsampled": {"downsampling": "blur-instead", "filter_size": 3},
}
NAIVE = ("average", "subsampled")
"""What the source calls naive: a blur in place of each maximum, measured in
:mod:`.naive`."""
SHIFT = 4
"""Pixels that augmentation moves a picture by, at most, and that consistency tries."""
SMOOTHING = 0.1
"""Of a label that is smoothed, the share that all classes have in equal parts."""
SHIFTED_PICTURES = 2000
"""Test pictures that consistency is measured on, each in four pairs of places."""
MODES = ("circular", "zero")
MEASURED = [("accuracy", "test_accuracy", {})] + [
    ("consistency", f"consistency_{mode}", {"mode": mode}) for mode in MODES
]
"""Of each run: the metric, what the run calls it, and the axis that it adds."""


def arms(
    networks: dict[str, dict], ways: Iterable[str], augment: dict[str, str], **training
) -> dict[str, dict]:
    """One arm for each network, way and augmentation, such as ``vgg_tri3_still``.

    Parameters
    ----------
    networks : dict of str to dict
        Options of each network but those of the way.
    ways : iterable of str
        Of ``WAYS``.
    augment : dict of str to str
        The augmentations of :func:`coordlib.lab.training.loop.fit`, by their name in
        the arm.
    **training
        Other options of :func:`coordlib.lab.training.loop.fit`.

    Returns
    -------
    dict
        As a preset has them.
    """
    shared = {"schedule": "one-cycle", "measures": 5, **training}
    return {
        f"{network}_{way}_{name}": {
            "axes": {"network": network, "way": way, "augmentation": name},
            "network": options | WAYS[way],
            "training": shared | {"augment": augmentation},
        }
        for network, options in networks.items()
        for way in ways
        for name, augmentation in augment.items()
    }


STILL, SHIFTED = {"still": "flip"}, {"shifted": "flip and shift"}
_SMALL_VGG = {"vgg": {"width": 0.125}}
FILTERS = ["plain", "rect2", "tri3", "bin5"]
_COMPARED = [way for way in WAYS if way not in NAIVE]
RECIPE = {"batch_size": 128, "lr": 0.003, "weight_decay": 5e-4}
ON_DEVICE = {"still": "flip on the device"}
SHIFTED_ON_DEVICE = {"shifted": "flip and shift on the device"}
COMMON = {
    "method": "sgd",
    "batch_size": 512,
    "lr": 0.4,
    "weight_decay": 5e-4,
    "loss": "smoothed softmax",
    "precision": "bfloat16",
}
"""What is commonly done to such networks in so few epochs, for all arms alike: descent
with Nesterov's momentum, a rate of .1 for each 128 pictures (Goyal et al., 2017) that
rises and falls (Smith and Topin, 2018), this weight decay, smoothed labels. Nothing of
it was chosen by what it does here."""

PRESETS = {
    "quick": {
        "samples": 1000,
        "arms": arms(_SMALL_VGG, ["plain", "tri3"], STILL, epochs=2, **RECIPE),
    },
    "cpu": {
        "samples": 10_000,
        "arms": arms(_SMALL_VGG, _COMPARED, STILL, epochs=12, **RECIPE)
        | arms(_SMALL_VGG, FILTERS, SHIFTED, epochs=12, **RECIPE)
        | arms(
            {"resnet": {"width": 0.25}},
            ["plain", "tri3", "bin5"],
            STILL,
            epochs=12,
            **RECIPE,
        ),
    },
    "decisive": {
        "samples": 50_000,
        "arms": arms({"vgg": {"width": 0.5}}, FILTERS, ON_DEVICE, epochs=16, **COMMON),
    },
    "paper": {
        "samples": 50_000,
        "arms": arms(
            {"vgg": {"width": 1.0}, "resnet": {"width": 1.0}},
            _COMPARED,
            STILL | SHIFTED,
            epochs=100,
            **RECIPE,
        ),
    },
}


def contest(**_) -> Contest:
    """Every kind of network with every way of downsampling, by its accuracy."""
    networks = {
        f"{network}_{way}_{name}": partial(_make, network)
        for network in NETWORKS
        for way in WAYS
        for name in STILL | SHIFTED
    }
    return Contest(networks=networks, best="accuracy")


def task(samples: int) -> Task:
    """Name the thing in a photograph, learned from some of the training pictures.

    Parameters
    ----------
    samples : int
        How many of the 50,000 training pictures to train on, drawn by the seed. All
        10,000 test pictures are tested.
    """
    inputs, targets, count, prepare = in_bytes()
    held = torch.arange(count, len(inputs))
    shifted = prepare(inputs[held[:SHIFTED_PICTURES]])

    def one_split(seed: int) -> dict[str, tuple[Tensor, Tensor]]:
        generator = torch.Generator().manual_seed(seed)
        order = torch.randperm(count, generator=generator)
        return {"test": (order[:samples], held)}

    def score(training: dict, outputs: Tensor, index: Tensor) -> dict[str, float]:
        return {"accuracy": pixel_accuracy(outputs, targets[index])}

    def examine(model: nn.Module) -> dict[str, float]:
        device = next(model.parameters()).device
        return {
            f"consistency_{mode}": consistency(
                model, shifted.to(device), max_shift=SHIFT, pairs=4, mode=mode
            )
            for mode in MODES
        }

    return Task(
        **vars(contest()),
        inputs=inputs,
        targets=targets,
        prepare=prepare,
        splits=one_split,
        losses={
            "softmax": F.cross_entropy,
            "smoothed softmax": partial(F.cross_entropy, label_smoothing=SMOOTHING),
        },
        score=score,
        watched=1000,
        examine=examine,
        augmentations=AUGMENTATIONS,
        keeps_weights=False,  # dozens of networks of up to 40 MB
    )


def standardised() -> tuple[Tensor, Tensor, int]:
    """CIFAR-10, with mean 0 and spread 1 over the training pictures in each channel.

    Returns
    -------
    pictures : Tensor, shape (60000, 3, 32, 32)
        Those to train on, then those to test.
    labels : LongTensor, shape (60000,)
    count : int
        How many are to train on.
    """
    pictures, labels, count, prepare = in_bytes()
    return prepare(pictures), labels, count


def in_bytes() -> tuple[Tensor, Tensor, int, Callable[[Tensor], Tensor]]:
    """CIFAR-10 as it is stored, a quarter as large as :func:`standardised` gives it.

    Returns
    -------
    pictures : Tensor of unsigned bytes, shape (60000, 3, 32, 32)
    labels, count
        As :func:`standardised` gives them.
    prepare : callable
        Makes of some of the pictures, on any device, those of :func:`standardised`.
    """
    (train, train_labels), (test, test_labels) = cifar10("train"), cifar10("test")
    mean = train.mean((0, 2, 3), keepdim=True)
    spread = train.std((0, 2, 3), keepdim=True)
    pictures = (torch.cat([train, test]) * 255).round().to(torch.uint8)
    # A device is sent them once: what a GPU captures can bring nothing from the host.
    place = cache(lambda device: (mean.to(device), spread.to(device)))

    def prepare(some: Tensor) -> Tensor:
        middle, wide = place(some.device)
        return (some.to(torch.float32).div(255) - middle) / wide

    return pictures, torch.cat([train_labels, test_labels]), len(train), prepare


def _make(network: str, **options) -> nn.Module:
    # Channels last is what convolutions on pictures are quickest with.
    return NETWORKS[network](**options).to(memory_format=torch.channels_last)


def flip(x: Tensor, generator: torch.Generator) -> Tensor:
    """Turn half of the pictures (N, C, H, W) round, left to right."""
    return _turned(x, torch.rand(len(x), generator=generator))


def flip_and_shift(x: Tensor, generator: torch.Generator) -> Tensor:
    """:func:`flip`, then move each picture by up to four pixels; zeros come in."""
    x = flip(x, generator)
    first = torch.randint(0, 2 * SHIFT + 1, (2, len(x)), generator=generator)
    return _moved(x, first)


def _turned(x: Tensor, numbers: Tensor) -> Tensor:
    turned = (numbers < 0.5).to(x.device)
    return torch.where(turned[:, None, None, None], x.flip(3), x)


def _moved(x: Tensor, first: Tensor) -> Tensor:
    count, _, height, width = x.shape
    padded = F.pad(x, (SHIFT,) * 4)
    rows = (first[0][:, None] + torch.arange(height, device=first.device)).to(x.device)
    columns = first[1][:, None] + torch.arange(width, device=first.device)
    columns = columns.to(x.device)
    each = torch.arange(count, device=x.device)[:, None, None]
    # Indices around a slice put the channels last.
    found = padded[each, :, rows[:, :, None], columns[:, None, :]]
    return found.movedim(-1, 1)


def _turned_and_moved(x: Tensor, numbers: Tensor) -> Tensor:
    first = (numbers[:, 1:] * (2 * SHIFT + 1)).long().T
    return _moved(_turned(x, numbers[:, 0]), first)


AUGMENTATIONS = {
    "flip": flip,
    "flip and shift": flip_and_shift,
    "flip on the device": OnDevice(1, lambda x, numbers: _turned(x, numbers[:, 0])),
    "flip and shift on the device": OnDevice(3, _turned_and_moved),
}
"""The first two are drawn on the CPU, as the stored results were."""


def summarise(contest: Contest, arms: dict[str, dict], runs: list[Run]) -> list[Row]:
    """Accuracy and consistency of every arm, and what each way adds to "plain".

    Returns
    -------
    list of Row
        By network, way and augmentation ``accuracy``, and by mode ``consistency``; the
        same with ``_gain`` for the difference from the plain network of that kind and
        augmentation.
    """
    best = {}
    for axes, run in best_runs(contest, arms, runs):
        name = axes["network"], axes["augmentation"], axes["way"]
        best[name] = {k: axes[k] for k in ("network", "way", "augmentation")}, run
    found = []
    for (network, augmentation, way), (axes, run) in best.items():
        _, plain = best[network, augmentation, "plain"]
        for metric, key, mode in MEASURED:
            place = axes | mode
            found += rows({metric: run[key]}, **place)
            if way != "plain":
                found += rows({f"{metric}_gain": run[key] - plain[key]}, **place)
    return found


EXPERIMENT = Sweep("pictures", __doc__, PRESETS, task, summarise, contest)
