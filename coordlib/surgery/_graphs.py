"""What runs into what in a network, by torch.fx."""

import inspect
from collections.abc import Callable
from typing import Any

import torch.nn.functional as F
from torch import fx, nn

from coordlib.surgery._kinds import CHANNEL_FUNCTIONS, CONV_FUNCTIONS, POOL_FUNCTIONS
from coordlib.surgery._names import join, tried
from coordlib.surgery._others import shrinks


def trace(
    model: nn.Module, is_leaf: Callable[[nn.Module], bool]
) -> tuple[dict[str, fx.Graph], dict[str, str]]:
    """Trace a model, and apart from it the parts that cannot be traced within it.

    Returns
    -------
    graphs : dict
        From the name of a module to its graph. Targets in it start at that module.
    failures : dict
        From the names of the modules that cannot be traced themselves to the reason.
    """
    model = tried(model)
    opaque: set[nn.Module] = set()
    graphs: dict[str, fx.Graph] = {}
    failures: dict[str, str] = {}

    class Tracer(fx.Tracer):
        def is_leaf_module(self, module: nn.Module, name: str) -> bool:
            known = module in opaque or is_leaf(module)
            return known or super().is_leaf_module(module, name)

    def visit(module: nn.Module, name: str) -> None:
        whole = not any(module.children()) and Tracer().is_leaf_module(module, name)
        if whole or is_leaf(module):
            return
        graph, error = _graph(Tracer(), module)
        if graph is None:
            for child_name, child in module.named_children():
                visit(child, join(name, child_name))
            graph, error = _graph(Tracer(), module)
        if graph is None:
            opaque.add(module)
            if not isinstance(module, nn.ModuleList | nn.ModuleDict):
                failures[name] = error
        else:
            graphs[name] = graph

    visit(model, "")
    return _outermost(graphs, opaque, model), failures


def _graph(tracer: fx.Tracer, module: nn.Module) -> tuple[fx.Graph | None, str]:
    try:
        return tracer.trace(module, concrete_args=_defaults(module)), ""
    except Exception as error:  # a forward pass may fail on a proxy in any way
        return None, f"{type(error).__name__}: {error}".splitlines()[0][:80]


def _defaults(module: nn.Module) -> dict[str, Any]:
    """Arguments that have defaults are taken at them, as in a plain call."""
    parameters = inspect.signature(module.forward).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not p.empty}


def _outermost(
    graphs: dict[str, fx.Graph], opaque: set[nn.Module], model: nn.Module
) -> dict[str, fx.Graph]:
    """Leave out graphs of parts that a larger graph shows already."""

    def shown(name: str) -> bool:
        above = name
        while above:
            above = above.rpartition(".")[0]
            if model.get_submodule(above) in opaque:
                return False
            if above in graphs:
                return True
        return False

    return {name: graph for name, graph in graphs.items() if not shown(name)}


def subsampling(node: fx.Node) -> str:
    """Say which subsampling a function in a graph does; empty if none."""
    if node.op != "call_function":
        return ""
    if node.target in POOL_FUNCTIONS:
        stride = node.kwargs.get("stride", (*node.args, None, None)[2])
        if stride is None:
            stride = node.kwargs.get("kernel_size", (*node.args, None)[1])
        return POOL_FUNCTIONS[node.target] if _above_one(stride) else ""
    if node.target is F.interpolate:
        scale = node.kwargs.get("scale_factor", (*node.args, None, None, None)[2])
        return "resize" if shrinks(scale) else ""
    if node.target in CHANNEL_FUNCTIONS:
        factor = node.kwargs.get("downscale_factor", (*node.args, None)[1])
        return "moving of pixels into channels" if _above_one(factor) else ""
    if node.target in CONV_FUNCTIONS:
        stride = node.kwargs.get("stride", (*node.args, 1, 1, 1, 1)[3])
        return "strided convolution" if _above_one(stride) else ""
    if getattr(node.target, "__name__", "") == "getitem":
        index = node.args[1] if isinstance(node.args[1], tuple) else (node.args[1],)
        steps = [i.step for i in index if isinstance(i, slice)]
        return "slicing with a step" if any(map(_above_one, steps)) else ""
    return ""


def _above_one(stride: Any) -> bool:
    values = stride if isinstance(stride, tuple | list) else (stride,)
    return any(isinstance(s, int) and s > 1 for s in values)
