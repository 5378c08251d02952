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
    # What torch.jit has frozen has no mode.
    modules = [module for module in model.modules() if hasattr(module, "training")]
    before = {module: module.training for module in modules}
    for module in before:
        module.training = training
    try:
        yield
    finally:
        for module, mode in before.items():
            module.training = mode


def is_compiled(model: nn.Module, name: str) -> bool:
    """Whether ``torch.jit`` has compiled a module of a network."""
    return isinstance(model.get_submodule(name), torch.jit.ScriptModule)


@contextmanager
def watched(
    model: nn.Module,
    names: Iterable[str],
    see: Callable[[str, tuple[Any, ...], Any], None],
) -> Iterator[None]:
    """Have ``see(name, arguments, output)`` called after each call of some modules.

    What torch.jit has compiled takes no hooks, and is not seen.
    """

    def watch(name: str) -> Any:
        return model.get_submodule(name).register_forward_hook(
            lambda module, arguments, output: see(name, arguments, output)
        )

    handles = [watch(name) for name in names if not is_compiled(model, name)]
    try:
        # What torch.compile has compiled would call no hooks.
        with torch.compiler.set_stance("force_eager"):
            yield
    finally:
        for handle in handles:
            handle.remove()
