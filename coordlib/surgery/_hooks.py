"""Blurs hung on a module with weights, so that it keeps its class and their names."""

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import nn


def blur_input(module: nn.Module, blur: nn.Module, first: bool = False) -> None:
    name = _attach(module, "blur_input", blur)
    hook = partial(transform_input, name)
    module.register_forward_pre_hook(hook, prepend=first)


def blur_output(module: nn.Module, blur: nn.Module) -> None:
    name = _attach(module, "blur_output", blur)
    module.register_forward_hook(partial(_transform_output, name))


def _attach(module: nn.Module, name: str, child: nn.Module) -> str:
    while hasattr(module, name):
        name += "_too"
    module.add_module(name, copy.deepcopy(child).to(_device(module)))
    return name


def _device(module: nn.Module) -> torch.device | None:
    return next((p.device for p in module.parameters()), None)


def transform_input(name: str, module: nn.Module, args: tuple) -> tuple:
    return (getattr(module, name)(args[0]), *args[1:])


def _transform_output(name: str, module: nn.Module, args: tuple, output: Any) -> Any:
    return getattr(module, name)(output)


def own_hook(hook: Callable) -> bool:
    return isinstance(hook, partial) and hook.func in (
        transform_input,
        _transform_output,
    )


def with_blurs_of(old: nn.Module, new: nn.Module) -> nn.Module:
    """Hand the blurs of one module on to the module that takes its place."""
    for name, child in old.named_children():
        new.add_module(name, child)
    # Before the hooks that the new module may have: what is blurred first, is padded
    # by a convolution's own rule afterwards.
    for hook in reversed(old._forward_pre_hooks.values()):
        new.register_forward_pre_hook(hook, prepend=True)
    for hook in old._forward_hooks.values():
        new.register_forward_hook(hook)
    return new
