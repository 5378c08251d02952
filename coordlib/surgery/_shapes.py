"""The shapes of what comes out of every module of a network."""

from typing import Any

import torch
from torch import Tensor, nn

from coordlib.probe.watching import in_mode, watched
from coordlib.surgery._names import tried


def output_shapes(model: nn.Module, example: tuple[Any, ...]) -> dict[str, list[Any]]:
    """Shapes of the outputs of all modules, one entry a call, in evaluation."""
    shapes: dict[str, list[Any]] = {}

    def see(name: str, arguments: tuple[Any, ...], output: Any) -> None:
        shapes.setdefault(name, []).append(_shapes(output))

    names = [name for name, _ in model.named_modules()]
    model = tried(model)
    # It may write into what it is given.
    inputs = [v.clone() if isinstance(v, Tensor) else v for v in example]
    with watched(model, names, see), in_mode(model, False), torch.no_grad():
        model(*inputs)
    return shapes


def check_shapes(
    before: dict[str, list[Any]], after: dict[str, list[Any]], dense: set[str]
) -> None:
    """Refuse a change that altered the shape of an output.

    Parameters
    ----------
    before, after : dict
        As :func:`output_shapes` gives them.
    dense : set of str
        The modules that may give more: they stand between a convolution and its blur.
    """
    for name, old in before.items():
        new = after.get(name)
        if name not in dense and new != old:
            raise ValueError(
                f"model cannot be changed there: the output of {name or 'the model'} "
                f"had shape {_told(old)} and would have {_told(new)}; exclude= leaves "
                "modules as they are"
            )


def _shapes(output: Any) -> Any:
    if isinstance(output, Tensor):
        return tuple(output.shape)
    if isinstance(output, dict):
        return {key: _shapes(value) for key, value in output.items()}
    if isinstance(output, tuple | list):
        return [_shapes(value) for value in output]
    return None


def _told(shapes: list[Any] | None) -> str:
    return "none" if not shapes else ", ".join(map(str, shapes))
