"""Two GANs draw coloured shapes: what they draw, and what walks through them (L16)."""

from collections.abc import Iterator
from math import isfinite
from pathlib import Path

import torch
from torch import Tensor, nn

from coordlib.lab.data.shapes import shapes
from coordlib.lab.measures.scenes import cloud, examine
from coordlib.lab.models.common import parameter_count
from coordlib.lab.models.generators import (
    CoordConvGenerator,
    DCGANGenerator,
    Discriminator,
)
from coordlib.lab.record import results
from coordlib.lab.record.arrays import Kept
from coordlib.lab.record.experiment import Setting, Trial
from coordlib.lab.record.result import Row, rows
from coordlib.lab.training.adversarial import draw_latents, fit_gan

GENERATORS = {"conv": DCGANGenerator, "coordconv": CoordConvGenerator}
"""By kind, which is the name of the arm where the arm does not say. The discriminator
of "coordconv" sees coordinates too."""

PRESETS = {
    "quick": {
        "size": 16,
        "arms": {
            "conv": {"width": 8, "lr": [0.0005, 0.0005]},
            "coordconv": {"width": 8, "lr": [0.001, 0.0002]},
        },
        "discriminator_width": 8,
        "latent": 16,
        "samples": 2000,
        "training": {"steps": 100, "batch_size": 16, "betas": [0.5, 0.99]},
        "pictures": 200,
        "pairs": 20,
    },
    # In short trials with another seed each learned best by these rates, among those
    # tried; by those of the source neither got far in so few steps.
    "cpu": {
        "size": 16,
        "arms": {
            "conv": {"width": 16, "lr": [0.0005, 0.0005]},
            "coordconv": {"width": 8, "lr": [0.001, 0.0002]},
        },
        "discriminator_width": 16,
        "latent": 32,
        "samples": 50_000,
        "training": {"steps": 6000, "batch_size": 16, "betas": [0.5, 0.99]},
        "pictures": 2000,
        "pairs": 200,
    },
    "paper": {
        "size": 64,
        "arms": {
            "conv": {"width": 64, "lr": [0.0005, 0.0001]},
            "coordconv": {"width": 64, "lr": [0.0005, 0.0001]},
        },
        "discriminator_width": 64,
        "latent": 256,
        "samples": 50_000,
        # 50 epochs
        "training": {"steps": 156_250, "batch_size": 16, "betas": [0.9, 0.99]},
        "pictures": 10_000,
        "pairs": 1000,
    },
}


def measure(
    seed: int,
    setting: Setting,
    *,
    size: int,
    arms: dict[str, dict],
    discriminator_width: int,
    latent: int,
    samples: int,
    training: dict,
    pictures: int,
    pairs: int,
) -> list[Row]:
    """Train both GANs on the same pictures, and measure what they draw.

    Parameters
    ----------
    seed : int
        Of the pictures, the weights at the start and the training. What is measured
        starts from the same random numbers for every seed.
    setting : Setting
    size : int
        Side of the canvas.
    arms : dict of str to dict
        For each the width of the generator, and the learning rates of generator and
        discriminator; where that is not its name, the ``kind`` of both networks; where
        it is not the kind's own, the ``normalisation`` of the generator.
    discriminator_width : int
        Of the discriminators.
    latent : int
        Random numbers of a picture.
    samples : int
        Pictures to learn from.
    training : dict
        Other options of :func:`coordlib.lab.training.adversarial.fit_gan`.
    pictures, pairs : int
        What :func:`coordlib.lab.measures.scenes.examine` looks at.

    Returns
    -------
    list of Row
        By arm what :func:`coordlib.lab.measures.scenes.examine` tells (what it cannot
        tell, without walks, has no row), the number of
        parameters of the generator, the seconds of training, and the discriminator's
        loss over the last 500 steps; of the arm "drawn" the ``dimension`` of the cloud
        of the pictures themselves. The generators' weights are kept.
    """
    data = shapes(samples, size, seed)
    drawn = data.images()
    latents = draw_latents(pictures, latent, torch.Generator().manual_seed(0))
    dimension = cloud(data.centres[:pictures].float(), size)[0]
    found = rows({"dimension": dimension}, arm="drawn")
    trained_arms = trainings(
        *(seed, setting, arms, training),
        drawn=drawn,
        size=size,
        latent=latent,
        discriminator_width=discriminator_width,
    )
    for arm, generator, numbers in trained_arms:
        numbers |= examine(decoder(generator), latents, size, pairs=pairs)
        there = {name: value for name, value in numbers.items() if isfinite(value)}
        found += rows(there, arm=arm, **arms[arm].get("axes", {}))
    return found


