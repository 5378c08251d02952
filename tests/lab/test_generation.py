"""GANs and autoencoders: every arm measured, stopped runs continued."""

import pytest
import torch
from torch import nn

from coordlib.lab import experiments
from coordlib.lab.experiments.generation import (
    gan,
    gan_equal,
    photographs,
    vae,
    vae_64,
    vae_codes,
)
from coordlib.lab.record import results

TINY_GAN = {
    "size": 8,
    "arms": {arm: {"width": 4, "lr": [0.001, 0.001]} for arm in gan.GENERATORS},
    "discriminator_width": 4,
    "latent": 4,
    "samples": 64,
    "training": {"steps": 3, "batch_size": 8},
    "pictures": 40,
    "pairs": 4,
}
TINY_VAE = {
    "size": 8,
    "samples": 64,
    "tested": 16,
    "pictures": 40,
    "pairs": 4,
    "arms": vae._arms(width=4, latent=4, steps=4, lr=0.01),
}


TINY_PHOTOGRAPHS = {
    "size": 8,
    "arms": {arm: {"width": 4, "lr": [0.001, 0.001]} for arm in gan.GENERATORS},
    "discriminator_width": 4,
    "latent": 4,
    "training": {"steps": 3, "batch_size": 8},
    "pictures": 30,
    "pairs": 3,
}


def hills(split):
    """Smooth pictures in place of CIFAR-10: bright ones are ships."""
    count = {"train": 120, "test": 80}[split]
    labels = torch.arange(count) % 2 * 8
    coarse = torch.rand(count, 3, 4, 4, generator=torch.Generator().manual_seed(count))
    smooth = nn.functional.interpolate(coarse, 32, mode="bilinear")
    return smooth / 2 + labels[:, None, None, None] / 16, labels


OF_WALKS = {"kept", "lowest", "jump", "travel"}


class Eye(nn.Module):
    """Sees a grid of colours."""

    def __init__(self):
        super().__init__()
        self.see = nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten())
        self.head = nn.Linear(12, 1000)

    def forward(self, x):
        return self.head(self.see(x))


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setitem(gan.PRESETS, "quick", TINY_GAN)
    monkeypatch.setitem(vae.PRESETS, "quick", TINY_VAE)
    monkeypatch.setitem(photographs.PRESETS, "quick", TINY_PHOTOGRAPHS)
    monkeypatch.setattr(photographs, "cifar10", hills)
    monkeypatch.setattr(photographs, "efficientnet", Eye)


def run(name, where, seeds=(0,)):
    options = {"device": "cpu", "where": where, "report": lambda line: None}
    return experiments.run(name, "quick", seeds=seeds, **options)


@pytest.mark.parametrize(
    ("name", "arms"), [("gan", gan.GENERATORS), ("vae", vae.COMPARED)]
)
def test_every_arm_is_measured(tiny, tmp_path, name, arms):
    measured = run(name, tmp_path)
    for arm in arms:
        known = {row["metric"] for row in measured.select(arm=arm)}
        wanted = set(vae.MEASURED)
        if not measured.mean("walks", arm=arm):
            wanted -= OF_WALKS
            assert not known & OF_WALKS
        assert wanted <= known
        assert measured.mean("parameters", arm=arm) > 100
        assert 0 <= measured.mean("right", arm=arm) <= 1


def test_both_arms_are_measured_on_photographs(tiny, tmp_path):
    measured = run("photographs", tmp_path)
    moved = measured.select(metric="moved")
    assert len(moved) == 6 + 2 * len(photographs.SPANS)
    assert all(0 <= row["value"] <= 1 for row in moved)
    held = measured.mean("distance", arm="held")
    for arm in gan.GENERATORS:
        assert measured.mean("distance", arm=arm) > held
        assert 0 < measured.mean("change", arm=arm) < 2
        assert measured.mean("parameters", arm=arm) > 100


