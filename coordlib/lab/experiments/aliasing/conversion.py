"""A network trained on CIFAR-10, rebuilt with a blur: what does it still need?"""

import copy
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torch.optim.swa_utils import update_bn

from coordlib.lab.experiments.aliasing.pictures import (
    MODES,
    SHIFT,
    SHIFTED_PICTURES,
    flip,
    standardised,
)
from coordlib.lab.measures import consistency, pixel_accuracy
from coordlib.lab.models.cifar import VGG
from coordlib.lab.record.experiment import Setting, Trial
from coordlib.lab.record.result import Row, rows
from coordlib.lab.record.task import all_outputs
from coordlib.lab.training.loop import fit
from coordlib.surgery import antialias

VARIANTS = ("plain", "tuned on", "blurred", "recalibrated", "tuned")

_TRAINING = {"batch_size": 128, "lr": 0.003, "weight_decay": 5e-4}
_TUNING = {"batch_size": 128, "lr": 0.001, "weight_decay": 5e-4}

PRESETS = {
    "quick": {
        "width": 0.125,
        "samples": 1000,
        "filter_size": 3,
        "training": {"epochs": 1, **_TRAINING},
        "tuning": {"epochs": 1, **_TUNING},
    },
    "cpu": {
        "width": 0.125,
        "samples": 50_000,
        "filter_size": 3,
        "training": {"epochs": 8, **_TRAINING},
        "tuning": {"epochs": 3, **_TUNING},
    },
    "paper": {
        "width": 1.0,
        "samples": 50_000,
        "filter_size": 3,
        "training": {"epochs": 100, **_TRAINING},
        "tuning": {"epochs": 20, **_TUNING},
    },
}


def measure(
    seed: int,
    setting: Setting,
    *,
    width: float,
    samples: int,
    filter_size: int,
    training: dict[str, Any],
    tuning: dict[str, Any],
) -> list[Row]:
    """Train a plain VGG, rebuild it with a blur, and ask both after each step.

    ============  ====================================================================
    plain         as trained
    tuned on      plain, trained for as long as the tuned one: what more training does
                  that has nothing to do with the blur
    blurred       plain, after :func:`coordlib.surgery.antialias`; compare with plain
    recalibrated  blurred, the statistics of its normalisation taken anew from training
                  pictures
    tuned         blurred, trained on; compare with the one tuned on
    ============  ====================================================================

    The recipe of the tuning was written down before anything was measured: that of the
    training, at a third of its rate.

    Parameters
    ----------
    seed : int
        Draws the weights, the order of pictures, and which are trained on.
    setting : Setting
    width : float
        Of the VGG, as a part of its usual channels.
    samples : int
        Of the 50,000 training pictures.
    filter_size : int
        Taps of the blur.
    training, tuning : dict
        Options of :func:`coordlib.lab.training.loop.fit`.

    Returns
    -------
    list of Row
        By variant ``accuracy`` on all test pictures, and by mode ``consistency`` along
        shifts of up to four pixels; both with ``_gain``, the difference from the
        variant to compare with.
    """
    inputs, targets, count = standardised()
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    train, test = order[:samples], torch.arange(count, len(inputs))

    def trained(network: nn.Module, name: str, recipe: dict[str, Any]) -> nn.Module:
        fit(
            *(network, inputs[train], targets[train], F.cross_entropy),
            **recipe,
            schedule="one-cycle",
            augment=flip,
            seed=seed,
            checkpoint=_checkpoint(setting.folder, f"{name}-{seed}"),
            progress=setting.progress and f"{name}, seed {seed}",
        )
        return network

    def asked(network: nn.Module) -> dict[tuple[str, str], float]:
        found = {
            ("consistency", mode): consistency(
                *(network, inputs[test[:SHIFTED_PICTURES]].to(setting.device)),
                max_shift=SHIFT,
                pairs=4,
                mode=mode,
            )
            for mode in MODES
        }
        outputs = all_outputs(network, inputs[test])
        return found | {("accuracy", ""): pixel_accuracy(outputs, targets[test])}

    torch.manual_seed(seed)
    plain = VGG(width=width, downsampling="plain")
    plain = plain.to(setting.device, memory_format=torch.channels_last)
    trained(plain, "plain", training)
    blurred, _ = antialias(plain, filter_size, padding_mode="replicate")
    recalibrated = copy.deepcopy(blurred)
    update_bn(inputs[train].split(128), recalibrated, setting.device)
    networks = {
        "plain": plain,
        "tuned on": trained(copy.deepcopy(plain), "tuned-on", tuning),
        "blurred": blurred,
        "recalibrated": recalibrated,
        "tuned": trained(copy.deepcopy(blurred), "tuned", tuning),
    }
    found: list[Row] = []
    scores = {name: asked(network) for name, network in networks.items()}
    for name, numbers in scores.items():
        beside = scores["tuned on" if name == "tuned" else "plain"]
        for (metric, mode), value in numbers.items():
            axes = {"variant": name} | ({"mode": mode} if mode else {})
            found += rows({metric: value}, **axes)
            if name != "plain":
                gain = value - beside[metric, mode]
                found += rows({f"{metric}_gain": gain}, **axes)
        setting.report(f"  {name}: {numbers['accuracy', '']:.1%}")
    return found


def _checkpoint(folder: Path | None, name: str) -> Path | None:
    return folder and folder / f"{name}.pt"


EXPERIMENT = Trial("conversion", __doc__, PRESETS, measure)
