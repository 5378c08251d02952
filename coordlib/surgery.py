"""Change a trained network instead of rewriting it: less aliasing, or coordinates.

Every function returns a changed copy and a :class:`Report`. Trained weights stay, under
the names they had: a state dict of the old network loads into the new one.
"""

import copy
import inspect
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from coordlib.layers import (
    BlurPool1d,
    BlurPool2d,
    BlurPool3d,
    CoordConv1d,
    CoordConv2d,
    CoordConv3d,
    CoordConvTranspose1d,
    CoordConvTranspose2d,
    CoordConvTranspose3d,
    MaxBlurPool1d,
    MaxBlurPool2d,
    MaxBlurPool3d,
)

__all__ = ["Change", "Report", "SamePad", "antialias", "coordify", "plain"]

_CONVS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_COORD_CONVS = (
    CoordConv1d,
    CoordConv2d,
    CoordConv3d,
    CoordConvTranspose1d,
    CoordConvTranspose2d,
    CoordConvTranspose3d,
)
_WITH_COORDS = {layer.plain: layer for layer in _COORD_CONVS}
_MAX_POOLS = (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d)
_AVERAGE_POOLS = (nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)
_BLUR = {1: BlurPool1d, 2: BlurPool2d, 3: BlurPool3d}
_MAX_BLUR = {1: MaxBlurPool1d, 2: MaxBlurPool2d, 3: MaxBlurPool3d}

_ACTIVATIONS = (
    *(nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.RReLU, nn.ELU, nn.CELU, nn.SELU),
    *(nn.GELU, nn.SiLU, nn.Mish, nn.Hardswish, nn.Hardsigmoid, nn.Hardtanh),
    *(nn.Sigmoid, nn.LogSigmoid, nn.Tanh, nn.Softplus, nn.Softsign, nn.Tanhshrink),
    *(nn.Hardshrink, nn.Softshrink, nn.Threshold),
)
# The same as functions and as methods of a tensor, with and without "_" at the end.
_ACTIVATION_NAMES = {
    *("relu", "relu6", "leaky_relu", "prelu", "rrelu", "elu", "celu", "selu", "gelu"),
    *("silu", "mish", "hardswish", "hardsigmoid", "hardtanh", "sigmoid", "logsigmoid"),
    *("tanh", "softplus", "softsign", "clamp", "threshold"),
}
# What may stand between a convolution and its nonlinearity.
_NORMS = (
    *(nn.modules.batchnorm._NormBase, nn.GroupNorm, nn.LayerNorm),
    *(nn.LocalResponseNorm, nn.Identity, nn.modules.dropout._DropoutNd),
)
_NORM_FUNCTIONS = {"batch_norm", "instance_norm", "group_norm", "dropout", "contiguous"}
_POOL_FUNCTIONS = {
    **{getattr(F, f"max_pool{d}d"): "max pooling" for d in (1, 2, 3)},
    **{getattr(F, f"avg_pool{d}d"): "average pooling" for d in (1, 2, 3)},
    **{getattr(torch, f"max_pool{d}d"): "max pooling" for d in (1, 2, 3)},
}
_CONV_FUNCTIONS = {getattr(F, f"conv{d}d") for d in (1, 2, 3)}


@dataclass(frozen=True)
class Change:
    """One entry of a :class:`Report`.

    Attributes
    ----------
    name : str
        Of the module, as in ``model.named_modules()``.
    what : str
        The module as it was, in short.
    how : str
        What became of it, or why it stayed.
    """

    name: str
    what: str
    how: str

    def __str__(self) -> str:
        return f"{self.name or '(the model)'}: {self.what}: {self.how}"


