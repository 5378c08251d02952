"""The experiment on names of photographs: where a name depends on the place."""

import pytest
import torch

from coordlib.lab import experiments
from coordlib.lab.experiments.aliasing import pictures
from coordlib.lab.experiments.classification import (
    classification,
    classification_control,
    classification_ones,
    classification_ring,
)
from coordlib.lab.models.common import parameter_count
from coordlib.probe import shift


def letters(split):
    """A few pictures that are one colour each, in place of CIFAR-10."""
    count = {"train": 30, "test": 20}[split]
    generator = torch.Generator().manual_seed(count)
    labels = torch.arange(count) % 10
    noise = 0.1 * torch.rand(count, 3, 32, 32, generator=generator)
    return labels[:, None, None, None] / 10 + noise, labels


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(pictures, "cifar10", letters)


def test_a_placed_picture_keeps_its_pixels_at_half_the_size():
    pictures = torch.rand(12, 3, 8, 6) + 1
    canvases, _ = classification.place(pictures, torch.zeros(12).long())
    assert canvases.shape == pictures.shape
    assert torch.allclose(canvases.sum((1, 2, 3)), pictures.sum((1, 2, 3)) / 4)
    lit = canvases[:, 0] > 0
    assert (lit.any(1).sum(1) == 3).all() and (lit.any(2).sum(1) == 4).all()


def test_a_name_is_the_next_one_exactly_in_the_right_half():
    pictures, labels = torch.ones(200, 1, 8, 8), torch.arange(200) % 10
    canvases, names = classification.place(pictures, labels)
    columns = torch.arange(8.0)
    centre = (canvases[:, 0].mean(1) * columns).sum(1) / canvases[:, 0].mean(1).sum(1)
    right = centre > 3.5
    assert 50 < right.sum() < 150
    assert torch.equal(names, (labels + right) % 10)


def test_the_places_are_the_same_every_time():
    pictures, labels = torch.rand(5, 3, 8, 8), torch.zeros(5).long()
    first, second = (classification.place(pictures, labels)[0] for _ in range(2))
    assert torch.equal(first, second)


def test_the_two_networks_differ_by_the_weights_of_three_coordinates(small):
    networks = classification.task(10).networks
    with_coordinates = networks["coordconv_still"](width=0.25)
    without = networks["conv_still"](width=0.25)
    assert parameter_count(with_coordinates) - parameter_count(without) == 3 * 8


def test_the_control_has_the_same_layer_and_learns_nothing_about_the_place(small):
    control = classification_control.task(10).networks["constant_still"](width=0.25)
    told = classification.task(10).networks["coordconv_still"](width=0.25)
    assert control[0].weight.shape == told[0].weight.shape
    grey = torch.full((1, 3, 32, 32), 0.5)
    for layer, same in ((control[0], True), (told[0], False)):
        values = layer(grey)[0]
        assert torch.allclose(values, values[:, :1, :1], atol=1e-6) == same


def test_on_a_ring_only_coordinates_know_the_side(small):
    """Moved by half the canvas, a picture has another name, and only they can tell."""
    networks = classification_ring.task(10).networks
    x = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    for first, knows in (("conv", False), ("ones", False), ("coordconv", True)):
        torch.manual_seed(0)
        make = networks[f"{first}_still"]
        network = make(width=0.25, padding_mode="circular").eval()
        same = torch.allclose(network(x), network(shift(x, (0, 16))), atol=1e-4)
        assert same == (not knows), first
    torch.manual_seed(0)
    bordered = networks["conv_still"](width=0.25).eval()
    assert not torch.allclose(bordered(x), bordered(shift(x, (0, 16))), atol=1e-4)


@pytest.mark.parametrize("preset", classification_ring.PRESETS)
def test_the_arms_on_a_ring_differ_in_the_first_layer_only(small, preset):
    arms = classification_ring.PRESETS[preset]["arms"]
    theirs = classification.PRESETS[preset]["arms"]
    for name, arm in arms.items():
        first, augmentation = name.split("_")
        like = theirs[f"conv_{augmentation}"]
        assert arm["axes"]["first"] == first
        assert arm["training"] == like["training"]
        assert arm["network"] == like["network"] | {"padding_mode": "circular"}
    networks = classification_ring.contest().networks
    counts = {
        first: parameter_count(networks[f"{first}_still"](width=0.25))
        for first in classification_ones.FIRST
    }
    assert counts["conv"] + 3 * 8 == counts["ones"] == counts["coordconv"]


def test_ones_and_coordinates_are_compared_on_all_pictures_by_one_recipe():
    for preset, theirs in classification.PRESETS.items():
        mine = classification_ones.PRESETS[preset]
        assert set(mine["arms"]) == {
            f"{first}_augmented" for first in ("conv", "ones", "coordconv")
        }
        like = theirs["arms"]["conv_augmented"]
        for arm in mine["arms"].values():
            assert arm["training"] == like["training"]
            assert arm["network"] == like["network"] | {"padding_mode": "zeros"}
        assert mine["samples"] == (500 if preset == "quick" else 50_000)


def test_the_ones_are_told_apart_by_their_rows(small, tmp_path, monkeypatch):
    like = classification._arms(width=0.125, epochs=1)
    arms = classification_ones.arms({"": like["conv_augmented"]}, "zeros")
    tiny = {"samples": 20, "arms": arms}
    monkeypatch.setitem(classification_ones.PRESETS, "quick", tiny)
    quiet = {"device": "cpu", "report": lambda line: None}
    result = experiments.run("classification-ones", "quick", where=tmp_path, **quiet)
    for first in classification_ones.FIRST:
        assert 0 <= result.mean("accuracy", first=first, split="natural") <= 1


def test_the_ring_has_the_pictures_of_the_others(small):
    mine, theirs = (m.task(10) for m in (classification_ring, classification))
    assert torch.equal(mine.inputs, theirs.inputs)
    assert mine.splits(3).keys() == theirs.splits(3).keys()
    for name, sides in mine.splits(3).items():
        assert all(map(torch.equal, sides, theirs.splits(3)[name]))


def test_the_control_has_the_seeds_pictures(small):
    (split,) = classification_control.task(10).splits(3).items()
    assert split[0] == "natural"
    theirs = classification.task(10).splits(3)["natural"]
    assert all(torch.equal(*pair) for pair in zip(split[1], theirs, strict=True))


def test_no_picture_is_trained_on_and_tested(small):
    for train, test in classification.task(10).splits(1).values():
        assert len(train) == 10 and len(test) == 20
        assert not set(train.tolist()) & set(test.tolist())


def test_both_splits_show_the_same_pictures(small):
    splits = classification.task(10).splits(0)
    for natural, placed in zip(splits["natural"], splits["placed"], strict=True):
        assert torch.equal(placed - natural, torch.full_like(natural, 50))


def test_the_experiment_measures_the_gain_of_every_arm(small, tmp_path, monkeypatch):
    tiny = {"samples": 20, "arms": classification._arms(width=0.125, epochs=1)}
    monkeypatch.setitem(classification.PRESETS, "quick", tiny)
    result = experiments.run("classification", "quick", where=tmp_path, device="cpu")
    gains = result.select(metric="gain")
    assert {(row["augmentation"], row["split"]) for row in gains} == {
        (name, split)
        for name in ("still", "augmented")
        for split in ("natural", "placed")
    }
    here = {"augmentation": "still", "split": "placed"}
    coords, conv = (
        result.mean("accuracy", first=first, **here) for first in ("coordconv", "conv")
    )
    assert result.mean("gain", **here) == pytest.approx(coords - conv)
