"""Do ResNet, MobileNetV2 and DenseNet gain by a blur as VGG does? On CIFAR-10 (Z06)."""

from coordlib.lab.experiments.aliasing.pictures import (
    COMMON,
    FILTERS,
    ON_DEVICE,
    RECIPE,
    SHIFTED,
    STILL,
    arms,
    contest,
    summarise,
    task,
)
from coordlib.lab.record.sweep import Sweep

_NARROW = {
    "resnet": {"width": 0.25},
    "mobilenet": {"width": 0.25},
    "densenet": {"width": 0.5, "depth": 22},
}

PRESETS = {
    "quick": {
        "samples": 500,
        "arms": arms(
            {"mobilenet": {"width": 0.125}},
            ["plain", "tri3"],
            STILL,
            epochs=1,
            **RECIPE,
        ),
    },
    # A step of MobileNetV2 or DenseNet takes up to ten times as long as one of VGG:
    # a third of the epochs of "pictures", and one filter.
    "cpu": {
        "samples": 10_000,
        "arms": arms(_NARROW, ["plain", "tri3"], STILL, epochs=4, **RECIPE),
    },
    "decisive": {
        "samples": 50_000,
        "arms": arms(
            {
                "resnet": {"width": 1.0},
                "mobilenet": {"width": 0.5},
                "densenet": {"width": 1.0, "depth": 22},
            },
            ["plain", "tri3"],
            ON_DEVICE,
            epochs=10,
            **COMMON,
        ),
    },
    "paper": {
        "samples": 50_000,
        "arms": arms(
            {name: {"width": 1.0} for name in _NARROW},
            FILTERS,
            STILL | SHIFTED,
            epochs=100,
            **RECIPE,
        ),
    },
}


EXPERIMENT = Sweep("architectures", __doc__, PRESETS, task, summarise, contest)
