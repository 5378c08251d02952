"""Where a network loses it: the probe at the output of every module."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from math import log, prod
from typing import Any

import torch
from torch import Tensor, nn

from coordlib.arguments import check_module, check_sequence
from coordlib.grid import Shift
from coordlib.probe._compare import (
    Rule,
    Select,
    Sides,
    Stride,
    as_stride,
    check_select,
    compare,
    kind_of,
    selected,
    strides_told,
    windows,
)
from coordlib.probe._probe import Between, Mode, Probe, check_protocol, gathered
from coordlib.probe.watching import in_mode, is_compiled, watched


@dataclass(frozen=True)
class LayerProbes:
    """What :func:`probe_layers` measured. Print it.

    Attributes
    ----------
    probes : dict of str to Probe
        By name of the module, in the order of the calls. A second call of the same
        module is ``"name (2)"``.
    modules : dict of str to str
        What they are, such as ``"Conv2d"``.
    skipped : dict of str to str
        Modules whose output could not be measured, and why.
    """

    probes: dict[str, Probe]
    modules: dict[str, str]
    skipped: dict[str, str]

    @property
    def first_inexact(self) -> str | None:
        """The first output that is not exact at every shift, if there is one."""
        inexact = (name for name, found in self.probes.items() if not found.is_exact)
        return next(inexact, None)

    def __str__(self) -> str:
        head = ("layer", "module", "size", "stride", "exact", "mean error", "worst")
        rows = [head, *(self._row(name) for name in self.probes)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join(
                cell.ljust(width) if n < 4 else cell.rjust(width)
                for n, (cell, width) in enumerate(zip(row, widths, strict=True))
            )
            for row in rows
        ]
        lines.append(f"first inexact: {self.first_inexact or 'none'}")
        lines += [f"skipped: {name}: {why}" for name, why in self.skipped.items()]
        return "\n".join(lines)

    def _row(self, name: str) -> tuple[str, ...]:
        found = self.probes[name]
        places = found.kind == "equivariance"
        return (
            name,
            self.modules[name],
            " x ".join(map(str, found.maps.shape[1:])) if places else "-",
            " x ".join(map(str, dict.fromkeys(found.stride))) if places else "-",
            f"{len(found.exact)} of {len(found.shifts)}",
            f"{float(found.errors.mean()):.2g}",
            f"{float(found.errors.max()):.2g}",
        )


@torch.no_grad()
def probe_layers(
    model: nn.Module,
    x: Tensor,
    shifts: Iterable[float | Shift],
    *,
    layers: Sequence[str] | None = None,
    mode: Mode = "circular",
    between: Between = "nearest",
    tolerance: float = 1e-5,
    select: Select | None = None,
) -> LayerProbes:
    """Probe a network at the output of each of its modules: where does it lose it?

    Parameters
    ----------
    model : nn.Module
        It is measured in evaluation mode, and left as it was.
    x : Tensor
        Its input, of shape ``(N, C, *size)``, with one to three spatial axes.
    shifts, mode, between, tolerance
        As for :func:`probe`.
    layers : sequence of str, optional
        Patterns, as in :mod:`fnmatch`, for names in ``model.named_modules()``; ``""``
        is the model itself. Without them all modules that hold no others.
    select : str, int or callable, optional
        Which part to measure of outputs that are tuples or dicts; such outputs are
        skipped without it. A function is given every output, and may bring its axes
        into the order ``(N, C, *size)`` as well.

    Returns
    -------
    LayerProbes

    Raises
    ------
    ValueError, TypeError
        If ``model`` is no module or one that ``torch.jit`` has compiled, a pattern fits
        none or none is called, the calls or the shapes of outputs differ between
        shifts, and where :func:`probe` raises.

    Notes
    -----
    Each error is that of the whole way from the input. Functions that are called in a
    forward pass show in the next module only.

    Strides are told by sizes, step by step: that of an output is the stride of what the
    module was given, times the ratio of its own sizes; features of one size have one
    stride. So borders lost on the way add up to nothing.

    An output whose first axis is not that of ``x``, or that has lost some of its
    spatial axes only, is skipped, and so is what ``torch.jit`` has compiled. An output
    with as many axes as ``x``, but in another order, cannot be told from others: see
    ``select``.

    Examples
    --------
    >>> net = nn.Sequential(nn.Conv2d(1, 4, 1), nn.MaxPool2d(2), nn.ReLU())
    >>> probe_layers(net, torch.rand(1, 1, 8, 8), [(0, 1), (0, 2)]).first_inexact
    '1'
    """
    check_module("model", model)
    if isinstance(model, torch.jit.ScriptModule):
        raise TypeError(
            "model must be a torch.nn.Module in Python, got one that torch.jit has "
            "compiled: probe it layer by layer before that"
        )
    shifts = check_protocol(x, shifts, mode, between, tolerance)
    check_select(select)
    names = _names(model, layers)
    window = windows(x, shifts, mode)
    axes = len(shifts[0])
    still = window((0,) * axes)
    with in_mode(model, False):
        first = _outputs(model, still, names, select)
        skipped = {name: _unfit(one.output, still, axes) for name, one in first.items()}
        for name in names:
            if is_compiled(model, name):
                skipped[name] = "torch.jit has compiled it, and shows no output of it"
        rules = _rules(first, skipped, still, axes, mode, between)
        if not rules:
            raise ValueError(
                "layers must be modules that are called and give tensors (N, C, *size) "
                f"or (N, C), got {skipped or 'none'}"
            )
        sides: dict[str, list[Sides]] = {name: [] for name in rules}
        for s in shifts:
            moved = _outputs(model, window(s), names, select)
            if moved.keys() != first.keys():
                raise ValueError(f"model calls other modules for shift {s}")
            for name, rule in rules.items():
                try:
                    side = compare(moved[name].output, first[name].output, s, rule)
                except ValueError as error:
                    raise ValueError(f"layers: at {name}, {error}") from error
                sides[name].append(replace(side, panel=None))
    return LayerProbes(
        {
            name: gathered(shifts, sides[name], first[name].output, rule, tolerance, [])
            for name, rule in rules.items()
        },
        {name: first[name].module for name in rules},
        {name: why for name, why in skipped.items() if why},
    )


def _names(model: nn.Module, patterns: Sequence[str] | None) -> list[str]:
    modules = dict(model.named_modules())
    for name, module in list(modules.items()):
        if isinstance(module, torch.jit.ScriptModule):  # it shows nothing of itself
            inside = [other for other in modules if other.startswith(f"{name}.")]
            modules = {k: v for k, v in modules.items() if k not in inside}
    if patterns is None:
        return [name for name, module in modules.items() if _holds_none(module)]
    check_sequence("layers", patterns, str, "patterns")
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in modules):
            raise ValueError(f"layers: no module has a name like {pattern!r}")
    return [n for n in modules if any(fnmatchcase(n, pattern) for pattern in patterns)]


def _holds_none(module: nn.Module) -> bool:
    return isinstance(module, torch.jit.ScriptModule) or not module._modules


@dataclass(frozen=True)
class _Call:
    """What a module was, what sizes it was given, and what it gave."""

    module: str
    given: Sequence[int]
    output: Any


def _outputs(
    model: nn.Module, x: Tensor, names: list[str], select: Select | None
) -> dict[str, _Call]:
    calls: dict[str, _Call] = {}
    count: Counter[str] = Counter()

    def see(name: str, arguments: tuple[Any, ...], output: Any) -> None:
        count[name] += 1
        again = f" ({count[name]})" if count[name] > 1 else ""
        output = selected(output, select)
        if isinstance(output, Tensor):
            output = output.clone()  # an activation may be about to write into it
        given = next((a.shape for a in arguments if isinstance(a, Tensor)), ())
        kind = type(model.get_submodule(name)).__name__
        calls[f"{name or '(the model)'}{again}"] = _Call(kind, given, output)

    with watched(model, names, see):
        model(x.clone())  # it may write into what it is given
    return calls


def _unfit(output: Any, x: Tensor, axes: int) -> str:
    """Why an output cannot be measured; empty if it can."""
    if not isinstance(output, Tensor):
        return f"it gives a {type(output).__name__}; select= picks a part of it"
    if not output.is_floating_point():
        return f"it gives {output.dtype}, which is not floating point"
    shape = tuple(output.shape)
    if not output.numel():
        return f"it gives shape {shape}, which holds no values"
    if shape[:1] != tuple(x.shape[:1]) or not kind_of(output, x, axes):
        return f"it gives shape {shape}, neither (N, C, *size) nor (N, C)"
    return ""


def _rules(
    calls: dict[str, _Call],
    skipped: dict[str, str],
    x: Tensor,
    axes: int,
    mode: str,
    between: str,
) -> dict[str, Rule]:
    """Say how each output moves; strides add up from module to module."""
    known: dict[tuple[int, ...], Stride] = {tuple(x.shape[-axes:]): (1,) * axes}

    def stride_of(size: tuple[int, ...]) -> Stride:
        # Where functions changed the size unseen: by the nearest size that was seen.
        if size not in known:
            near = min(known, key=lambda one: abs(log(prod(one) / prod(size))))
            known[size] = from_to(near, size)
        return known[size]

    def from_to(size: tuple[int, ...], made: tuple[int, ...]) -> Stride:
        steps = zip(stride_of(size), strides_told(size, made), strict=True)
        return as_stride(tuple(a * b for a, b in steps), axes)

    rules = {}
    for name, call in calls.items():
        if skipped[name]:
            continue
        kind = kind_of(call.output, x, axes)
        stride: Stride = (1,) * axes
        if kind == "equivariance":
            made = tuple(call.output.shape[-axes:])
            seen = len(call.given) == x.ndim
            stride = (
                from_to(tuple(call.given[-axes:]), made) if seen else stride_of(made)
            )
            known.setdefault(made, stride)
        rules[name] = Rule(kind, stride, mode, between)
    return rules
