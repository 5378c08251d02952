"""What is compared when a trained network is rebuilt with a blur."""

import pytest
import torch

from coordlib.lab import experiments
from coordlib.lab.experiments.aliasing import conversion
from coordlib.lab.record.experiment import Setting


def noise():
    pictures = torch.randn(600, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    return pictures, torch.arange(600) % 10, 500


@pytest.fixture(scope="module")
def rows():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(conversion, "standardised", noise)
        config = conversion.PRESETS["quick"] | {"samples": 256}
        return conversion.measure(0, Setting(report=lambda line: None), **config)


def value(rows, metric, **axes):
    (row,) = [r for r in rows if r["metric"] == metric and axes.items() <= r.items()]
    return row["value"]


def test_every_variant_says_how_right_and_how_steady_it_is(rows):
    for variant in conversion.VARIANTS:
        assert 0 <= value(rows, "accuracy", variant=variant) <= 1
        for mode in ("circular", "zero"):
            assert 0 <= value(rows, "consistency", variant=variant, mode=mode) <= 1


@pytest.mark.parametrize(
    ("variant", "beside"),
    [
        ("blurred", "plain"),
        ("recalibrated", "plain"),
        ("tuned on", "plain"),
        ("tuned", "tuned on"),
    ],
)
def test_a_gain_is_over_what_differs_in_one_thing(rows, variant, beside):
    for metric, axes in (("accuracy", {}), ("consistency", {"mode": "zero"})):
        gain = value(rows, f"{metric}_gain", variant=variant, **axes)
        here = value(rows, metric, variant=variant, **axes)
        there = value(rows, metric, variant=beside, **axes)
        assert gain == pytest.approx(here - there)


def test_a_stopped_seed_goes_on_from_its_trainings(tmp_path, monkeypatch):
    monkeypatch.setattr(conversion, "standardised", noise)
    config = conversion.PRESETS["quick"] | {"samples": 256}
    setting = Setting(folder=tmp_path, report=lambda line: None)
    first = conversion.measure(0, setting, **config)
    assert {file.stem for file in tmp_path.glob("*.pt")} == {
        "plain-0",
        "tuned-on-0",
        "tuned-0",
    }
    assert conversion.measure(0, setting, **config) == first


def test_the_experiment_is_found_by_its_name():
    assert experiments.find("conversion") is conversion.EXPERIMENT
