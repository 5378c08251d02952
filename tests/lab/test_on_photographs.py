"""Every experiment that reads CIFAR-10 trains and measures, on few made-up bytes."""

from math import isfinite

import pytest
from made import photographs

from coordlib.lab import experiments
from coordlib.lab.experiments.aliasing import pictures, robustness
from coordlib.lab.record.experiment import options
from coordlib.lab.record.sweep import jobs

FEW = {"samples": 8, "looked_at": 2, "corrupted": 2, "perturbed": 2}
NAMES = (
    *("pictures", "pictures-naive", "architectures", "layer-maps", "robustness"),
    *("classification", "classification-control"),
    *("classification-ones", "classification-ring"),
)


@pytest.fixture
def few_photographs(monkeypatch):
    sets = photographs(train=16, test=10)
    for module in (pictures, robustness):
        monkeypatch.setattr(module, "cifar10", sets.get)


@pytest.mark.parametrize("preset", ["quick", "decisive"])
@pytest.mark.parametrize("name", NAMES)
def test_an_arm_trains_and_is_measured(name, preset, few_photographs):
    experiment = experiments.find(name)
    config = experiment.config(preset)
    few = {key: FEW.get(key, value) for key, value in options(config).items()}
    task = experiment.task(**few)
    job = jobs(config["arms"], task.splits(0), 0, False)[0]
    network = job["network"] | {"width": 0.125}
    training = {k: v for k, v in job["training"].items() if k != "epochs"}
    training |= {"steps": 1, "batch_size": 4, "measures": 1, "precision": "float32"}
    [(run, _)] = task.train(job | {"network": network, "training": training}, "cpu")
    assert isfinite(run["test_accuracy"])
