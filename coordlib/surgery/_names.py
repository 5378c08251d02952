"""Modules of a network, by their names."""

from typing import Any

from torch import nn


def check_model(model: Any) -> None:
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be a torch.nn.Module, got {type(model).__name__}")


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
