"""What a stack of networks cannot hold: refused by name, before anything is trained."""

from collections.abc import Mapping, Sequence
from functools import partial
from traceback import walk_tb
from types import FunctionType, MethodType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

__all__ = ["check_stackable", "vmap_error"]

REMEDY = "; train each alone, with fit"
HOOKS = ("_forward_pre_hooks", "_forward_hooks", "_backward_pre_hooks")
HOOKS += ("_backward_hooks", "_post_accumulate_grad_hooks")
"""Of modules and of weights: what is called in a pass, with tensors of one network."""
INTERNAL = frozenset(vars(nn.Module()))
"""Attributes that every module has; they are compared otherwise, or do not matter."""


def check_stackable(models: Sequence[nn.Module], skeleton: nn.Module) -> None:
    """Refuse networks that would not compute in a stack what they compute alone.

    Parameters
    ----------
    models : sequence of nn.Module
    skeleton : nn.Module
        A copy of the first, in training: what it leaves in evaluation draws nothing,
        and keeps its statistics.

    Raises
    ------
    ValueError
        If a layer draws random numbers or has no rule for many networks; if a module
        or a weight has a hook; or if the networks differ in more than the values of
        weights and buffers. Of attributes, objects without an equality of their own
        are taken as alike if they are of one class. The message names the module.
    """
    for name, layer in skeleton.named_modules():
        if reason := _hindrance(layer):
            raise ValueError(
                f"models must be of layers that work in a stack, got {_said(name)} "
                f"({type(layer).__name__}), which {reason}{REMEDY}"
            )
    for model in models:
        _check_hooks(model)
    _check_one_shape(models)
    for model in models[1:]:
        pairs = zip(models[0].named_modules(), model.modules(), strict=True)
        for (name, first), other in pairs:
            _check_attributes(name, first, other)


def vmap_error(error: RuntimeError, skeleton: nn.Module) -> ValueError | None:
    """What to say of an error in a pass of a stack; None if it is not the stack's.

    Functions that draw random numbers, or ask for a number, are seen by no look at the
    layers. The first pass meets them before a weight is moved.
    """
    if not any(word in str(error) for word in ("vmap", "Batching rule")):
        return None
    names = {id(layer): name for name, layer in skeleton.named_modules()}
    frames = [frame for frame, _ in walk_tb(error.__traceback__)]
    owners = [id(frame.f_locals.get("self")) for frame in frames]
    inside = [names[owner] for owner in owners if owner in names]
    where = _said(inside[-1]) if inside else "the loss"
    reason = str(error).splitlines()[0]
    return ValueError(
        f"models and loss must work in a stack; {where} does not ({reason}){REMEDY}"
    )


def _said(name: str) -> str:
    return repr(name) if name else "the network itself"


def _hindrance(layer: nn.Module) -> str | None:
    """Why a layer does not work in a stack; None if it does."""
    if isinstance(layer, nn.RNNBase | nn.RNNCellBase):
        return "torch.vmap has no rule for"
    if not layer.training:
        return None
    share = layer.p if isinstance(layer, _DropoutNd) else 0
    share = layer.dropout if isinstance(layer, nn.MultiheadAttention) else share
    random = (nn.RReLU, nn.FractionalMaxPool2d, nn.FractionalMaxPool3d)
    if share > 0 or isinstance(layer, random):
        return "draws random numbers"
    norm = isinstance(layer, nn.modules.batchnorm._NormBase)
    if norm and layer.track_running_stats and layer.momentum is None:
        return "must have a momentum, not None"
    return None


def _check_hooks(model: nn.Module) -> None:
    for name, owner in (*model.named_modules(), *model.named_parameters()):
        if any(getattr(owner, hooks, None) for hooks in HOOKS):
            raise ValueError(
                f"models must have no hooks to be trained side by side, got one on "
                f"{_said(name)}{REMEDY}"
            )


def _check_one_shape(models: Sequence[nn.Module]) -> None:
    shapes = [
        {name: (t.shape, t.dtype, t.requires_grad) for name, t in _weights(model)}
        for model in models
    ]
    # By name: torch makes a class of its own for every parametrised layer.
    kinds = [[type(m).__qualname__ for m in model.modules()] for model in models]
    alike = all(
        shape == shapes[0] and kind == kinds[0] and repr(model) == repr(models[0])
        for shape, kind, model in zip(shapes, kinds, models, strict=True)
    )
    if not alike:
        raise ValueError("models must all be of one shape to be trained side by side")
    tensors = [id(t) for model in models for _, t in _weights(model)]
    if len(set(tensors)) < len(tensors):
        raise ValueError("models must not share weights to be trained side by side")
    trained = {p.dtype for p in models[0].parameters() if p.requires_grad}
    if len(trained) > 1:
        named = ", ".join(sorted(map(str, trained)))
        raise ValueError(
            f"models must have weights of one type to be trained side by side, got "
            f"{named}{REMEDY}"
        )
    # Torch's fused SGD adds wrongly in half precision on a CPU, and none is complex.
    if trained - {torch.float32, torch.float64}:
        raise ValueError(
            f"models must have weights in float32 or float64 to be trained side by "
            f"side, got {trained.pop()}{REMEDY}"
        )


def _weights(model: nn.Module) -> list[tuple[str, Tensor]]:
    return [*model.named_parameters(), *model.named_buffers()]


def _check_attributes(name: str, first: nn.Module, other: nn.Module) -> None:
    """Refuse two modules that differ in what they hold beside weights and modules."""
    one, two = (
        {k: v for k, v in vars(m).items() if k not in INTERNAL} for m in (first, other)
    )
    one, two = one | {"forward": _forward(first)}, two | {"forward": _forward(other)}
    for key in sorted(one.keys() | two.keys()):
        if key not in one or key not in two or not _alike(one[key], two[key]):
            raise ValueError(
                f"models must all be of one shape to be trained side by side; "
                f"{key} of {_said(name)} differs"
            )


def _forward(module: nn.Module) -> Any:
    return vars(module).get("forward", type(module).forward)


def _alike(one: Any, other: Any) -> bool:
    """Whether two values are equal, as far as they can be compared."""
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if isinstance(one, Tensor):
        if one.shape != other.shape or one.dtype != other.dtype:
            return False
        return one.is_meta or torch.equal(one, other)
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other)
    if isinstance(one, Mapping):
        return one.keys() == other.keys() and all(_alike(one[k], other[k]) for k in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(_alike, one, other))
    if parts := _parts(one):
        return all(map(_alike, parts, _parts(other)))
    if type(one).__eq__ is object.__eq__:
        # Nothing tells whether they are equal, but for the name of what has one.
        names = (getattr(value, "__qualname__", None) for value in (one, other))
        return next(names) == next(names)
    return bool(one == other)


def _parts(value: Any) -> tuple:
    """Of what a function is made; empty for all else."""
    if isinstance(value, partial):
        return value.func, value.args, value.keywords
    if isinstance(value, MethodType):
        return value.__func__, value.__self__
    if isinstance(value, FunctionType):
        held = [cell.cell_contents for cell in value.__closure__ or ()]
        return value.__code__, held, value.__defaults__, value.__kwdefaults__
    return ()
