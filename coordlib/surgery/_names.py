"""Modules of a network, by their names."""

import copy
from typing import Any

from torch import Tensor, nn


def check_model(model: Any) -> None:
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be a torch.nn.Module, got {type(model).__name__}")


def copied(model: nn.Module) -> nn.Module:
    """Copy a model, even one that keeps a result with its gradient.

    ``torch.nn.utils.weight_norm`` keeps the last weight so, and computes it anew; but
    ``copy.deepcopy`` refuses such tensors.
    """
    results = {
        id(value): value.detach().clone()
        for module in model.modules()
        for value in vars(module).values()
        if isinstance(value, Tensor) and value.grad_fn is not None
    }
    return copy.deepcopy(model, results)


def put(model: nn.Module, name: str, new: nn.Module) -> nn.Module:
    """Set a submodule under every name it has; the model itself has the name ``""``."""
    if not name:
        return new
    old = model.get_submodule(name)
    for parent in list(model.modules()):
        for child_name, child in list(parent._modules.items()):
            if child is old:
                parent._modules[child_name] = new
    return model


def join(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix and name else prefix or name


def inside(name: str, outer: str) -> bool:
    """Whether a module is another one or part of it."""
    return not outer or name == outer or name.startswith(f"{outer}.")
