"""Accuracy and consistency on CIFAR-10, by way of downsampling (Z05, Z10, Z11)."""

from collections.abc import Iterable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from coordlib.lab.data import cifar10
from coordlib.lab.measures import consistency, pixel_accuracy
from coordlib.lab.models.cifar import VGG, DenseNet, MobileNetV2, ResNet
from coordlib.lab.record.result import Row, rows
from coordlib.lab.record.sweep import Sweep
from coordlib.lab.record.task import Contest, Run, Task, best_runs

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
}
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
RECIPE = {"batch_size": 128, "lr": 0.003, "weight_decay": 5e-4}

PRESETS = {
    "quick": {
        "samples": 1000,
        "arms": arms(_SMALL_VGG, ["plain", "tri3"], STILL, epochs=2, **RECIPE),
    },
    "cpu": {
        "samples": 10_000,
        "arms": arms(_SMALL_VGG, WAYS, STILL, epochs=12, **RECIPE)
        | arms(_SMALL_VGG, FILTERS, SHIFTED, epochs=12, **RECIPE)
        | arms(
            {"resnet": {"width": 0.25}},
            ["plain", "tri3", "bin5"],
            STILL,
            epochs=12,
            **RECIPE,
        ),
    },
    "paper": {
        "samples": 50_000,
        "arms": arms(
            {"vgg": {"width": 1.0}, "resnet": {"width": 1.0}},
            WAYS,
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
    inputs, targets, count = standardised()
    held = torch.arange(count, len(inputs))
    shifted = inputs[held[:SHIFTED_PICTURES]]

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
        splits=one_split,
        losses={
            "softmax": F.cross_entropy,
            "smoothed softmax": partial(F.cross_entropy, label_smoothing=SMOOTHING),
        },
        score=score,
        watched=1000,
        examine=examine,
        augmentations={"flip": flip, "flip and shift": flip_and_shift},
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
    (train, train_labels), (test, test_labels) = cifar10("train"), cifar10("test")
    mean = train.mean((0, 2, 3), keepdim=True)
    spread = train.std((0, 2, 3), keepdim=True)
    pictures = (torch.cat([train, test]) - mean) / spread
    return pictures, torch.cat([train_labels, test_labels]), len(train)


def _make(network: str, **options) -> nn.Module:
    # Channels last is what convolutions on pictures are quickest with.
    return NETWORKS[network](**options).to(memory_format=torch.channels_last)


def flip(x: Tensor, generator: torch.Generator) -> Tensor:
    """Turn half of the pictures (N, C, H, W) round, left to right."""
    turned = torch.rand(len(x), generator=generator) < 0.5
    return torch.where(turned.to(x.device)[:, None, None, None], x.flip(3), x)


def flip_and_shift(x: Tensor, generator: torch.Generator) -> Tensor:
    """:func:`flip`, then move each picture by up to four pixels; zeros come in."""
    count, _, height, width = x.shape
    padded = F.pad(flip(x, generator), (SHIFT,) * 4)
    first = torch.randint(0, 2 * SHIFT + 1, (2, count), generator=generator)
    rows = (first[0][:, None] + torch.arange(height)).to(x.device)
    columns = (first[1][:, None] + torch.arange(width)).to(x.device)
    each = torch.arange(count, device=x.device)[:, None, None]
    # Indices around a slice put the channels last.
    found = padded[each, :, rows[:, :, None], columns[:, None, :]]
    return found.movedim(-1, 1)


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
