"""Which modules surgery blurs: by name, by class, by how many channels they have."""

import pytest
import torch
from torch import nn

from coordlib.surgery import antialias


def names_changed(**options):
    net = nn.Sequential(
        *(nn.Conv2d(3, 8, 3, 2), nn.ReLU(), nn.Conv2d(8, 16, 3, 2), nn.ReLU()),
        *(nn.Conv2d(16, 32, 3, 2), nn.ReLU(), nn.MaxPool2d(2)),
    )
    report = antialias(net, first_conv=True, **options)[1]
    return [change.name for change in report.changed], report


def test_only_what_is_included_and_not_excluded_is_changed():
    assert names_changed()[0] == ["0", "2", "4", "6"]
    assert names_changed(include=["[24]"])[0] == ["2", "4"]
    assert names_changed(exclude=["2", "6"])[0] == ["0", "4"]
    changed, report = names_changed(include=["[24]"], exclude=["4"])
    assert changed == ["2"]
    assert [entry.how for entry in report.unchanged] == [
        "not among those of include",
        "among those of exclude",
        "not among those of include",
    ]


def test_convolutions_of_few_channels_stay():
    changed, report = names_changed(min_channels=16)
    assert changed == ["2", "4", "6"]
    assert report.unchanged[0].how == "fewer channels than min_channels: 8"


def test_pools_of_few_channels_stay_where_an_example_tells_how_many():
    net = nn.Sequential(
        *(nn.Conv2d(3, 8, 3), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3), nn.AvgPool2d(2)),
    )
    for example in torch.rand(2, 3, 24, 24), torch.rand(3, 24, 24):
        report = antialias(net, min_channels=16, example=example)[1]
        assert [change.name for change in report.changed] == ["3"]
        assert [str(entry) for entry in report.unchanged] == [
            "1: MaxPool2d with window (2, 2): fewer channels than min_channels: 8"
        ]
    assert len(antialias(net, min_channels=16)[1].changed) == 2


class Stem(nn.Sequential):
    """A part of a network with a class of its own."""


def in_parts():
    return nn.Sequential(
        Stem(nn.Conv2d(3, 8, 3, 2), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(8, 16, 3, 2), nn.ReLU(), nn.MaxPool2d(2)),
    )


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"exclude": [nn.MaxPool2d]}, ["0.0", "1"]),
        ({"include": [nn.MaxPool2d]}, ["0.2", "3"]),
        ({"exclude": [Stem]}, ["1", "3"]),
        ({"include": [Stem]}, ["0.0", "0.2"]),
        ({"include": [Stem, "1"], "exclude": ["0.2"]}, ["0.0", "1"]),
        ({"include": [nn.modules.conv._ConvNd]}, ["0.0", "1"]),
    ],
)
def test_a_class_chooses_its_modules_and_what_is_in_them(options, names):
    report = antialias(in_parts(), first_conv=True, **options)[1]
    assert sorted(change.name for change in report.changed) == names
    kept = {entry.name: entry.how for entry in report.unchanged}
    assert kept.keys() == {"0.0", "0.2", "1", "3"} - set(names)
    assert all("include" in how or "exclude" in how for how in kept.values())


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"include": "0"},
            TypeError,
            "include must be a sequence of patterns of names, or classes .* got '0'",
        ),
        ({"exclude": ["0", "x*"]}, ValueError, "exclude must hold .* got 'x\\*'"),
        ({"exclude": [nn.LSTM]}, ValueError, "exclude must hold .* got 'LSTM'"),
        ({"include": [3]}, TypeError, "include must be a sequence of patterns"),
        ({"min_channels": 0}, ValueError, "min_channels must be at least 1"),
    ],
)
def test_choices_that_make_no_sense_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        names_changed(**options)
