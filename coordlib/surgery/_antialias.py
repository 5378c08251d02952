"""Blur wherever a network subsamples."""

import copy
from collections import Counter
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from coordlib.layers import (
    BlurPool1d,
    BlurPool2d,
    BlurPool3d,
    MaxBlurPool1d,
    MaxBlurPool2d,
    MaxBlurPool3d,
    SamePad,
)
from coordlib.surgery._dense import dense_form
from coordlib.surgery._graphs import subsampling, trace
from coordlib.surgery._hooks import blur_input, blur_output
from coordlib.surgery._kinds import (
    ACTIVATION_NAMES,
    ACTIVATIONS,
    AVERAGE_POOLS,
    CONVS,
    MAX_POOLS,
    NORM_FUNCTIONS,
    is_norm,
)
from coordlib.surgery._names import check_model, join, put
from coordlib.surgery._report import Change, Report, finish

_BLUR = {1: BlurPool1d, 2: BlurPool2d, 3: BlurPool3d}
_MAX_BLUR = {1: MaxBlurPool1d, 2: MaxBlurPool2d, 3: MaxBlurPool3d}


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
    check_model(model)
    BlurPool2d(None, filter_size, 2, padding_mode)  # refuses bad options
    if not isinstance(filter_size, int):
        raise TypeError(f"filter_size must be an integer, got {filter_size!r}")
    surgeon = _Antialias(
        copy.deepcopy(model), filter_size, padding_mode, tuple(activations)
    )
    surgeon.convolutions(first_conv)
    surgeon.pools()
    surgeon.functions()
    return finish(surgeon.model, surgeon.changed, surgeon.unchanged, "to antialias")


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
        self.activations = (*ACTIVATIONS, *activations)
        self.changed: list[Change] = []
        self.unchanged: list[Change] = []
        self.graphs, failures = trace(model, self._is_leaf)
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
            join(prefix, node.target)
            for prefix, graph in self.graphs.items()
            for node in graph.nodes
            if node.op == "call_module"
        )

    def convolutions(self, first_conv: bool) -> None:
        convs = [
            (name, module)
            for name, module in self.model.named_modules()
            if isinstance(module, CONVS)
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
            dense = dense_form(conv)
            if dense is None:
                how = "a subclass that with stride 1 computes something else"
                self.unchanged.append(Change(name, what, how))
                continue
            self.model = put(self.model, name, dense)
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
                target = join(prefix, after.target)
                blur_output(self.model.get_submodule(target), blur)
                return f"blur and subsample after {target}"
            targets = [join(prefix, user.target) for user in after.users]
            if all(
                u.op == "call_module" and self._once(prefix, u) for u in after.users
            ):
                for target in targets:
                    blur_input(self.model.get_submodule(target), blur, first=True)
                return f"blur and subsample before {', '.join(targets)}"
        elif max(conv.kernel_size) == 1 and not any(_padding(conv)):
            # Blurring one pixel at a time commutes with mixing channels.
            blur_input(conv, blur)
            return "blur and subsample before it"
        blur_output(conv, blur)
        return "blur and subsample right after it, for no place was found further on"

    def _only_call(self, name: str) -> tuple[str, fx.Node | None]:
        for (prefix, target), node in self.calls.items():
            if join(prefix, target) == name and self.times[name] == 1:
                return prefix, node
        return "", None

    def _once(self, prefix: str, node: fx.Node) -> bool:
        return self.times[join(prefix, node.target)] == 1

    def _nonlinearity(self, prefix: str, node: fx.Node) -> fx.Node | None:
        """The pointwise nonlinearity that a convolution runs into, if it does."""
        while len(node.users) == 1:
            (node,) = node.users
            if node.op == "call_module":
                module = self.model.get_submodule(join(prefix, node.target))
                if self._is_activation(module):
                    return node
                if not is_norm(module):
                    return None
            elif node.op in ("call_function", "call_method"):
                function = getattr(node.target, "__name__", str(node.target))
                if function.rstrip("_") in ACTIVATION_NAMES:
                    return node
                if function not in NORM_FUNCTIONS:
                    return None
            else:
                return None
        return None

    def _is_activation(self, module: nn.Module) -> bool:
        if isinstance(module, self.activations):
            return True
        # Some libraries have a normalisation that ends in a nonlinearity.
        return is_norm(module) and any(map(self._is_activation, module.children()))

    def _is_leaf(self, module: nn.Module) -> bool:
        """What a trace need not look into."""
        known = (*CONVS, *MAX_POOLS, *AVERAGE_POOLS)
        return (
            isinstance(module, known)
            or is_norm(module)
            or isinstance(module, self.activations)
        )

    def pools(self) -> None:
        for name, pool in list(self.model.named_modules()):
            if not isinstance(pool, (*MAX_POOLS, *AVERAGE_POOLS)):
                continue
            rank = _rank(pool)
            stride = _axes(pool.stride, rank)
            if max(stride) == 1:
                continue
            what = f"{type(pool).__name__} with window {_axes(pool.kernel_size, rank)}"
            make = self._max if isinstance(pool, MAX_POOLS) else self._average
            new = make(pool, rank, stride)
            if isinstance(new, str):
                self.unchanged.append(Change(name, what, new))
                continue
            self.model = put(self.model, name, new.train(pool.training))
            last = new[-1] if isinstance(new, nn.Sequential) else new
            self.changed.append(Change(name, what, type(last).__name__))

    def _max(self, pool: Any, rank: int, stride: tuple) -> nn.Module | str:
        if pool.return_indices or max(_axes(pool.dilation, rank)) > 1:
            return "dilation and return_indices have no blurred form here"
        window, padding = _axes(pool.kernel_size, rank), _axes(pool.padding, rank)
        same = type(pool).__name__ == "MaxPool2dSame"
        if type(pool) not in MAX_POOLS and not same:
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
        if type(pool) not in AVERAGE_POOLS and not same:
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
                what = subsampling(node)
                if what:
                    stack = node.meta.get("nn_module_stack") or {"": None}
                    where = join(prefix, list(stack)[-1])
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


def _padding(conv: Any) -> tuple[int, ...]:
    if isinstance(conv.padding, str):
        return (0,) if conv.padding == "valid" else (1,)
    return tuple(conv.padding)


def _rank(pool: nn.Module) -> int:
    kinds = zip(MAX_POOLS, AVERAGE_POOLS, strict=True)
    return next(d for d, kind in enumerate(kinds, 1) if isinstance(pool, kind))


def _axes(value: Any, rank: int) -> tuple[int, ...]:
    return tuple(value) if isinstance(value, tuple | list) else (value,) * rank
