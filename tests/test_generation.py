"""The experiments gan and vae: every arm measured, stopped runs continued."""

import math

import pytest
import torch

from coordlib import experiments, results
from coordlib.experiments import gan, vae

TINY_GAN = {
    "size": 8,
    "arms": {arm: {"width": 4, "lr": [0.001, 0.001]} for arm in gan.GENERATORS},
    "judge_width": 4,
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


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setitem(gan.PRESETS, "quick", TINY_GAN)
    monkeypatch.setitem(vae.PRESETS, "quick", TINY_VAE)


def run(name, where, seeds=(0,)):
    options = {"device": "cpu", "where": where, "report": lambda line: None}
    return experiments.run(name, "quick", seeds=seeds, **options)


@pytest.mark.parametrize(
    ("name", "arms"), [("gan", gan.GENERATORS), ("vae", vae.DECODERS)]
)
def test_every_arm_is_measured(tiny, tmp_path, name, arms):
    measured = run(name, tmp_path).seeds["0"]
    assert all(map(math.isfinite, measured.values()))
    for arm in arms:
        wanted = {f"{arm}_{metric}" for metric in vae.MEASURED}
        assert wanted <= measured.keys()
        assert measured[f"{arm}_parameters"] > 100
        assert 0 <= measured[f"{arm}_right"] <= 1


def without_clocks(seeds):
    return {
        seed: {k: v for k, v in numbers.items() if "seconds" not in k}
        for seed, numbers in seeds.items()
    }


def test_a_gan_stopped_between_two_arms_goes_on_there(tiny, tmp_path, monkeypatch):
    whole = run("gan", tmp_path / "whole")
    fit, trained = gan.fit_gan, []

    def stop_at_the_second(*args, **options):
        trained.append(options["checkpoint"].name)
        if len(trained) == 2:
            raise KeyboardInterrupt
        return fit(*args, **options)

    monkeypatch.setattr(gan, "fit_gan", stop_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        run("gan", tmp_path / "parts")
    again = run("gan", tmp_path / "parts")
    assert without_clocks(again.seeds) == without_clocks(whole.seeds)
    assert trained == ["conv-0.npz", "coordconv-0.npz"] * 2
    assert not results.partial_folder("gan", "quick", tmp_path / "parts").exists()


def test_the_generators_of_the_first_seed_are_kept(tiny, tmp_path):
    run("gan", tmp_path, seeds=(1, 0))
    for arm in gan.GENERATORS:
        generator = gan.trained(arm, tmp_path)
        assert not generator.training
        latents = torch.zeros(2, generator.latent)
        assert generator(latents).shape == (2, 3, 8, 8)


def test_the_autoencoders_are_kept(tiny, tmp_path):
    run("vae", tmp_path)
    for arm in vae.DECODERS:
        model = experiments.best_network("vae", arm, "test", tmp_path)
        assert model.decode(torch.zeros(2, 4)).shape == (2, 3, 8, 8)


def test_a_generator_that_was_not_measured_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="coordlib run gan"):
        gan.trained("conv", tmp_path)


@pytest.mark.parametrize("preset", vae.PRESETS)
def test_all_autoencoders_are_trained_in_the_same_way(preset):
    arms = vae.PRESETS[preset]["arms"]
    assert tuple(arms) == vae.DECODERS
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


def test_test_pictures_of_the_autoencoders_are_not_those_to_learn_from():
    task = vae.task(size=16, samples=200, tested=50, pictures=10, pairs=2)
    train, test = task.splits(0)["test"]
    assert (len(train), len(test)) == (200, 50)
    known = {picture.numpy().tobytes() for picture in task.inputs[train]}
    fresh = [picture.numpy().tobytes() not in known for picture in task.inputs[test]]
    assert sum(fresh) > 45  # some may be alike by chance
