"""What may be asked of a training; all else is refused by the name of the argument."""

from math import ceil
from typing import Any

from torch import Tensor, nn

from coordlib.arguments import (
    check_callable,
    check_choice,
    check_instance,
    check_integer,
    check_not_negative,
    check_number,
    check_pair,
    check_path,
    check_positive,
    check_tensor,
)

METHODS = ("adam", "sgd")
MOST_STEPS = 10**8
"""More would take years, and the memory of the rates alone."""


def check_network(model: nn.Module, lr: float, weight_decay: float) -> None:
    """Refuse what cannot be trained, and rates that nothing is trained with."""
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be an nn.Module, got {type(model).__name__}")
    if not any(p.requires_grad for p in model.parameters()):
        raise ValueError("model has no parameters to train")
    check_positive("lr", lr)
    check_not_negative("weight_decay", weight_decay)


def check_samples(inputs: Tensor, targets: Tensor, seed: int) -> None:
    """Refuse samples that do not belong together, and a seed that is none."""
    for name, value in (("inputs", inputs), ("targets", targets)):
        check_tensor(name, value, any_kind=True)
        if value.ndim == 0:
            raise ValueError(f"{name} must hold samples, got a single number")
    if len(inputs) != len(targets) or len(inputs) == 0:
        raise ValueError(
            f"inputs and targets must hold the same number of samples, at least one; "
            f"got {len(inputs)} and {len(targets)}"
        )
    check_training_seed(seed)


def check_training_seed(seed: int) -> None:
    """Refuse what is no seed of a training.

    Every step has a generator of its own, with a seed some millions further.
    """
    check_integer("seed", seed, at_least=-(2**62), at_most=2**62)


def count_steps(
    samples: int, steps: int | None, epochs: float | None, batch_size: int
) -> tuple[int, int]:
    """Give how many steps to take, and how many samples in each."""
    if (steps is None) == (epochs is None):
        raise ValueError("give either steps or epochs")
    batch_size = min(check_integer("batch_size", batch_size), samples)
    if steps is not None:
        return check_integer("steps", steps, at_most=MOST_STEPS), batch_size
    check_positive("epochs", epochs)
    steps = epochs * samples / batch_size
    if steps > MOST_STEPS:
        raise ValueError(f"epochs must be of at most {MOST_STEPS} steps, got {epochs}")
    return ceil(steps), batch_size


def check_method(method: str, momentum: float, betas: tuple[float, float]) -> None:
    """Refuse an unknown method, and averages that never end or never begin."""
    check_choice("method", method, METHODS)
    check_number("momentum", momentum)
    if not 0 < momentum < 1:
        raise ValueError(f"momentum must be between 0 and 1, got {momentum!r}")
    check_betas(betas)


def check_betas(betas: tuple[float, float]) -> None:
    """Refuse what are no running averages of Adam."""
    check_pair("betas", betas)
    if not all(0 <= beta < 1 for beta in betas):
        raise ValueError(f"betas must be at least 0 and below 1, got {betas!r}")


def check_ways(
    loss: Any, prepare: Any, augment: Any, draw: Any, callback: Any, *measure: Any
) -> None:
    """Refuse a loss that cannot be called, and other ways that neither are nor can."""
    check_callable("loss", loss)
    ways = [("prepare", prepare), ("augment", augment), ("draw", draw)]
    ways += [("callback", callback), *(("measure", own) for own in measure)]
    for name, way in ways:
        if way is not None:
            check_callable(name, way)


def check_keeping(checkpoint: Any, progress: Any, measures: Any = 1) -> None:
    """Refuse what is no file to keep a state in, and what shows no bar or no curve.

    Raises
    ------
    TypeError, ValueError
    """
    if checkpoint is not None:
        check_path("checkpoint", checkpoint)
    check_integer("measures", measures)
    check_instance("progress", progress, bool | str, "True, False or a name")