def trainings(
    seed: int,
    setting: Setting,
    arms: dict[str, dict],
    training: dict,
    *,
    drawn: Tensor,
    size: int,
    latent: int,
    discriminator_width: int,
) -> Iterator[tuple[str, nn.Module, dict[str, float]]]:
    """Train the generator of every arm on the same pictures, each when it is asked for.

    Parameters
    ----------
    drawn : Tensor, shape (N, 3, size, size), in [-1, 1]
    seed, setting, arms, training, size, latent, discriminator_width
        As for :func:`measure`. The setting keeps the generators' weights.

    Yields
    ------
    arm : str
    generator : nn.Module
    numbers : dict of str to float
        Its parameters, the seconds of training, and the discriminator's loss over the
        last 500 steps.
    """
    for arm, options in arms.items():
        torch.manual_seed(seed)
        generator = make_generator(arm, options, size, latent).to(setting.device)
        with_coordinates = options.get("kind", arm) == "coordconv"
        discriminator = Discriminator(with_coordinates, discriminator_width, size)
        history = fit_gan(
            generator,
            discriminator.to(setting.device),
            drawn,
            lr=options["lr"],
            seed=seed,
            checkpoint=setting.folder and setting.folder / f"{arm}-{seed}.pt",
            progress=setting.progress and arm,
            **training,
        )
        axes = {"arm": arm} | options.get("axes", {})
        state = {name: value.cpu() for name, value in generator.state_dict().items()}
        setting.kept.append(Kept(axes, state))
        yield (
            arm,
            generator,
            {
                "parameters": parameter_count(generator),
                "seconds": history.seconds,
                "discriminator_loss": float(history.losses[-500:, 1].mean()),
            },
        )


def make_generator(arm: str, options: dict, size: int, latent: int) -> nn.Module:
    """The generator of an arm with its options, as it begins."""
    named = {k: v for k, v in options.items() if k == "normalisation"}
    kind = GENERATORS[options.get("kind", arm)]
    return kind(options["width"], size, latent, **named)


def decoder(generator: nn.Module):
    """Give the function from latents to pictures in [-1, 1], both on the CPU."""
    device = next(generator.parameters()).device
    return lambda latents: generator(latents.to(device)).clamp(-1, 1).cpu()


def trained(arm: str, experiment: str = "gan", where: Path | None = None) -> nn.Module:
    """Give the generator of an arm as the results keep it, of the first seed.

    Parameters
    ----------
    arm : {"conv", "coordconv"}
    experiment : {"gan", "photographs"}
    where : Path, optional
        The folder of results; :func:`coordlib.lab.record.results.folder` if not given.

    Returns
    -------
    nn.Module
        In evaluation mode, on the CPU.

    Raises
    ------
    FileNotFoundError
        If it was not measured.
    """
    result = results.measured(experiment, where)
    config = result.config
    options = config["arms"][arm]
    generator = make_generator(arm, options, config["size"], config["latent"])
    weights = results.load_weights(experiment, result.preset, where=where, arm=arm)
    generator.load_state_dict(weights)
    return generator.eval()


EXPERIMENT = Trial("gan", __doc__, PRESETS, measure)
