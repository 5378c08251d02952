"""Train the arms of a comparison one after another on both splits."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from coordlib.data.squares import Squares, splits
from coordlib.device import device_seconds
from coordlib.models.painters import parameter_count
from coordlib.training import fit

Arm = tuple[Callable[[], nn.Module], dict]
"""How to make a network, and the options of its training."""


@dataclass(frozen=True)
class Trained:
    """One network after its training on one split.

    Attributes
    ----------
    arm, split : str
    outputs : Tensor
        What the network says for every position of the world, on the CPU.
    sides : dict of str to LongTensor
        Which positions were trained (``"train"``) and held out (``"test"``).
    seconds : float
        Of training; processor time on a CPU.
    parameters : int
    """

    arm: str
    split: str
    outputs: Tensor
    sides: dict[str, Tensor]
    seconds: float
    parameters: int

    @property
    def name(self) -> str:
        """The start of this network's metrics, such as ``deconv_uniform``."""
        return f"{self.arm}_{self.split}"


def train_arms(
    arms: dict[str, Arm],
    world: Squares,
    inputs: Tensor,
    targets: Tensor,
    loss: Callable[[Tensor, Tensor], Tensor],
    seed: int,
    device: torch.device,
) -> Iterator[Trained]:
    """Train each arm on each split, from weights that depend on the seed alone."""
    inputs, targets = inputs.to(device), targets.to(device)
    for arm, (make, training) in arms.items():
        for split, (train, test) in splits(world, seed).items():
            torch.manual_seed(seed)
            model = make().to(device)
            start = device_seconds(device)
            fit(
                model,
                inputs[train],
                targets[train],
                loss,
                schedule="one-cycle",
                seed=seed,
                **training,
            )
            seconds = device_seconds(device) - start
            yield Trained(
                arm=arm,
                split=split,
                outputs=_outputs(model, inputs),
                sides={"train": train, "test": test},
                seconds=seconds,
                parameters=parameter_count(model),
            )


@torch.no_grad()
def _outputs(model: nn.Module, inputs: Tensor) -> Tensor:
    return torch.cat([model(part).cpu() for part in inputs.split(64)])
