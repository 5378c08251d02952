"""Let the convolutions of a network see where they are, and undo it."""

import copy
from collections.abc import Iterable
from typing import Any, Literal

from torch import nn

from coordlib.surgery._hooks import own_hook, with_blurs_of
from coordlib.surgery._kinds import COORD_CONVS
from coordlib.surgery._names import check_model, put
from coordlib.surgery._report import Change, Report, finish

_WITH_COORDS = {layer.plain: layer for layer in COORD_CONVS}


def coordify(
    model: nn.Module,
    which: Literal["first", "all"] | Iterable[str] = "first",
    with_r: bool = False,
) -> tuple[nn.Module, Report]:
    """Let the convolutions of a network see where they are: a copy, with CoordConvs.

    The weights of the coordinates are zero at first, so the copy computes exactly what
    the original does; training may change that.

    Parameters
    ----------
    model : nn.Module
        It stays as it is.
    which : {"first", "all"} or names of modules
        Which convolutions (plain or transposed, in one to three dimensions), by their
        names in ``model.named_modules()``. "first" is the first that is defined.
    with_r : bool
        Whether they also see the distance from the centre.

    Returns
    -------
    model : nn.Module
        A copy of the same class. The names of its parameters are those of the original;
        the weights of the new layers have more input channels.
    report : Report

    Raises
    ------
    TypeError
        If ``model`` is not a module.
    ValueError
        If a name is not that of a convolution, or there is nothing to change.

    Notes
    -----
    Only exactly the classes of ``torch.nn`` are changed, and only if nobody else has
    registered hooks on them; subclasses may compute something else.

    Liu et al., 2018, "An intriguing failing of convolutional neural networks and the
    CoordConv solution", section 3.

    Examples
    --------
    >>> net, report = coordify(nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU()))
    >>> net[0]
    CoordConv2d(3, 8, kernel_size=(3, 3), stride=(1, 1))
    """
    check_model(model)
    model = copy.deepcopy(model)
    convs = {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, nn.modules.conv._ConvNd)
        and not isinstance(module, COORD_CONVS)
    }
    changed, unchanged = [], []
    for name in _chosen(convs, which):
        conv = convs[name]
        what = type(conv).__name__
        obstacle = _obstacle(conv)
        if obstacle:
            unchanged.append(Change(name, what, obstacle))
            continue
        layer = _WITH_COORDS[type(conv)].from_conv(conv, with_r)
        model = put(model, name, with_blurs_of(conv, layer))
        changed.append(Change(name, what, type(layer).__name__))
    return finish(model, changed, unchanged, "to give coordinates to")


def plain(model: nn.Module) -> tuple[nn.Module, Report]:
    """Undo :func:`coordify` wherever coordinates are not used: a copy of a network.

    Parameters
    ----------
    model : nn.Module
        It stays as it is.

    Returns
    -------
    model : nn.Module
        A copy in which each CoordConv whose coordinate weights are all zero is a
        convolution of ``torch.nn`` again.
    report : Report
        The layers that do use their coordinates are listed as unchanged.

    Raises
    ------
    TypeError
        If ``model`` is not a module.
    ValueError
        If there is nothing to change.
    """
    check_model(model)
    model = copy.deepcopy(model)
    changed, unchanged = [], []
    for name, layer in list(model.named_modules()):
        if not isinstance(layer, COORD_CONVS):
            continue
        what = type(layer).__name__
        try:
            conv = layer.to_conv()
        except ValueError as error:
            unchanged.append(Change(name, what, str(error)))
            continue
        model = put(model, name, with_blurs_of(layer, conv))
        changed.append(Change(name, what, type(conv).__name__))
    return finish(model, changed, unchanged, "to make plain")


def _chosen(convs: dict[str, Any], which: Any) -> list[str]:
    if which == "all":
        return list(convs)
    if which == "first":
        return list(convs)[:1]
    if isinstance(which, str):
        raise ValueError(
            f'which must be "first", "all" or a list of names, not {which!r}'
        )
    names = list(which)
    unknown = [name for name in names if name not in convs]
    if unknown:
        raise ValueError(
            f"which names no convolution without coordinates: {', '.join(unknown)}; "
            f"there are {', '.join(convs) or 'none'}"
        )
    return names


def _obstacle(conv: nn.Module) -> str:
    """Why a convolution cannot be given coordinates; empty if it can."""
    if type(conv) not in _WITH_COORDS:
        return "a subclass, which may compute something else"
    hooks = [*conv._forward_hooks.values(), *conv._forward_pre_hooks.values()]
    if not all(map(own_hook, hooks)) or "weight" not in conv._parameters:
        return "it has hooks of its own, which a new layer would not have"
    return ""
