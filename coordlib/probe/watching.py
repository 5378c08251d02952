"""See what the modules of a network give, and leave the network as it was."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn


@contextmanager
def in_mode(model: nn.Module, training: bool) -> Iterator[None]:
    """Have all modules in one mode; and each in its own again, afterwards.

    Without calling ``train``, which some networks give a meaning of their own.
    """
    before = {module: module.training for module in model.modules()}
    for module in before:
        module.training = training
    try:
        yield
    finally:
        for module, mode in before.items():
            module.training = mode


@contextmanager
def watched(
    model: nn.Module,
    names: Iterable[str],
    see: Callable[[str, tuple[Any, ...], Any], None],
) -> Iterator[None]:
    """Have ``see(name, arguments, output)`` called after each call of some modules."""

    def watch(name: str) -> Any:
        return model.get_submodule(name).register_forward_hook(
            lambda module, arguments, output: see(name, arguments, output)
        )

    handles = [watch(name) for name in names]
    try:
        # What torch.compile has compiled would call no hooks.
        with torch.compiler.set_stance("force_eager"):
            yield
    finally:
        for handle in handles:
            handle.remove()
