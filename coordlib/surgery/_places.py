"""Where in a network the blur of a strided convolution belongs."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from torch import fx, nn
from torch.fx.node import map_arg

from coordlib.surgery._graphs import trace
from coordlib.surgery._kinds import (
    ACTIVATION_NAMES,
    AVERAGE_POOLS,
    CONVS,
    MAX_POOLS,
    NORM_FUNCTIONS,
    is_blur,
    is_norm,
    is_own,
)
from coordlib.surgery._names import inside, join


@dataclass(frozen=True)
class Target:
    """A module that a blur is to stand at.

    Attributes
    ----------
    name : str
    arguments : tuple of int or str
        Positions and names of what to blur; empty if that is the output.
    alone : bool
        Whether the module has but one input, given by its position.
    """

    name: str
    arguments: tuple[int | str, ...] = ()
    alone: bool = True


@dataclass(frozen=True)
class Place:
    """A place behind a nonlinearity.

    Attributes
    ----------
    targets : tuple of Target
        No target at all: there is a nonlinearity, but no place.
    dense : frozenset of str
        The modules between a convolution and its blur, which give as much as a
        convolution of stride 1 does.
    """

    targets: tuple[Target, ...] = ()
    dense: frozenset[str] = frozenset()

    def __str__(self) -> str:
        names = ", ".join(target.name for target in self.targets)
        side = "before" if self.targets[0].arguments else "after"
        return f"blur and subsample {side} {names}"


NO_PLACE = Place()


class Flow:
    """What runs into what in a model, as long as it is in one mode.

    Attributes
    ----------
    graphs : dict
        From the name of a module that could be traced to its graph.
    failures : dict
        From the name of a module that could not to the reason.
    """

    def __init__(self, model: nn.Module, activations: tuple[type, ...]) -> None:
        self.model = model
        self.activations = activations
        self.graphs, self.failures = trace(model, self._is_leaf)
        # One module may have several names, and then parts that are traced by
        # themselves know it by different ones.
        self._first_name: dict[nn.Module, str] = {
            module: name for name, module in model.named_modules()
        }
        self._names: dict[nn.Module, int] = defaultdict(int)
        for _, module in model.named_modules(remove_duplicate=False):
            self._names[module] += 1
        self._calls: dict[str, list[tuple[str, fx.Node]]] = defaultdict(list)
        for prefix, graph in self.graphs.items():
            for node in graph.nodes:
                if node.op == "call_module":
                    self._calls[self._name(prefix, node)].append((prefix, node))
        # What a trace does not look into may call a part that others call, too; what
        # it could not look into was traced apart.
        leaves = [
            self.model.get_submodule(name)
            for name in self._calls
            if name not in self.failures
        ]
        self._parts_of_leaves = {
            part for leaf in leaves for part in leaf.modules() if part is not leaf
        }

    def place(self, name: str) -> list[Place | None]:
        """Where the blur of a convolution belongs.

        Returns
        -------
        list of Place or None
            One place; None if the convolution runs into no nonlinearity; an empty list
            if it was not seen, or not far enough.
        """
        calls = self._calls.get(name, [])
        if not calls:
            return []
        if not self._once(name):
            return [NO_PLACE]
        ((prefix, node),) = calls
        path = [node]
        while len(node.users) == 1:
            (node,) = node.users
            if node.op == "output":
                return []
            if self._is_nonlinear(prefix, node):
                return [self._behind(prefix, path, node)]
            if not self._is_norm(prefix, node):
                return [None]
            path.append(node)
        return [None]

    def _behind(self, prefix: str, path: list[fx.Node], node: fx.Node) -> Place:
        """The place behind a nonlinearity, be it a module or a function."""
        if node.op == "call_module" and self._once(self._name(prefix, node)):
            targets = [Target(self._name(prefix, node))]
        else:
            path = [*path, node]
            targets = []
            for user in node.users:
                arguments = _arguments(user, node)
                if not arguments or not self._once(self._name(prefix, user)):
                    return NO_PLACE
                alone = arguments == (0,) and len(user.args) + len(user.kwargs) == 1
                targets.append(Target(self._name(prefix, user), arguments, alone))
        around = {name for step in path for name in self._around(prefix, step)}
        dense = {
            outer
            for outer in around
            if not all(inside(target.name, outer) for target in targets)
        }
        # A normalisation may have parts, which give what is blurred behind it only.
        for step in {*path, node}:
            if step.op == "call_module":
                dense |= self._parts(self._name(prefix, step))
        return Place(tuple(targets), frozenset(dense))

    def _parts(self, name: str) -> set[str]:
        """The first names of all modules in a module, which several may share."""
        whole = self.model.get_submodule(name)
        return {self._first_name[part] for part in whole.modules() if part is not whole}

    def _name(self, prefix: str, node: fx.Node) -> str:
        return self._first_name[self._module(prefix, node)]

    def _module(self, prefix: str, node: fx.Node) -> nn.Module:
        return self.model.get_submodule(join(prefix, str(node.target)))

    def _around(self, prefix: str, node: fx.Node) -> list[str]:
        """The modules that a node runs in, itself included if it is one."""
        stack = node.meta.get("nn_module_stack") or {}
        return [
            self._first_name[self.model.get_submodule(join(prefix, name))]
            for name, _ in stack.values()
        ]

    def _once(self, name: str) -> bool:
        """Whether a module runs once, as far as can be seen."""
        module = self.model.get_submodule(name)
        unseen = bool(self.failures) and self._names[module] > 1
        hidden = unseen or module in self._parts_of_leaves
        return len(self._calls[name]) == 1 and not hidden

    def _is_nonlinear(self, prefix: str, node: fx.Node) -> bool:
        if node.op == "call_module":
            return self._is_activation(
                self.model.get_submodule(self._name(prefix, node))
            )
        return _function(node).rstrip("_") in ACTIVATION_NAMES

    def _is_norm(self, prefix: str, node: fx.Node) -> bool:
        if node.op == "call_module":
            return is_norm(self._module(prefix, node))
        return _function(node) in NORM_FUNCTIONS

    def _is_activation(self, module: nn.Module) -> bool:
        if isinstance(module, self.activations):
            return True
        # Some libraries have a normalisation that ends in a nonlinearity.
        return is_norm(module) and any(map(self._is_activation, module.children()))

    def _is_leaf(self, module: nn.Module) -> bool:
        """What a trace need not look into."""
        known = (*CONVS, *MAX_POOLS, *AVERAGE_POOLS, *self.activations)
        return (
            isinstance(module, known)
            or is_norm(module)
            or is_own(module)
            or is_blur(module)
        )


def _arguments(user: fx.Node, node: fx.Node) -> tuple[int | str, ...]:
    """Which arguments of a module a value is; none if it may be part of one."""
    if user.op != "call_module":
        return ()
    given: dict[Any, Any] = {**dict(enumerate(user.args)), **user.kwargs}
    arguments = tuple(key for key, value in given.items() if value is node)
    met: list[fx.Node] = []
    map_arg((user.args, user.kwargs), lambda n: met.append(n) if n is node else None)
    return arguments if len(met) == len(arguments) else ()


def _function(node: fx.Node) -> str:
    if node.op not in ("call_function", "call_method"):
        return ""
    return getattr(node.target, "__name__", str(node.target))