@dataclass(frozen=True)
class Report:
    """What was changed in a model, and what stayed and why. Print it.

    Attributes
    ----------
    changed : tuple of Change
    unchanged : tuple of Change
        What would have been changed, had it been possible or asked for.
    """

    changed: tuple[Change, ...]
    unchanged: tuple[Change, ...]

    def __str__(self) -> str:
        lines = [f"changed: {len(self.changed)}"]
        lines += [f"  {entry}" for entry in self.changed]
        lines += [f"unchanged: {len(self.unchanged)}"]
        lines += [f"  {entry}" for entry in self.unchanged]
        return "\n".join(lines)


def antialias(
    model: nn.Module,
    filter_size: int = 3,
    padding_mode: str = "reflect",
    *,
    first_conv: bool = False,
    activations: tuple[type[nn.Module], ...] = (),
) -> tuple[nn.Module, Report]:
    """Blur wherever a network subsamples: a copy of it that aliases less.

    =====================  =========================================================
    before                 after
    =====================  =========================================================
    max pooling            maximum with stride 1, blur and subsample
    strided convolution    stride 1, its normalisation, its nonlinearity, blur and
                           subsample
    strided 1x1 shortcut   blur and subsample, then the convolution with stride 1:
                           the same function, at a quarter of the work
    average pooling        blur and subsample
    =====================  =========================================================

    Parameters
    ----------
    model : nn.Module
        In one, two or three dimensions. It stays as it is.
    filter_size : int
        Taps of the blur, along the axes that are subsampled; 1 does not blur, and
        leaves the outputs of strided convolutions and max pools as they were.
    padding_mode : {"reflect", "replicate", "zeros", "circular"}
        What lies beyond the border, for the blur, and for the maximum if "circular".
        The convolutions keep theirs.
    first_conv : bool
        Whether the first convolution, if it is strided, is treated like the others.
        It sees the whole picture, and with stride 1 costs ``stride ** 2`` times as
        much; the paper leaves it strided.
    activations : tuple of types
        Classes of modules to be taken for pointwise nonlinearities, beside those of
        ``torch.nn``.

    Returns
    -------
    model : nn.Module
        A copy of the same class. Parameters, buffers and their names are those of the
        original; blurs have neither. Blurs that belong to a module with weights stand
        in it as ``blur_input`` or ``blur_output`` and act through a forward hook.
    report : Report
        What changed, and what stayed and why. Check it: where the nonlinearity behind
        a strided convolution could not be found, the blur follows the convolution.

    Raises
    ------
    TypeError
        If ``model`` is not a module, or ``filter_size`` not an integer.
    ValueError
        If an option is unknown or out of its range, or there is nothing to change.

    Notes
    -----
    The nonlinearity is found by tracing the forward pass with ``torch.fx``; what cannot
    be traced is traced in parts. Every output keeps its size. Trained weights work at
    once, but were trained for another network: fine-tuning recovers what accuracy is
    lost. The original networks of the paper differ from this in one place: the maximum
    in the stem of a ResNet keeps its window of 3 here, for which it was trained.

    Average pools stay if their window is wider than the filter, for then they are the
    stronger low-pass filter, or if no blur has their output size. Maxima
    with dilation or indices, and functions called in a forward pass
    (``F.max_pool2d``, ``x[:, :, ::2, ::2]``), stay too, and are reported.

    Zhang, 2019, "Making convolutional networks shift-invariant again", section 3.2.

    Examples
    --------
    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.Conv2d(8, 8, 3, 2), nn.ReLU())
    >>> blurred, report = antialias(net)
    >>> print(report)
    changed: 1
      1: Conv2d with stride (2, 2): stride 1; blur and subsample after 2
    unchanged: 1
      0: Conv2d with stride (2, 2): the first convolution; first_conv=True changes it
    """
    _check_model(model)
    BlurPool2d(None, filter_size, 2, padding_mode)  # refuses bad options
    if not isinstance(filter_size, int):
        raise TypeError(f"filter_size must be an integer, got {filter_size!r}")
    surgeon = _Antialias(
        copy.deepcopy(model), filter_size, padding_mode, tuple(activations)
    )
    surgeon.convolutions(first_conv)
    surgeon.pools()
    surgeon.functions()
    return _finish(surgeon.model, surgeon.changed, surgeon.unchanged, "to antialias")


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
    _check_model(model)
    model = copy.deepcopy(model)
    convs = {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, nn.modules.conv._ConvNd)
        and not isinstance(module, _COORD_CONVS)
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
        model = _put(model, name, _with_blurs_of(conv, layer))
        changed.append(Change(name, what, type(layer).__name__))
    return _finish(model, changed, unchanged, "to give coordinates to")


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
    _check_model(model)
    model = copy.deepcopy(model)
    changed, unchanged = [], []
    for name, layer in list(model.named_modules()):
        if not isinstance(layer, _COORD_CONVS):
            continue
        what = type(layer).__name__
        try:
            conv = layer.to_conv()
        except ValueError as error:
            unchanged.append(Change(name, what, str(error)))
            continue
        model = _put(model, name, _with_blurs_of(layer, conv))
        changed.append(Change(name, what, type(conv).__name__))
    return _finish(model, changed, unchanged, "to make plain")


