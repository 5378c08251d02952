"""Modules of a network, by their names."""

import copy
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedBuffer, is_lazy

from coordlib.arguments import check_sequence


def check_model(model: Any) -> None:
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be a torch.nn.Module, got {type(model).__name__}")
    if isinstance(model, torch.jit.ScriptModule):
        raise TypeError(
            "model must be a torch.nn.Module in Python, got one that torch.jit has "
            "compiled: change it before that"
        )


def tried(model: nn.Module) -> nn.Module:
    """A copy to call or to trace, with the very parameters of the model.

    Whatever a forward pass keeps (a count in a buffer, a grid for the next call) stays
    in it; what a trace leaves there would even be a stand-in for a tensor.
    """
    # What a lazy layer has no shape for yet would get one in the model, too.
    return _deep(model, {id(p): p for p in model.parameters() if not is_lazy(p)})


def copied(model: nn.Module) -> nn.Module:
    """Copy a model, parameters and all."""
    return _deep(model, {})


def _deep(model: nn.Module, kept: dict[int, Any]) -> nn.Module:
    """Copy even a model that keeps a result with its gradient.

    ``torch.nn.utils.weight_norm`` keeps the last weight so, and computes it anew; but
    ``copy.deepcopy`` refuses such tensors.
    """
    results = {
        id(value): value.detach().clone()
        for module in model.modules()
        for value in vars(module).values()
        if isinstance(value, Tensor) and value.grad_fn is not None
    }
    # torch copies a parameter that has no shape yet, but no buffer.
    shapeless: Any = UninitializedBuffer
    lazy = {
        id(b): shapeless(device=b.device, dtype=b.dtype)
        for b in model.buffers()
        if is_lazy(b)
    }
    return copy.deepcopy(model, results | lazy | kept)


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


def chosen(option: str, choices: Any, model: nn.Module) -> frozenset[str]:
    """The names of the modules that patterns of names, or classes, choose.

    Parameters
    ----------
    option : str
        What the choices are called, for errors.
    choices : sequence of str or type
        A pattern chooses the modules whose names it fits; a class those that are of
        it, with all that is in them.
    model : nn.Module

    Raises
    ------
    TypeError, ValueError
        If they are something else, or one of them chooses nothing.
    """
    what = "patterns of names, or classes of modules"
    if isinstance(choices, str):
        raise TypeError(f"{option} must be a sequence of {what}, got {choices!r}")
    check_sequence(option, choices, str | type, what)
    found: set[str] = set()
    for choice in choices:
        names = set(_of_one(choice, model))
        if not names:
            shown = choice if isinstance(choice, str) else choice.__name__
            raise ValueError(
                f"{option} must hold {what}, got {shown!r}, which fits none"
            )
        found |= names
    return frozenset(found)


def _of_one(choice: str | type[nn.Module], model: nn.Module) -> Iterator[str]:
    for name, module in model.named_modules():
        if isinstance(choice, str):
            if fnmatchcase(name, choice):
                yield name
        elif isinstance(module, choice):
            for inner, _ in module.named_modules():
                yield join(name, inner)


def join(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix and name else prefix or name


def inside(name: str, outer: str) -> bool:
    """Whether a module is another one or part of it."""
    return not outer or name == outer or name.startswith(f"{outer}.")
