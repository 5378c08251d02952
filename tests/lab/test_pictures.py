"""The experiment on CIFAR-10: what augmentation does, and what is compared."""

import pytest
import torch

from coordlib.lab.experiments.aliasing import architectures, naive, pictures
from coordlib.lab.models.cifar import DOWNSAMPLINGS
from coordlib.lab.record.result import Result
from coordlib.lab.record.task import Contest


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_a_flip_turns_some_pictures_round_and_leaves_the_others():
    x = torch.rand(40, 3, 5, 7)
    found = pictures.flip(x, seeded())
    turned = [torch.equal(a, b.flip(2)) for a, b in zip(found, x, strict=True)]
    left = [torch.equal(a, b) for a, b in zip(found, x, strict=True)]
    assert all(t != k for t, k in zip(turned, left, strict=True))
    assert 10 < sum(turned) < 30


def test_an_augmented_picture_is_the_picture_moved_by_at_most_four_pixels():
    x = torch.zeros(60, 1, 32, 32)
    x[:, :, 16, 16] = 1
    found = pictures.flip_and_shift(x, seeded())
    where = found[:, 0].nonzero()
    assert len(where) == 60
    rows, columns = where[:, 1] - 16, where[:, 2] - 16
    assert rows.min() == -4 and rows.max() == 4
    # Turned round, the dot starts at column 15.
    assert columns.min() >= -5 and columns.max() <= 4
    assert len(rows.unique()) == 9


def test_what_moves_out_of_the_picture_is_lost_and_zeros_come_in():
    x = torch.ones(50, 3, 8, 8)
    found = pictures.flip_and_shift(x, seeded())
    assert set(found.unique().tolist()) == {0.0, 1.0}
    assert found.shape == x.shape
    kept = found.sum((1, 2, 3))
    assert kept.min() >= 3 * 4 * 4 and kept.max() == 3 * 8 * 8


def test_channels_move_together():
    x = torch.rand(20, 1, 8, 8).expand(-1, 3, -1, -1)
    found = pictures.flip_and_shift(x, seeded())
    assert torch.equal(found[:, 0], found[:, 1])


def test_what_is_drawn_on_the_device_turns_and_moves_alike():
    x = torch.zeros(600, 1, 32, 32)
    x[:, :, 16, 16] = 1
    augment = pictures.AUGMENTATIONS["flip and shift on the device"]
    found = augment(x, 3, 7)
    where = found[:, 0].nonzero()
    assert len(where) == 600
    rows, columns = where[:, 1] - 16, where[:, 2] - 16
    assert rows.unique().tolist() == list(range(-4, 5))
    assert columns.unique().tolist() == list(range(-5, 5))
    assert torch.equal(found, augment(x, 3, 7))
    assert not torch.equal(found, augment(x, 3, 8))
    assert not torch.equal(found, augment(x, 4, 7))
    found = pictures.AUGMENTATIONS["flip on the device"](x, 0, 1)
    columns = found[:, 0].nonzero()[:, 2]
    assert columns.unique().tolist() == [15, 16]
    assert 250 < int((columns == 15).sum()) < 350


def test_pictures_are_kept_as_bytes_and_standardised_where_they_are(monkeypatch):
    stored = torch.randint(0, 256, (70, 3, 32, 32), generator=seeded()).float() / 255
    sides = {"train": stored[:50], "test": stored[50:]}
    names = {side: torch.zeros(len(some)) for side, some in sides.items()}
    monkeypatch.setattr(pictures, "cifar10", lambda side: (sides[side], names[side]))
    task = pictures.task(50)
    assert task.inputs.dtype == torch.uint8
    assert torch.equal(task.inputs.float() / 255, stored)
    mean, spread = (
        f(sides["train"], (0, 2, 3), keepdim=True) for f in (torch.mean, torch.std)
    )
    assert torch.equal(task.prepare(task.inputs), (stored - mean) / spread)
    assert torch.equal(pictures.standardised()[0], (stored - mean) / spread)


def test_the_ways_are_the_librarys_downsamplings():
    assert {way["downsampling"] for way in pictures.WAYS.values()} == set(DOWNSAMPLINGS)


@pytest.mark.parametrize("experiment", [architectures, naive, pictures])
@pytest.mark.parametrize("preset", ["quick", "cpu", "paper"])
def test_every_arm_names_a_network_a_way_and_an_augmentation(experiment, preset):
    for arm in experiment.PRESETS[preset]["arms"].values():
        assert arm["axes"]["network"] in pictures.NETWORKS
        assert arm["axes"]["way"] in pictures.WAYS
        assert arm["axes"]["augmentation"] in ("still", "shifted")


def test_the_naive_arms_have_a_recipe_and_a_network_in_common_with_the_others():
    """Measured apart, so that what is stored keeps its configuration."""
    for preset in ("cpu", "paper"):
        mine = naive.PRESETS[preset]["arms"]
        theirs = pictures.PRESETS[preset]["arms"]
        for name in ("vgg_plain_still", "vgg_rect2_still", "vgg_tri3_still"):
            assert mine[name] == theirs[name]
        for way, like in (("average", "rect2"), ("subsampled", "tri3")):
            arm, beside = mine[f"vgg_{way}_still"], theirs[f"vgg_{like}_still"]
            assert arm["training"] == beside["training"]
            instead = {"downsampling": "blur-instead"}
            assert arm["network"] == beside["network"] | instead
            assert f"vgg_{way}_still" not in theirs


def test_the_other_networks_are_measured_where_vgg_is_not():
    at = architectures.PRESETS
    for preset in ("cpu", "paper"):
        networks = {arm["axes"]["network"] for arm in at[preset]["arms"].values()}
        assert networks == set(pictures.NETWORKS) - {"vgg"}


def test_a_gain_is_the_difference_from_the_plain_network_of_its_kind():
    def run(arm, accuracy, consistency):
        return {
            "arm": arm,
            "split": "test",
            "seed": 0,
            "network": {},
            "training": {},
            "lr": 0.1,
            "weight_decay": 0.0,
            "test_accuracy": accuracy,
            "consistency_circular": consistency,
            "consistency_zero": consistency,
        }

    found = Result("pictures", "quick", {})
    runs = [run("vgg_plain_still", 0.5, 0.8), run("vgg_tri3_still", 0.6, 0.75)]
    arms = pictures.PRESETS["quick"]["arms"]
    found.add(0, pictures.summarise(Contest(networks={}, best="accuracy"), arms, runs))
    assert found.mean("accuracy_gain", way="tri3") == pytest.approx(0.1)
    drop = found.mean("consistency_gain", way="tri3", mode="circular")
    assert drop == pytest.approx(-0.05)
    assert not found.select(metric="accuracy_gain", way="plain")