def test_a_set_of_pictures_is_nearest_to_its_like(tiny):
    away = photographs.distance_from(photographs.photographs("ship", 16))
    likeness = [
        photographs.photographs("ship", 16),
        photographs.photographs("ship", 16, "test"),
        photographs.photographs("airplane", 16),
    ]
    near, held, other = map(away, likeness)
    assert near == pytest.approx(0, abs=1e-6)
    assert near < held < other / 10


def test_the_linear_painter_has_the_mean_and_the_spread_of_the_photographs(tiny):
    known = photographs.photographs("ship", 8)
    drawn = photographs.linear_painter(known, 2000)
    assert drawn.shape == (2000, 3, 8, 8)
    assert (drawn.mean(0) - known.mean(0)).abs().max() < 0.1
    assert float(drawn.std(0).mean() / known.std(0).mean()) == pytest.approx(1, abs=0.1)


def test_the_controls_are_told_apart(tiny):
    known = photographs.photographs("ship")
    three = photographs.controls(known, 16)
    moved = {name: photographs.predict(*each).moved for name, each in three.items()}
    assert min(moved[name] for name in ("slide", "zoom", "turn")) > 0.8
    assert moved["fade"] < 1e-6
    assert moved["patchy"] < 0.4
    assert moved["unrelated"] == pytest.approx(0.5, abs=0.1)


def without_clocks(rows):
    return [row for row in rows if row["metric"] != "seconds"]


