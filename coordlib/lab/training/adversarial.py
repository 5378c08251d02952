"""Two networks that train against each other: the loop of the GANs."""

from dataclasses import dataclass, field
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from coordlib.arguments import (
    check_floating,
    check_generator,
    check_integer,
    check_module,
    check_pair,
    check_positive,
)
from coordlib.lab.data.seeds import step_generator
from coordlib.lab.training.captured import Captured
from coordlib.lab.training.checks import (
    MOST_STEPS,
    check_betas,
    check_keeping,
    check_training_seed,
)
from coordlib.lab.training.loop import LOSS_CHECK_STEPS, check_finite
from coordlib.lab.training.resume import Resumable

__all__ = ["GANHistory", "draw_latents", "fit_gan"]


@dataclass(frozen=True)
class GANHistory:
    """What happened during :func:`fit_gan`.

    Attributes
    ----------
    losses : Tensor, shape (steps, 2)
        Of the generator and of the discriminator, at every step.
    seconds : float
        Spent on training; processor time on a CPU.
    device : str
        Where it ran.
    """

    losses: Tensor = field(repr=False)
    seconds: float
    device: str


def draw_latents(count: int, latent: int, generator: torch.Generator) -> Tensor:
    """Draw what a generator makes pictures from: uniform in [-1, 1].

    Parameters
    ----------
    count, latent : int
    generator : torch.Generator
        On the CPU.

    Returns
    -------
    Tensor, shape (count, latent)
    """
    check_integer("count", count, at_most=2**30)
    check_integer("latent", latent, at_most=2**20)
    check_generator("generator", generator)
    return 2 * torch.rand(count, latent, generator=generator) - 1


def fit_gan(
    generator: nn.Module,
    discriminator: nn.Module,
    pictures: Tensor,
    *,
    steps: int,
    batch_size: int = 16,
    generator_steps: int = 2,
    lr: tuple[float, float] = (0.0005, 0.0001),
    betas: tuple[float, float] = (0.9, 0.99),
    seed: int = 0,
    checkpoint: Path | None = None,
    progress: str | bool = False,
) -> GANHistory:
    """Train a generator and its discriminator with Adam, each for its own end.

    In every step the discriminator learns once to tell a batch of pictures from a
    batch of generated ones, then the generator learns a few times to make it fail:
    to have its pictures taken for drawn ones (the loss that does not saturate). The
    random numbers of a step depend on the seed and its number alone. Both networks are
    left in evaluation mode.

    Parameters
    ----------
    generator : nn.Module
        ``(N, generator.latent)`` to pictures.
    discriminator : nn.Module
        Pictures to one logit each, shape (N,).
    pictures : Tensor, shape (N, C, H, W)
        Moved to the generator's device one batch at a time. Batches are drawn with
        replacement.
    steps : int
    batch_size : int
    generator_steps : int
        Of the generator for one of the discriminator.
    lr : (float, float)
        Learning rates of the generator and of the discriminator.
    betas : (float, float)
        Adam's running averages, for both.
    seed : int
        With the weights at the start it decides the result, on one machine. The
        global generator is not touched.
    checkpoint, progress
        As in :func:`~coordlib.lab.training.loop.fit`.

    Returns
    -------
    GANHistory

    Raises
    ------
    TypeError, ValueError
        If an argument is of another kind or out of its range, or there is no picture.
    CheckpointError
        If the checkpoint is damaged or belongs to another training.
    FloatingPointError
        If a loss is no longer finite.

    References
    ----------
    Goodfellow et al., 2014, "Generative adversarial nets". One step of the
    discriminator to two of the generator, the batch size, the rates and the averages
    are those of the released code of Liu et al. (2018).
    """
    counts = {"steps": steps, "batch_size": batch_size}
    counts |= {"generator_steps": generator_steps}
    for name, value in counts.items():
        check_integer(name, value, at_most=MOST_STEPS)
    _check_networks(generator, discriminator)
    check_pair("lr", lr)
    for rate in lr:
        check_positive("lr", rate)
    check_betas(betas)
    check_training_seed(seed)
    check_keeping(checkpoint, progress)
    check_floating("pictures", pictures, axes=4)
    if not len(pictures):
        raise ValueError("pictures is empty")
    device = next(generator.parameters()).device
    generator_adam = _adam(generator, lr[0], betas)
    discriminator_adam = _adam(discriminator, lr[1], betas)
    losses = torch.zeros(steps, 2, device=device)
    facts = counts | {"lr": list(lr), "betas": list(betas), "seed": seed}
    facts |= {"samples": len(pictures), "pictures": pictures}
    parts = {"generator": generator, "generator_adam": generator_adam}
    parts |= {"discriminator": discriminator, "discriminator_adam": discriminator_adam}
    state = Resumable(checkpoint, facts, device, **parts, losses=losses)

    def learn(real: Tensor, *latents: Tensor) -> Tensor:
        with torch.no_grad():
            fake = generator(latents[0])
        # Drawn and generated pictures are normalised apart.
        real_scores, fake_scores = discriminator(real), discriminator(fake)
        discriminator_loss = (
            F.softplus(-real_scores).mean() + F.softplus(fake_scores).mean()
        )
        _step(discriminator_adam, discriminator_loss)
        discriminator.requires_grad_(False)
        for own in latents[1:]:
            generator_loss = F.softplus(-discriminator(generator(own))).mean()
            _step(generator_adam, generator_loss)
        discriminator.requires_grad_(True)
        return torch.stack([generator_loss, discriminator_loss]).detach()

    take = Captured(learn, device)
    generator.train(), discriminator.train()
    for step in state.remaining(steps, progress):
        random = step_generator(seed, step)
        chosen = torch.randint(len(pictures), (batch_size,), generator=random)
        drawn = [pictures[chosen]]
        for _ in range(1 + generator_steps):
            drawn.append(draw_latents(batch_size, generator.latent, random))
        losses[step - 1] = take(*(part.to(device) for part in drawn))
        if step % LOSS_CHECK_STEPS == 0 or step == steps:
            check_finite(losses[:step])
        state.keep(step)
    state.finish()
    generator.eval(), discriminator.eval()
    return GANHistory(losses.cpu(), state.seconds, str(device))


def _adam(network: nn.Module, lr: float, betas: tuple) -> torch.optim.Adam:
    # To be captured it must count its steps on the device.
    on_cuda = next(network.parameters()).is_cuda
    return torch.optim.Adam(network.parameters(), lr, betas, capturable=on_cuda)


def _check_networks(generator: nn.Module, discriminator: nn.Module) -> None:
    for name, network in (("generator", generator), ("discriminator", discriminator)):
        check_module(name, network)
    if not isinstance(getattr(generator, "latent", None), int):
        raise TypeError("generator must say how many numbers it takes, as .latent")


def _step(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
