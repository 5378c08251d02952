"""Modules of a network, by their names."""

import copy
from typing import Any

from torch import Tensor, nn


def check_model(model: Any) -> None:
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be a torch.nn.Module, got {type(model).__name__}")


def copied(model: nn.Module) -> nn.Module:
    """Copy a model, or name the module that cannot be copied."""
    for name, module in model.named_modules():
        for attribute, value in vars(module).items():
            # torch.nn.utils.weight_norm leaves its last weight there, for one.
            if isinstance(value, Tensor) and value.grad_fn is not None:
                raise ValueError(
                    f"model must be one that can be copied, got one whose module "
                    f"{name or '(the model)'} keeps a result, {attribute!r}, with its "
                    "gradient; call the model under torch.no_grad() once, or use "
                    "torch.nn.utils.parametrizations instead of torch.nn.utils"
                )
    return copy.deepcopy(model)


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
