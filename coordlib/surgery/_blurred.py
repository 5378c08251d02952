"""Where a blur stands in a network: in a module, in nobody's hook.

Behind or before a module without weights it stands in a ``torch.nn.Sequential`` that
takes that module's place. A module with weights would thereby rename them; so it
becomes an instance of a subclass instead, as in ``torch.nn.utils.parametrize``, and
the blur a child of its own. Tracers see both, and tools that look for exactly
``torch.nn.Conv2d`` to replace it leave such a module alone.
"""

from functools import cache
from typing import Any, ClassVar

from torch import nn
from torch.nn.utils.parametrize import is_parametrized, type_before_parametrizations

from coordlib.surgery._names import put


class Blurred(nn.Module):
    """A layer with a blur before or behind it; stands before its class in the bases.

    Attributes
    ----------
    bare : type
        The class of the layer without blurs.
    blurs_before : list of (int or str, str)
        The position or the name of an argument, and the child that changes it first.
    blurs_after : list of str
        The children that change the output.
    """

    bare: ClassVar[type[nn.Module]]
    blurs_before: list[tuple[int | str, str]]
    blurs_after: list[str]

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        given: dict[Any, Any] = {**dict(enumerate(args)), **kwargs}
        for key, name in self.blurs_before:
            if key == 0 and not args:  # the first argument may come by its name
                key = next(iter(kwargs))
            given[key] = getattr(self, name)(given[key])
        inputs = [given.pop(position) for position in range(len(args))]
        output = super().forward(*inputs, **given)
        for name in self.blurs_after:
            output = getattr(self, name)(output)
        return output

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        """Copies and pickles: the class is made again, for no module holds it."""
        return _blank, (type(self).bare,), self.__getstate__()


@cache
def _blurred_class(bare: type[Any]) -> type[Blurred]:
    return type(f"Blurred{bare.__name__}", (Blurred, bare), {"bare": bare})


def _blank(bare: Any) -> Blurred:
    cls = _blurred_class(bare)
    return cls.__new__(cls)


def bare_type(module: nn.Module) -> type[Any]:
    """The class of a module without its blurs and parametrizations."""
    cls: type[Any] = type_before_parametrizations(module)
    return cls.bare if issubclass(cls, Blurred) else cls


def add_before(
    model: nn.Module,
    name: str,
    child: nn.Module,
    argument: int | str = 0,
    alone: bool = True,
    first: bool = False,
) -> nn.Module:
    """Let a child change an argument of a module.

    Parameters
    ----------
    model, name, child
        The module is ``model.get_submodule(name)``.
    argument : int or str
        Its position, or its name in calls.
    alone : bool
        Whether the module has no other input.
    first : bool
        Whether before what changes it already, or after that.

    Returns
    -------
    nn.Module
        The model, which is another one if the module is the whole of it.
    """
    module: Any = model.get_submodule(name)
    if alone and _without_state(module):
        return put(model, name, _in_a_row(child, module, like=module))
    _make_blurred(module)
    entry = argument, _attach(module, "blur_input", child)
    module.blurs_before.insert(0 if first else len(module.blurs_before), entry)
    return model


def add_after(model: nn.Module, name: str, child: nn.Module) -> nn.Module:
    """Let a child change the output of a module; else as :func:`add_before`."""
    module: Any = model.get_submodule(name)
    if _without_state(module):
        return put(model, name, _in_a_row(module, child, like=module))
    _make_blurred(module)
    module.blurs_after.append(_attach(module, "blur_output", child))
    return model


def pad_first(module: Any, pad: nn.Module) -> Any:
    """Let a layer pad its input by a rule, in place."""
    _make_blurred(module)
    module.blurs_before.append((0, _attach(module, "pad_input", pad)))
    return module


def hand_on(old: nn.Module, new: Any) -> Any:
    """Give the blurs of one module to the module that takes its place."""
    if isinstance(old, Blurred):
        _make_blurred(new)
        added = [*(name for _, name in old.blurs_before), *old.blurs_after]
        for name in added:
            new.add_module(name, getattr(old, name))
        # Those that the new one has already follow: a convolution pads what is blurred.
        new.blurs_before = [*old.blurs_before, *new.blurs_before]
        new.blurs_after = [*new.blurs_after, *old.blurs_after]
    return new


def bare_view(module: nn.Module) -> Any:
    """The same layer, with the same weights and options, seen without its blurs."""
    view = object.__new__(bare_type(module))
    view.__dict__ = module.__dict__
    return view


def _without_state(module: nn.Module) -> bool:
    return not any(True for _ in module.parameters()) and not module.state_dict()


def _in_a_row(*parts: nn.Module, like: nn.Module) -> nn.Module:
    row = nn.Sequential(*parts)
    for part in (row, *row):  # what is deeper keeps its mode
        part.training = like.training
    return row


def _make_blurred(module: Any) -> None:
    if isinstance(module, Blurred):
        return
    bare: Any = bare_type(module)
    blurred = _blurred_class(bare)
    if is_parametrized(module):
        # Below the class that computes the weight, so that it can still be taken off.
        above = type(module)
        unique = ("__dict__", "__weakref__", "__doc__")
        body = {k: v for k, v in vars(above).items() if k not in unique}
        blurred = type(above.__name__, (blurred,), body)
    module.__class__ = blurred
    module.blurs_before, module.blurs_after = [], []


def _attach(module: nn.Module, name: str, child: nn.Module) -> str:
    while hasattr(module, name):
        name += "_too"
    module.add_module(name, child.train(module.training))
    return name
