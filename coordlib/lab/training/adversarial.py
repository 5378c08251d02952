"""Two networks that train against each other: the loop of the GANs."""

from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from coordlib.arguments import check_integer
from coordlib.lab.training import checkpoints
from coordlib.lab.training.device import device_seconds
from coordlib.lab.training.loop import (
    CHECKPOINT_SECONDS,
    counted,
    optimizer_tensors,
    restore_optimizer,
)

__all__ = ["Duel", "draw_latents", "fit_gan"]

_SEED_STEP = 1_000_003  # so that neighbouring seeds never meet
_LOSS_CHECK_STEPS = 64  # looking at a loss makes an accelerator wait


@dataclass(frozen=True)
class Duel:
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
) -> Duel:
    """Train a generator and its discriminator with Adam, each for its own end.

    In every step the discriminator learns once to tell a batch of pictures from a
    batch of generated ones, then the generator learns a few times to make it fail:
    to have its pictures taken for drawn ones (the loss that does not saturate). What
    is drawn by lot depends on the seed and the number of the step alone. Both
    networks are left in evaluation mode.

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
    checkpoint : Path, optional
        Where to keep the state twice a minute, and at the end. If the file is there
        already, training goes on from it, and ends with the same numbers as if it
        had never stopped. Delete it when its result is safe.
    progress : bool or str
        Show a bar, if tqdm is installed; a string names it.

    Returns
    -------
    Duel

    Raises
    ------
    TypeError, ValueError
        If a count is no positive integer, or there is no picture.
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
        check_integer(name, value)
    if not len(pictures):
        raise ValueError("pictures is empty")
    device = next(generator.parameters()).device
    state = _State(generator, discriminator, lr, betas, torch.zeros(steps, 2))
    facts = counts | {"lr": list(lr), "betas": list(betas), "seed": seed}
    facts |= {"samples": len(pictures), "shapes": state.shapes()}
    if checkpoint is not None:
        state.restore(checkpoints.load(checkpoint, facts))

    generator.train(), discriminator.train()
    saved, start = perf_counter(), device_seconds(device)
    for step in counted(state.step, steps, progress):
        lots = torch.Generator().manual_seed(seed + _SEED_STEP * step)

        def generated(lots: torch.Generator = lots) -> Tensor:
            latents = draw_latents(batch_size, generator.latent, lots)
            return generator(latents.to(device))

        chosen = torch.randint(len(pictures), (batch_size,), generator=lots)
        with torch.no_grad():
            false = generated()
        # Drawn and generated pictures are normalised apart.
        logits = discriminator(pictures[chosen].to(device)), discriminator(false)
        judged = F.softplus(-logits[0]).mean() + F.softplus(logits[1]).mean()
        _step(state.optimizers["discriminator"], judged)
        discriminator.requires_grad_(False)
        for _ in range(generator_steps):
            believed = F.softplus(-discriminator(generated())).mean()
            _step(state.optimizers["generator"], believed)
        discriminator.requires_grad_(True)

        state.losses[step - 1] = torch.stack([believed, judged]).detach()
        state.step = step
        if step % _LOSS_CHECK_STEPS == 0 or step == steps:
            _check_finite(state.losses[:step])
        if checkpoint is not None and perf_counter() - saved > CHECKPOINT_SECONDS:
            state.seconds += device_seconds(device) - start
            checkpoints.save(checkpoint, state.tensors(), facts)
            saved, start = perf_counter(), device_seconds(device)
    state.seconds += device_seconds(device) - start
    if checkpoint is not None:
        checkpoints.save(checkpoint, state.tensors(), facts)
    generator.eval(), discriminator.eval()
    return Duel(state.losses, state.seconds, str(device))


def _step(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def _check_finite(losses: Tensor) -> None:
    bad = (~losses.isfinite().all(1)).nonzero()
    if len(bad):
        raise FloatingPointError(
            f"a loss is no longer finite at step {int(bad[0]) + 1}: try a smaller lr"
        )


class _State:
    """Everything that a training must remember to go on as if it had not stopped."""

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        lr: tuple[float, float],
        betas: tuple[float, float],
        losses: Tensor,
    ) -> None:
        self.networks = {"generator": generator, "discriminator": discriminator}
        self.optimizers = {
            name: torch.optim.Adam(network.parameters(), lr=rate, betas=betas)
            for (name, network), rate in zip(self.networks.items(), lr, strict=True)
        }
        self.losses = losses
        self.step = 0
        self.seconds = 0.0

    def shapes(self) -> dict[str, list[int]]:
        return {name: list(t.shape) for name, t in self._weights().items()}

    def tensors(self) -> dict[str, Tensor]:
        counters = {"step": self.step, "seconds": self.seconds}
        moments = {
            f"{name}/{key}": value
            for name, optimizer in self.optimizers.items()
            for key, value in optimizer_tensors(optimizer).items()
        }
        return (
            {f"weights/{name}": value for name, value in self._weights().items()}
            | moments
            | {"losses": self.losses[: self.step]}
            | {"counters": checkpoints.as_tensor(counters)}
        )

    def restore(self, tensors: dict[str, Tensor] | None) -> None:
        if tensors is None:
            return
        counters = checkpoints.from_tensor(tensors["counters"])
        self.step, self.seconds = counters["step"], counters["seconds"]
        self.losses[: self.step] = tensors["losses"]
        with torch.no_grad():
            for name, value in self._weights().items():
                value.copy_(tensors[f"weights/{name}"])
        for name, optimizer in self.optimizers.items():
            own = {
                key.removeprefix(f"{name}/"): value
                for key, value in tensors.items()
                if key.startswith(f"{name}/")
            }
            restore_optimizer(optimizer, own)

    def _weights(self) -> dict[str, Tensor]:
        return {
            f"{name}/{key}": value
            for name, network in self.networks.items()
            for key, value in network.state_dict().items()
        }
