"""Let the convolutions of a network see where they are, and undo it."""

from collections.abc import Container, Iterable
from typing import Any, Literal

from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized

from coordlib.layers.add_coords import AddCoords, Axes, WithR
from coordlib.surgery._blurred import bare_type, bare_view, hand_on
from coordlib.surgery._kinds import COORD_CONVS, LAZY, is_lazy
from coordlib.surgery._names import check_model, copied, put
from coordlib.surgery._report import Change, Report, finish

_WITH_COORDS: dict[type[nn.Module], type[Any]] = {
    layer.plain: layer for layer in COORD_CONVS
}


def coordify(
    model: nn.Module,
    which: Literal["first", "all"] | Iterable[str] = "first",
    with_r: WithR = False,
    axes: Axes = None,
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
    with_r : bool or "unit"
        Whether they also see the distance from the centre, rescaled to [0, 1] if
        "unit".
    axes : int or sequence of int, optional
        Whose coordinates they see, as in :class:`~coordlib.layers.AddCoords`.

    Returns
    -------
    model : nn.Module
        A copy of the same class. The names of its parameters are those of the original;
        the weights of the new layers have more input channels. A state dict of the
        original loads into it nevertheless: the weights of the coordinates become zero.
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
    registered hooks on them; subclasses may compute something else. Weights that layers
    share stay shared; if not all of those layers are changed, none of them is.

    Liu et al., 2018, "An intriguing failing of convolutional neural networks and the
    CoordConv solution", section 3.

    Examples
    --------
    >>> net, report = coordify(nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU()))
    >>> net[0]
    CoordConv2d(3, 8, kernel_size=(3, 3), stride=(1, 1))
    """
    check_model(model)
    coords = AddCoords(with_r, axes)  # refuses what no layer takes
    with_r, axes = coords.with_r, coords.axes
    model = copied(model)
    convs = {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, nn.modules.conv._ConvNd)
        and not isinstance(module, COORD_CONVS)
    }
    unchanged, able = [], {}
    for name in _chosen(convs, which):
        obstacle = _obstacle(convs[name], _WITH_COORDS)
        if obstacle:
            unchanged.append(Change(name, _kind(convs[name]), obstacle))
        else:
            able[name] = convs[name]
    new, tied = {}, _tied_elsewhere(model, able)
    for name, conv in able.items():
        if name in tied:
            unchanged.append(Change(name, _kind(conv), tied[name]))
        else:
            kind = _WITH_COORDS[bare_type(conv)]
            new[name] = kind.from_conv(bare_view(conv), with_r, axes)
            new[name].register_load_state_dict_pre_hook(_accept_plain)
    model, changed = _replaced(model, new)
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
        convolution of ``torch.nn`` again. A state dict of the original loads into it
        too, if the coordinates are not used in it either.
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
    model = copied(model)
    unchanged, able = [], {}
    for name, layer in model.named_modules():
        if not isinstance(layer, COORD_CONVS):
            continue
        obstacle = _obstacle(layer, COORD_CONVS)
        if not obstacle and layer.weight.is_meta:
            obstacle = "on the meta device nobody knows whether its weights are zero"
        try:
            if not obstacle:
                able[name] = layer, bare_view(layer).to_conv()
                able[name][1].register_load_state_dict_pre_hook(_accept_wide)
        except ValueError as error:
            obstacle = str(error)
        if obstacle:
            unchanged.append(Change(name, _kind(layer), obstacle))
    tied = _tied_elsewhere(model, {name: layer for name, (layer, _) in able.items()})
    for name, reason in tied.items():
        unchanged.append(Change(name, _kind(able.pop(name)[0]), reason))
    model, changed = _replaced(model, {name: conv for name, (_, conv) in able.items()})
    return finish(model, changed, unchanged, "to make plain")


def _chosen(convs: dict[str, Any], which: Any) -> list[str]:
    if not isinstance(which, Iterable):
        raise TypeError(f"which must be names of modules, got {which!r}")
    if which == "all":
        return list(convs)
    if which == "first":
        return list(convs)[:1]
    if isinstance(which, str):
        raise ValueError(
            f'which must be "first", "all" or a list of names, got {which!r}'
        )
    names = list(which)
    unknown = [name for name in names if name not in convs]
    if unknown:
        raise ValueError(
            f"which names no convolution without coordinates: "
            f"{', '.join(map(str, unknown))}; there are {', '.join(convs) or 'none'}"
        )
    return names


def _kind(layer: nn.Module) -> str:
    return bare_type(layer).__name__


def _obstacle(conv: nn.Module, kinds: Container[type]) -> str:
    """Why a convolution cannot become another layer; empty if it can."""
    if is_lazy(conv):
        return LAZY
    if is_parametrized(conv):
        return "its weight is computed from others (torch.nn.utils.parametrize)"
    if bare_type(conv) not in kinds:
        return "a subclass, which may compute something else"
    if conv._forward_hooks or conv._forward_pre_hooks:
        return "it has hooks of its own, which a new layer would not have"
    return ""


def _tied_elsewhere(model: nn.Module, able: dict[str, Any]) -> dict[str, str]:
    """Those layers whose weight is also that of a layer that is not to be changed.

    Or that would be widened in another way.
    """
    shapes = {
        name: (layer.transposed, layer.groups if layer.transposed else 1)
        for name, layer in able.items()
    }
    reasons = {}
    for name, layer in able.items():
        for other, module in model.named_modules():
            for own, parameter in module._parameters.items():
                if parameter is not layer.weight or (other, own) == (name, "weight"):
                    continue
                if own != "weight" or shapes.get(other) != shapes[name]:
                    reasons[name] = f"its weight is also the {own} of {other}"
    return reasons


def _replaced(model: nn.Module, new: dict[str, Any]) -> tuple[nn.Module, list[Change]]:
    """Put new layers in their places: what was shared by the old ones stays shared."""
    changed = []
    weights: dict[nn.Parameter, nn.Parameter] = {}
    for name, layer in new.items():
        old: Any = model.get_submodule(name)
        layer.weight = weights.setdefault(old.weight, layer.weight)
        layer.bias = old.bias
        changed.append(Change(name, _kind(old), type(layer).__name__))
        model = put(model, name, hand_on(old, layer))
    return model, changed


def _accept_plain(
    layer: Any, state_dict: dict[str, Tensor], prefix: str, *others: Any
) -> None:
    """Widen the weight of a plain convolution that is loaded into a CoordConv."""
    weight = state_dict.get(f"{prefix}weight")
    plain_weight, _ = layer._split(layer.weight)
    if weight is not None and weight.shape == plain_weight.shape:
        state_dict[f"{prefix}weight"] = layer._widened(weight)


def _accept_wide(
    conv: Any,
    state_dict: dict[str, Tensor],
    prefix: str,
    metadata: Any,
    strict: bool,
    missing: list[str],
    unexpected: list[str],
    errors: list[str],
) -> None:
    """Narrow the weight of a CoordConv that is loaded into a plain convolution."""
    weight = state_dict.get(f"{prefix}weight")
    if weight is None:
        return
    kind, rank = _WITH_COORDS[bare_type(conv)], len(conv.kernel_size)
    for n in range(1, rank + 2):
        # Of the coordinates the number counts here, and not which they are.
        layer = kind.from_conv(bare_view(conv), n > rank, range(min(n, rank)))
        if weight.shape != layer.weight.shape:
            continue
        on_input, on_coords = layer._split(weight)
        if on_coords.any():
            errors.append(
                f"{prefix}weight uses coordinates, and a plain convolution has none"
            )
        else:
            state_dict[f"{prefix}weight"] = on_input
