"""Two GANs draw coloured shapes: what they draw, and what walks through them (L16)."""

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

from coordlib.lab.data.shapes import shapes
from coordlib.lab.measures.scenes import cloud, examine
from coordlib.lab.models.generators import (
    CoordConvGenerator,
    DCGANGenerator,
    Discriminator,
)
from coordlib.lab.models.painters import parameter_count
from coordlib.lab.record import results
from coordlib.lab.training.adversarial import draw_latents, fit_gan

GENERATORS = {"conv": DCGANGenerator, "coordconv": CoordConvGenerator}
"""By arm. The discriminator of "coordconv" sees coordinates too."""

PRESETS = {
    "quick": {
        "size": 16,
        "arms": {
            "conv": {"width": 8, "lr": [0.0005, 0.0005]},
            "coordconv": {"width": 8, "lr": [0.001, 0.0002]},
        },
        "judge_width": 8,
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
        "judge_width": 16,
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
        "judge_width": 64,
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
    device: torch.device,
    *,
    size: int,
    arms: dict[str, dict],
    judge_width: int,
    latent: int,
    samples: int,
    training: dict,
    pictures: int,
    pairs: int,
    folder: Path | None = None,
    progress: bool = False,
) -> dict[str, float | Tensor]:
    """Train both GANs on the same pictures, and measure what they draw.

    Parameters
    ----------
    seed : int
        Of the pictures, the weights at the start and the training. What is measured
        starts from the same random numbers for every seed.
    device : torch.device
    size : int
        Side of the canvas.
    arms : dict of str to dict
        For each the width of the generator, and the learning rates of generator and
        discriminator.
    judge_width : int
        Of the discriminators.
    latent : int
        Random numbers of a picture.
    samples : int
        Pictures to learn from.
    training : dict
        Other options of :func:`coordlib.lab.training.adversarial.fit_gan`.
    pictures, pairs : int
        What :func:`coordlib.lab.measures.scenes.examine` looks at.
    folder : Path, optional
        Where to keep checkpoints.
    progress : bool

    Returns
    -------
    dict
        For each arm what :func:`coordlib.lab.measures.scenes.examine` tells, the number
        of parameters of the generator, the seconds of training, the discriminator's
        loss over the last 500 steps, and the generator's weights; the dimension of the
        cloud of the pictures themselves.
    """
    data = shapes(samples, size, seed)
    drawn = data.images()
    latents = draw_latents(pictures, latent, torch.Generator().manual_seed(0))
    measured = {"drawn_dimension": cloud(data.centres[:pictures].float(), size)[0]}
    trained_arms = trainings(
        *(seed, device, arms, training),
        drawn=drawn,
        size=size,
        latent=latent,
        judge_width=judge_width,
        folder=folder,
        progress=progress,
    )
    for arm, generator, numbers in trained_arms:
        found = examine(decoder(generator), latents, size, pairs=pairs)
        measured |= numbers | {f"{arm}_{name}": value for name, value in found.items()}
    return measured


def trainings(
    seed: int,
    device: torch.device,
    arms: dict[str, dict],
    training: dict,
    *,
    drawn: Tensor,
    size: int,
    latent: int,
    judge_width: int,
    folder: Path | None,
    progress: bool,
) -> Iterator[tuple[str, nn.Module, dict[str, float | Tensor]]]:
    """Train the generator of every arm on the same pictures, each when it is asked for.

    Parameters
    ----------
    drawn : Tensor, shape (N, 3, size, size), in [-1, 1]
    seed, device, arms, training, size, latent, judge_width, folder, progress
        As for :func:`measure`.

    Yields
    ------
    arm : str
    generator : nn.Module
    numbers : dict
        The number of its parameters, the seconds of training, the discriminator's loss
        over the last 500 steps, and its weights, each after the name of the arm.
    """
    for arm, options in arms.items():
        torch.manual_seed(seed)
        generator = GENERATORS[arm](options["width"], size, latent).to(device)
        discriminator = Discriminator(arm == "coordconv", judge_width, size)
        history = fit_gan(
            generator,
            discriminator.to(device),
            drawn,
            lr=options["lr"],
            seed=seed,
            checkpoint=folder and folder / f"{arm}-{seed}.pt",
            progress=progress and arm,
            **training,
        )
        numbers = {
            f"{arm}_parameters": parameter_count(generator),
            f"{arm}_seconds": history.seconds,
            f"{arm}_judged": float(history.losses[-500:, 1].mean()),
        }
        weights = generator.state_dict().items()
        numbers |= {f"{arm}/{name}": value.cpu() for name, value in weights}
        yield arm, generator, numbers


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
    result = results.best(experiment, where)
    if result is None:
        raise FileNotFoundError(
            f"no result of {experiment}; measure it with "
            f"'python -m coordlib run {experiment}'"
        )
    config = result.config
    width = config["arms"][arm]["width"]
    generator = GENERATORS[arm](width, config["size"], config["latent"])
    weights = results.load_weights(experiment, result.preset, arm, where)
    generator.load_state_dict(weights)
    return generator.eval()