@pytest.mark.parametrize("name", ["gan", "photographs"])
def test_a_gan_stopped_between_two_arms_goes_on_there(
    tiny, tmp_path, monkeypatch, name
):
    whole = run(name, tmp_path / "whole")
    fit, trained = gan.fit_gan, []

    def stop_at_the_second(*args, **options):
        trained.append(options["checkpoint"].name)
        if len(trained) == 2:
            raise KeyboardInterrupt
        return fit(*args, **options)

    monkeypatch.setattr(gan, "fit_gan", stop_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        run(name, tmp_path / "parts")
    again = run(name, tmp_path / "parts")
    assert without_clocks(again.rows) == without_clocks(whole.rows)
    assert trained == ["conv-0.pt", "coordconv-0.pt"] * 2
    assert not results.partial_folder(name, "quick", tmp_path / "parts").exists()


@pytest.mark.parametrize("name", ["gan", "photographs"])
def test_the_generators_of_the_first_seed_are_kept(tiny, tmp_path, name):
    run(name, tmp_path, seeds=(1, 0))
    for arm in gan.GENERATORS:
        generator = gan.trained(arm, name, tmp_path)
        assert not generator.training
        latents = torch.zeros(2, generator.latent)
        assert generator(latents).shape == (2, 3, 8, 8)


def test_the_autoencoders_are_kept(tiny, tmp_path):
    run("vae", tmp_path)
    for arm in vae.COMPARED:
        model = experiments.best_network("vae", arm, "test", tmp_path)
        assert model.decode(torch.zeros(2, 4)).shape == (2, 3, 8, 8)


@pytest.mark.parametrize("name", ["gan", "photographs"])
def test_a_generator_that_was_not_measured_is_not_there(tmp_path, name):
    with pytest.raises(FileNotFoundError, match=f"coordlib run {name}"):
        gan.trained("conv", name, tmp_path)


@pytest.mark.parametrize("preset", vae.PRESETS)
def test_all_autoencoders_are_trained_in_the_same_way(preset):
    arms = vae.PRESETS[preset]["arms"]
    assert tuple(arms) == vae.COMPARED
    recipes = [arm["training"] for arm in arms.values()]
    assert all(recipe == recipes[0] for recipe in recipes)


def test_the_paper_preset_of_the_gan_is_the_release():
    paper = gan.PRESETS["paper"]
    assert (paper["size"], paper["latent"], paper["samples"]) == (64, 256, 50_000)
    rates = {"width": 64, "lr": [0.0005, 0.0001]}
    assert paper["arms"] == {"conv": rates, "coordconv": rates}
    assert paper["training"] == {
        "steps": 50 * 50_000 // 16,
        "batch_size": 16,
        "betas": [0.9, 0.99],
    }


@pytest.mark.parametrize("preset", gan_equal.PRESETS)
def test_the_equal_gans_differ_in_kind_or_normalisation_and_nothing_else(preset):
    arms = gan_equal.PRESETS[preset]["arms"]
    for name, arm in arms.items():
        assert name == f"{arm['kind']}_{arm['normalisation']}"
        assert arm["axes"] == {k: arm[k] for k in ("kind", "normalisation")}
    assert len(arms) == 4
    [rest] = {(arm["width"], tuple(arm["lr"])) for arm in arms.values()}
    if preset == "paper":
        release = gan.PRESETS["paper"]["arms"]["conv"]
        assert rest == (release["width"], tuple(release["lr"]))
    else:
        assert gan_equal.PRESETS[preset]["discriminator_width"] == rest[0]


def test_the_equal_gans_are_measured_by_what_they_are(monkeypatch, tmp_path):
    arms = gan_equal._arms(4, [0.001, 0.001])
    monkeypatch.setitem(gan_equal.PRESETS, "quick", TINY_GAN | {"arms": arms})
    measured = run("gan-equal", tmp_path)
    for kind in gan.GENERATORS:
        axes = {"kind": kind, "normalisation": "none"}
        assert 0 <= measured.mean("right", **axes) <= 1
        kept = gan.trained(f"{kind}_none", "gan-equal", tmp_path)
        assert not any(isinstance(m, nn.BatchNorm2d) for m in kept.modules())
        kept = gan.trained(f"{kind}_batch", "gan-equal", tmp_path)
        assert any(isinstance(m, nn.BatchNorm2d) for m in kept.modules())


def test_the_ones_are_learned_with_as_the_other_autoencoders_are():
    for preset in vae_64.PRESETS.values():
        arms = preset["arms"]
        assert tuple(arms) == ("conv", "coordconv", "ones", "broadcast")
        for name, arm in arms.items():
            assert arm["network"]["decoder"] == name
            assert arm["training"] == arms["conv"]["training"]
            assert arm["network"]["width"] == arms["conv"]["network"]["width"]
    assert vae_64.PRESETS["cpu"]["size"] == 64


def test_the_codes_are_learned_with_as_the_coordinates_are():
    for name, preset in vae_codes.PRESETS.items():
        broadcast = vae.PRESETS[name]["arms"]["broadcast"]
        network = broadcast["network"] | {"decoder": "codes"}
        assert preset["arms"] == {"codes": broadcast | {"network": network}}


def test_walks_that_are_not_there_have_no_row():
    measured = dict.fromkeys(("test_l1", "test_pixels", "parameters", "seconds"), 1.0)
    measured |= dict.fromkeys(vae.MEASURED, 0.5) | dict.fromkeys(OF_WALKS)
    name = {"arm": "conv", "split": "test", "seed": 0, "lr": 0.1, "weight_decay": 0.0}
    run = name | {"network": {}, "training": {}} | measured
    arms = {"conv": {}}
    found = vae.summarise(vae.contest(8), arms, [run])
    known = {row["metric"] for row in found}
    assert known == measured.keys() - OF_WALKS


def test_photographs_are_learned_as_the_release_learns_shapes():
    mine, release = (module.PRESETS["paper"] for module in (photographs, gan))
    for part in ("arms", "discriminator_width", "latent", "training"):
        assert mine[part] == release[part]


@pytest.mark.parametrize("preset", photographs.PRESETS)
def test_both_gans_learn_photographs_by_one_recipe(preset):
    arms = photographs.PRESETS[preset]["arms"]
    assert arms.keys() == gan.GENERATORS.keys()
    assert arms["conv"] == arms["coordconv"]


def test_test_pictures_of_the_autoencoders_are_not_those_to_learn_from():
    task = vae.task(size=16, samples=200, tested=50, pictures=10, pairs=2)
    train, test = task.splits(0)["test"]
    assert (len(train), len(test)) == (200, 50)
    known = {picture.numpy().tobytes() for picture in task.inputs[train]}
    fresh = [picture.numpy().tobytes() not in known for picture in task.inputs[test]]
    assert sum(fresh) > 45  # some may be alike by chance
