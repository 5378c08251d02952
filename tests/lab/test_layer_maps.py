"""Distances of features after every layer, for every shift."""

import pytest
import torch

from coordlib.lab.experiments.aliasing import layer_maps
from coordlib.lab.experiments.aliasing import pictures as pictures_experiment
from coordlib.lab.experiments.aliasing.layer_maps import (
    EXACT,
    PERIOD,
    described,
    distance_maps,
)
from coordlib.lab.models.cifar import VGG
from coordlib.lab.record.task import Contest


def vgg(padding_mode="circular", width=0.04, **way):
    torch.manual_seed(0)
    return VGG(width=width, padding_mode=padding_mode, depth=11, **way).eval()


def pictures(side, count=2):
    return torch.randn(count, 3, side, side, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def plain():
    return distance_maps(vgg(), pictures(32))


@pytest.fixture(scope="module")
def blurred():
    return distance_maps(vgg(downsampling="blur", filter_size=5), pictures(32))


def multiples_of(step):
    grid = torch.zeros(PERIOD, PERIOD, dtype=torch.bool)
    grid[::step, ::step] = True
    return grid


@pytest.mark.parametrize("pools", range(5))
def test_after_n_pools_exactly_the_multiples_of_2_to_the_n_are_exact(plain, pools):
    layer = f"pool{pools}" if pools else "relu1_1"
    assert torch.equal(plain[layer] < EXACT, multiples_of(2**pools))


@pytest.mark.parametrize("stage", range(1, 6))
def test_the_dense_maximum_loses_nothing(plain, stage):
    before = list(plain)[list(plain).index(f"max{stage}") - 1]
    assert torch.equal(plain[f"max{stage}"] < EXACT, plain[before] < EXACT)


def test_a_pool_as_large_as_its_ring_loses_nothing(plain):
    # The fourth pool leaves two pixels a side, and the fifth looks at all of them.
    for layer in ("pool5", "linear"):
        assert torch.equal(plain[layer] < EXACT, multiples_of(16))


def test_a_blur_makes_the_loss_smaller_but_not_zero(plain, blurred):
    assert described(blurred["pool1"])["odd"] < 0.5 * described(plain["pool1"])["odd"]
    assert torch.equal(blurred["pool1"] < EXACT, multiples_of(2))


def test_a_layer_on_a_ring_without_pools_in_it_is_exact_for_all_shifts(blurred):
    assert described(blurred["relu1_1"])["exact"] == 1
    assert described(blurred["relu1_1"])["distance"] < EXACT


def test_windows_see_the_same_away_from_their_borders():
    maps = distance_maps(vgg("zeros", 0.02), pictures(127), window=96, margin=8)
    assert torch.equal(maps["relu1_1"] < EXACT, multiples_of(1))
    assert torch.equal(maps["pool1"] < EXACT, multiples_of(2))
    # By then what entered at the border has reached every place.
    assert described(maps["pool5"])["exact"] < 1 / 100


def test_a_map_is_described_by_odd_and_even_shifts():
    odd = torch.ones(PERIOD, PERIOD)
    odd[::2, ::2] = 0
    found = described(odd)
    assert found["exact"] == 1 / 4
    assert (found["odd"], found["even"]) == (1, 0)
    assert found["distance"] == pytest.approx(768 / 1023)


@pytest.mark.parametrize(
    ("x", "options", "message"),
    [
        (torch.zeros(1, 3, 32, 32), {}, "N at least 2"),
        (torch.zeros(2, 3, 40, 40), {}, "n times 32, got 40"),
        (torch.zeros(2, 3, 90, 90), {"window": 64}, "too small for a window of 64"),
        (torch.zeros(2, 3, 95, 95), {"window": 64, "margin": 8}, "leaves nothing"),
    ],
)
def test_what_cannot_be_compared_is_refused(x, options, message):
    with pytest.raises(ValueError, match=message):
        distance_maps(vgg(), x, **options)


def test_the_patches_are_large_enough_for_the_windows():
    x = layer_maps.patches()
    assert x.shape == (4, 3, 127, 127)
    assert x.std() == pytest.approx(1, abs=0.2)


@pytest.mark.parametrize("preset", layer_maps.PRESETS)
def test_every_arm_is_a_network_with_its_border(preset):
    for options in layer_maps.PRESETS[preset]["arms"].values():
        border, way = options["axes"].values()
        assert options["network"].items() >= pictures_experiment.WAYS[way].items()
        net = VGG(**options["network"] | {"width": 0.04})
        assert (
            net.conv1_1.padding_mode == {"ring": "circular", "zeros": "zeros"}[border]
        )


def test_what_a_blur_leaves_of_the_distance_is_a_ratio_to_the_plain_network():
    def run(arm, distance):
        numbers = dict.fromkeys(("exact", "odd", "even"), 0.0) | {"distance": distance}
        named = {f"pool1_{name}": value for name, value in numbers.items()}
        recipe = {"network": {}, "training": {}, "lr": 0.1, "weight_decay": 0.0}
        return {"arm": arm, "split": "test", "seed": 0, "test_accuracy": 0.5} | (
            recipe | named
        )

    runs = [run("ring_bin5", 0.1), run("ring_plain", 0.4)]
    arms = layer_maps.PRESETS["quick"]["arms"]
    found = layer_maps.summarise(Contest(networks={}, best="accuracy"), arms, runs)
    [left] = [row for row in found if row["metric"] == "remaining"]
    assert (left["way"], left["layer"]) == ("bin5", "pool1")
    assert left["value"] == pytest.approx(0.25)