class SamePad(nn.Module):
    """Pad as TensorFlow's "same" does for a window of a given stride.

    The window then fits ``ceil(size / stride)`` times; of an odd number of pixels the
    larger half comes after. Written for convolutions that do this themselves, and must
    go on doing it for their old stride.

    Parameters
    ----------
    kernel_size, stride, dilation : tuple of int
        One entry an axis.
    value : float
        What the border is filled with.
    """

    def __init__(
        self,
        kernel_size: tuple[int, ...],
        stride: tuple[int, ...],
        dilation: tuple[int, ...],
        value: float = 0.0,
    ) -> None:
        super().__init__()
        self.kernel_size, self.stride = tuple(kernel_size), tuple(stride)
        self.dilation, self.value = tuple(dilation), value

    def forward(self, input: Tensor) -> Tensor:
        pads: list[int] = []
        for axis in reversed(range(len(self.kernel_size))):
            n, s = input.shape[axis - len(self.kernel_size)], self.stride[axis]
            span = self.dilation[axis] * (self.kernel_size[axis] - 1) + 1
            total = max((-(-n // s) - 1) * s + span - n, 0)
            pads += [total // 2, total - total // 2]
        return F.pad(input, pads, value=self.value)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}"


class _Antialias:
    """The state of one call of :func:`antialias`."""

    def __init__(
        self,
        model: nn.Module,
        filter_size: int,
        padding_mode: str,
        activations: tuple[type[nn.Module], ...],
    ) -> None:
        self.model = model
        self.filter_size = filter_size
        self.padding_mode = padding_mode
        self.activations = (*_ACTIVATIONS, *activations)
        self.changed: list[Change] = []
        self.unchanged: list[Change] = []
        self.graphs, failures = _trace(model, self._is_leaf)
        for name, error in failures.items():
            what = type(model.get_submodule(name)).__name__
            how = f"torch.fx cannot trace it ({error}); functions in it go unseen"
            self.unchanged.append(Change(name, what, how))
        self.calls = {
            (prefix, node.target): node
            for prefix, graph in self.graphs.items()
            for node in graph.nodes
            if node.op == "call_module"
        }
        self.times = Counter(
            _join(prefix, node.target)
            for prefix, graph in self.graphs.items()
            for node in graph.nodes
            if node.op == "call_module"
        )

    def convolutions(self, first_conv: bool) -> None:
        convs = [
            (name, module)
            for name, module in self.model.named_modules()
            if isinstance(module, _CONVS)
        ]
        for index, (name, conv) in enumerate(convs):
            stride = tuple(conv.stride)
            if max(stride) == 1:
                continue
            what = f"{type(conv).__name__} with stride {stride}"
            if index == 0 and not first_conv:
                how = "the first convolution; first_conv=True changes it"
                self.unchanged.append(Change(name, what, how))
                continue
            dense = _dense(conv)
            if dense is None:
                how = "a subclass that with stride 1 computes something else"
                self.unchanged.append(Change(name, what, how))
                continue
            self.model = _put(self.model, name, dense)
            how = self._place(name, dense, self._blur(stride))
            self.changed.append(Change(name, what, f"stride 1; {how}"))

    def _place(self, name: str, conv: nn.Module, blur: nn.Module) -> str:
        """Find the place of the blur that belongs to a convolution, and put it there.

        Returns
        -------
        str
            Where that is, for the report.
        """
        prefix, node = self._only_call(name)
        after = None if node is None else self._nonlinearity(prefix, node)
        if after is not None:
            if after.op == "call_module" and self._once(prefix, after):
                target = _join(prefix, after.target)
                _blur_output(self.model.get_submodule(target), blur)
                return f"blur and subsample after {target}"
            targets = [_join(prefix, user.target) for user in after.users]
            if all(
                u.op == "call_module" and self._once(prefix, u) for u in after.users
            ):
                for target in targets:
                    _blur_input(self.model.get_submodule(target), blur, first=True)
                return f"blur and subsample before {', '.join(targets)}"
        elif max(conv.kernel_size) == 1 and not any(_padding(conv)):
            # Blurring one pixel at a time commutes with mixing channels.
            _blur_input(conv, blur)
            return "blur and subsample before it"
        _blur_output(conv, blur)
        return "blur and subsample right after it, for no place was found further on"

    def _only_call(self, name: str) -> tuple[str, fx.Node | None]:
        for (prefix, target), node in self.calls.items():
            if _join(prefix, target) == name and self.times[name] == 1:
                return prefix, node
        return "", None

    def _once(self, prefix: str, node: fx.Node) -> bool:
        return self.times[_join(prefix, node.target)] == 1

    def _nonlinearity(self, prefix: str, node: fx.Node) -> fx.Node | None:
        """The pointwise nonlinearity that a convolution runs into, if it does."""
        while len(node.users) == 1:
            (node,) = node.users
            if node.op == "call_module":
                module = self.model.get_submodule(_join(prefix, node.target))
                if self._is_activation(module):
                    return node
                if not _is_norm(module):
                    return None
            elif node.op in ("call_function", "call_method"):
                function = getattr(node.target, "__name__", str(node.target))
                if function.rstrip("_") in _ACTIVATION_NAMES:
                    return node
                if function not in _NORM_FUNCTIONS:
                    return None
            else:
                return None
        return None

    def _is_activation(self, module: nn.Module) -> bool:
        if isinstance(module, self.activations):
            return True
        # Some libraries have a normalisation that ends in a nonlinearity.
        return _is_norm(module) and any(map(self._is_activation, module.children()))

    def _is_leaf(self, module: nn.Module) -> bool:
        """What a trace need not look into."""
        known = (*_CONVS, *_MAX_POOLS, *_AVERAGE_POOLS)
        return (
            isinstance(module, known)
            or _is_norm(module)
            or isinstance(module, self.activations)
        )

    def pools(self) -> None:
        for name, pool in list(self.model.named_modules()):
            if not isinstance(pool, (*_MAX_POOLS, *_AVERAGE_POOLS)):
                continue
            rank = _rank(pool)
            stride = _axes(pool.stride, rank)
            if max(stride) == 1:
                continue
            what = f"{type(pool).__name__} with window {_axes(pool.kernel_size, rank)}"
            make = self._max if isinstance(pool, _MAX_POOLS) else self._average
            new = make(pool, rank, stride)
            if isinstance(new, str):
                self.unchanged.append(Change(name, what, new))
                continue
            self.model = _put(self.model, name, new.train(pool.training))
            last = new[-1] if isinstance(new, nn.Sequential) else new
            self.changed.append(Change(name, what, type(last).__name__))

    def _max(self, pool: Any, rank: int, stride: tuple) -> nn.Module | str:
        if pool.return_indices or max(_axes(pool.dilation, rank)) > 1:
            return "dilation and return_indices have no blurred form here"
        window, padding = _axes(pool.kernel_size, rank), _axes(pool.padding, rank)
        same = type(pool).__name__ == "MaxPool2dSame"
        if type(pool) not in _MAX_POOLS and not same:
            return "a subclass of torch's max pooling that is not known"
        before: list[nn.Module] = []
        pads: Any = padding
        if same:
            before = [SamePad(window, stride, (1,) * rank, -torch.inf)]
        elif self._wraps(window, stride, padding):
            pads = "same"
            before = [] if pool.ceil_mode else [_Crop(stride)]
        elif pool.ceil_mode:
            before = [_CeilPad(window, stride, padding)]
        blurred = _MAX_BLUR[rank](
            window,
            stride,
            pads,
            filter_size=self._filter(stride),
            padding_mode=self.padding_mode,
        )
        return nn.Sequential(*before, blurred) if before else blurred

    def _wraps(self, window: tuple, stride: tuple, padding: tuple) -> bool:
        """Whether the windows of a maximum are to wrap around, at the same size.

        Windows of odd size and full padding do so anyway.
        """
        return self.padding_mode == "circular" and all(
            s == 2 and k == 2 * p + 2
            for k, s, p in zip(window, stride, padding, strict=True)
        )

    def _average(self, pool: Any, rank: int, stride: tuple) -> nn.Module | str:
        window, padding = _axes(pool.kernel_size, rank), _axes(pool.padding, rank)
        same = type(pool).__name__ == "AvgPool2dSame" and window == stride
        if type(pool) not in _AVERAGE_POOLS and not same:
            return "a subclass of torch's average pooling that is not known"
        if max(window) > self.filter_size:
            return "its window is wider than the filter: already the stronger low-pass"
        blur = self._blur(stride)
        if window == stride and not any(padding):
            if pool.ceil_mode or same:
                return blur
            # An incomplete window at the end gives no output.
            return nn.Sequential(_Crop(stride), blur)
        centred = all(k == 2 * p + 1 for k, p in zip(window, padding, strict=True))
        if centred and not pool.ceil_mode:
            return blur
        return "no blur has its output size: window and padding do not fit together"

    def functions(self) -> None:
        """Report what subsamples but is no module."""
        for prefix, graph in self.graphs.items():
            for node in graph.nodes:
                what = _subsampling(node)
                if what:
                    stack = node.meta.get("nn_module_stack") or {"": None}
                    where = _join(prefix, list(stack)[-1])
                    how = "a function in a forward pass, not a module"
                    self.unchanged.append(Change(where, what, how))

    def _filter(self, stride: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(self.filter_size if s > 1 else 1 for s in stride)

    def _blur(self, stride: tuple[int, ...]) -> nn.Module:
        layer = _BLUR[len(stride)]
        return layer(None, self._filter(stride), stride, self.padding_mode)


class _CeilPad(nn.Module):
    """Fill up what is too little for a whole window, as ``ceil_mode`` does."""

    def __init__(
        self,
        window: tuple[int, ...],
        stride: tuple[int, ...],
        padding: tuple[int, ...],
    ) -> None:
        super().__init__()
        self.window, self.stride, self.padding = window, stride, padding

    def forward(self, input: Tensor) -> Tensor:
        pads: list[int] = []
        for axis in reversed(range(len(self.window))):
            n, s = input.shape[axis - len(self.window)], self.stride[axis]
            k, p = self.window[axis], self.padding[axis]
            more = -(n + 2 * p - k) % s
            # A window that would begin beyond the picture is left out.
            pads += [0, more if n + p - k + more < n else 0]
        return F.pad(input, pads, value=-torch.inf)


class _Crop(nn.Module):
    """Leave out what is too little for a whole window, at the end of each axis."""

    def __init__(self, multiple: tuple[int, ...]) -> None:
        super().__init__()
        self.multiple = multiple

    def forward(self, input: Tensor) -> Tensor:
        for axis, s in enumerate(self.multiple, start=-len(self.multiple)):
            n = input.shape[axis]
            input = input.narrow(axis, 0, n // s * s)
        return input

    def extra_repr(self) -> str:
        return f"{self.multiple}"


# Hooks, so that a module with weights keeps its class, and the weights their names.


def _blur_input(module: nn.Module, blur: nn.Module, first: bool = False) -> None:
    name = _attach(module, "blur_input", blur)
    hook = partial(_transform_input, name)
    module.register_forward_pre_hook(hook, prepend=first)


def _blur_output(module: nn.Module, blur: nn.Module) -> None:
    name = _attach(module, "blur_output", blur)
    module.register_forward_hook(partial(_transform_output, name))


def _attach(module: nn.Module, name: str, child: nn.Module) -> str:
    while hasattr(module, name):
        name += "_too"
    module.add_module(name, copy.deepcopy(child).to(_device(module)))
    return name


def _device(module: nn.Module) -> torch.device | None:
    return next((p.device for p in module.parameters()), None)


def _transform_input(name: str, module: nn.Module, args: tuple) -> tuple:
    return (getattr(module, name)(args[0]), *args[1:])


def _transform_output(name: str, module: nn.Module, args: tuple, output: Any) -> Any:
    return getattr(module, name)(output)


def _own_hook(hook: Callable) -> bool:
    return isinstance(hook, partial) and hook.func in (
        _transform_input,
        _transform_output,
    )


def _with_blurs_of(old: nn.Module, new: nn.Module) -> nn.Module:
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


def _obstacle(conv: nn.Module) -> str:
    """Why a convolution cannot be given coordinates; empty if it can."""
    if type(conv) not in _WITH_COORDS:
        return "a subclass, which may compute something else"
    hooks = [*conv._forward_hooks.values(), *conv._forward_pre_hooks.values()]
    if not all(map(_own_hook, hooks)) or "weight" not in conv._parameters:
        return "it has hooks of its own, which a new layer would not have"
    return ""


# Dense convolutions


def _dense(conv: Any) -> Any:
    """The convolution with stride 1 of which the given one is every s-th value.

    Returns
    -------
    nn.Module or None
        It has the very parameters of ``conv``. None if no way was found.
    """
    stride = tuple(conv.stride)
    if type(conv) in (*_CONVS, *_COORD_CONVS):
        conv.stride = (1,) * len(stride)
        return conv
    # A subclass may pad according to its stride. Try, and compare; without hooks, for a
    # blur may hang there already.
    keep = (slice(None),) * 2 + tuple(slice(None, None, s) for s in stride)
    same = _same_conv(conv, stride)
    training = conv.training
    conv.eval()
    with torch.no_grad():
        inputs = list(_trials(conv, stride))
        expected = [conv.forward(x) for x in inputs]
        conv.stride = (1,) * len(stride)
        if _equal([conv.forward(x)[keep] for x in inputs], expected):
            return conv.train(training)
        if _equal([same(x)[keep] for x in inputs], expected):
            return _with_blurs_of(conv, same).train(training)
    conv.stride = stride
    conv.train(training)
    return None


def _equal(results: list[Tensor], expected: list[Tensor]) -> bool:
    return all(
        a.shape == b.shape and torch.allclose(a, b, rtol=1e-4, atol=1e-5)
        for a, b in zip(results, expected, strict=True)
    )


def _trials(conv: Any, stride: tuple[int, ...]) -> Iterator[Tensor]:
    """Noise of as many sizes as there are remainders to tell apart."""
    weight = next(conv.parameters())
    generator = torch.Generator().manual_seed(0)
    span = [
        d * (k - 1) + 1 for k, d in zip(conv.kernel_size, conv.dilation, strict=True)
    ]
    for more in range(max(stride)):
        size = [n + 2 * s + more for n, s in zip(span, stride, strict=True)]
        noise = torch.randn(1, conv.in_channels, *size, generator=generator)
        yield noise.to(weight.device, weight.dtype)


def _same_conv(conv: Any, stride: tuple[int, ...]) -> nn.Module:
    """A dense convolution that pads as TensorFlow does for the old stride."""
    dense = _CONVS[len(stride) - 1](
        conv.in_channels,
        conv.out_channels,
        conv.kernel_size,
        dilation=conv.dilation,
        groups=conv.groups,
        bias=conv.bias is not None,
        device="meta",
    )
    dense.weight, dense.bias = conv.weight, conv.bias
    dense.add_module("pad_input", SamePad(conv.kernel_size, stride, conv.dilation))
    dense.register_forward_pre_hook(partial(_transform_input, "pad_input"))
    return dense


def _padding(conv: Any) -> tuple[int, ...]:
    if isinstance(conv.padding, str):
        return (0,) if conv.padding == "valid" else (1,)
    return tuple(conv.padding)


# Graphs


def _trace(
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
    opaque: set[nn.Module] = set()
    graphs: dict[str, fx.Graph] = {}
    failures: dict[str, str] = {}

    class Tracer(fx.Tracer):
        def is_leaf_module(self, module: nn.Module, name: str) -> bool:
            known = module in opaque or is_leaf(module)
            return known or super().is_leaf_module(module, name)

    def visit(module: nn.Module, name: str) -> None:
        if is_leaf(module) or not any(module.children()):
            return
        graph, error = _graph(Tracer(), module)
        if graph is None:
            for child_name, child in module.named_children():
                visit(child, _join(name, child_name))
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


def _subsampling(node: fx.Node) -> str:
    """Say which subsampling a function in a graph does; empty if none."""
    if node.op != "call_function":
        return ""
    if node.target in _POOL_FUNCTIONS:
        stride = node.kwargs.get("stride", (*node.args, None, None)[2])
        if stride is None:
            stride = node.kwargs.get("kernel_size", (*node.args, None)[1])
        return _POOL_FUNCTIONS[node.target] if _above_one(stride) else ""
    if node.target in _CONV_FUNCTIONS:
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


def _is_norm(module: nn.Module) -> bool:
    return isinstance(module, _NORMS) or type(module).__name__ == "FrozenBatchNorm2d"


# Names and models


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


def _check_model(model: Any) -> None:
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be a torch.nn.Module, got {type(model).__name__}")


def _finish(
    model: nn.Module, changed: list[Change], unchanged: list[Change], purpose: str
) -> tuple[nn.Module, Report]:
    if not changed:
        reasons = "".join(f"\n  {entry}" for entry in unchanged)
        raise ValueError(f"there is nothing {purpose} in this model{reasons}")
    return model, Report(tuple(changed), tuple(unchanged))


def _put(model: nn.Module, name: str, new: nn.Module) -> nn.Module:
    """Set a submodule under every name it has; the model itself has the name ``""``."""
    if not name:
        return new
    old = model.get_submodule(name)
    for parent in list(model.modules()):
        for child_name, child in list(parent._modules.items()):
            if child is old:
                parent._modules[child_name] = new
    return model


def _join(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix and name else prefix or name


def _rank(pool: nn.Module) -> int:
    kinds = zip(_MAX_POOLS, _AVERAGE_POOLS, strict=True)
    return next(d for d, kind in enumerate(kinds, 1) if isinstance(pool, kind))


def _axes(value: Any, rank: int) -> tuple[int, ...]:
    return tuple(value) if isinstance(value, tuple | list) else (value,) * rank
