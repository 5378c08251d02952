"""Blur wherever a network subsamples."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from coordlib.arguments import (
    check_flag,
    check_instance,
    check_integer,
    check_sequence,
)
from coordlib.layers import BlurPool2d
from coordlib.probe.watching import in_mode
from coordlib.surgery._blurred import add_after, add_before
from coordlib.surgery._dense import dense_form
from coordlib.surgery._graphs import subsampling
from coordlib.surgery._kinds import (
    ACTIVATIONS,
    AVERAGE_POOLS,
    CONVS,
    COORD_CONVS,
    LAZY,
    MAX_POOLS,
    is_blur,
    is_lazy,
    per_axis,
    rank_of_pool,
)
from coordlib.surgery._names import check_model, chosen, copied, inside, join, put
from coordlib.surgery._others import stays
from coordlib.surgery._places import Flow, Place, Target
from coordlib.surgery._pools import blur, blurred_pool
from coordlib.surgery._report import Change, Report, finish
from coordlib.surgery._shapes import check_shapes, output_shapes


def antialias(
    model: nn.Module,
    filter_size: int = 3,
    padding_mode: str = "reflect",
    *,
    first_conv: bool = False,
    activations: tuple[type[nn.Module], ...] = (),
    include: Sequence[str | type[nn.Module]] = ("*",),
    exclude: Sequence[str | type[nn.Module]] = (),
    min_channels: int = 1,
    example: Tensor | tuple[Any, ...] | None = None,
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
        leaves the outputs of strided convolutions and max pools as they were. (A
        normalisation between a convolution and its blur that takes its statistics over
        places takes them of the dense map.)
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
    include, exclude : sequences of str or type
        Names in ``model.named_modules()``, or patterns for them as in :mod:`fnmatch`
        (``"layer1.*"``); or classes of modules, each with all that is in such a module.
        Only what one of ``include`` chooses and none of ``exclude`` is changed.
    min_channels : int
        Convolutions with fewer output channels stay; pools too, with ``example``, for
        only then is it known how many they have.
    example : Tensor or tuple, optional
        An input, or a tuple of the inputs. With it the network is called before and
        after, in evaluation, and the shapes of all outputs compared. What a call keeps
        in it, in a buffer for one, is not kept.

    Returns
    -------
    model : nn.Module
        A copy of the same class. Parameters and their names are those of the original,
        and so is the state dict; blurs add neither. A blur stands with the module
        before or behind it, in a ``torch.nn.Sequential`` that takes the place of that
        module; or, where the module has weights, whose names would change thereby, as a
        child ``blur_input`` or ``blur_output``: the module is then of a subclass.
    report : Report
        What changed, and what stayed and why. Check it: where the nonlinearity behind
        a strided convolution could not be found, the blur follows the convolution.

    Raises
    ------
    TypeError
        If ``model`` is not a module, or one that ``torch.jit`` has compiled,
        ``filter_size`` or ``min_channels`` not an integer, ``include`` or ``exclude`` a
        single string, or ``example`` neither a tensor nor a tuple.
    ValueError
        If an option is unknown or out of its range, a choice fits no module, or there
        is nothing to change. With ``example``, if the model fails on it, or the shape
        of any output changes, but for those between a convolution and its blur.

    Notes
    -----
    The nonlinearity is found by tracing the forward pass with ``torch.fx``; what cannot
    be traced is traced in parts. Every output keeps its size. Trained weights work at
    once, but were trained for another network: fine-tuning recovers what accuracy is
    lost. The original networks of the paper differ from this in one place: the maximum
    in the stem of a ResNet keeps its window of 3 here, for which it was trained.

    Whoever replaces a module later replaces the blur in it, and with it a stride: to
    exchange nonlinearities, look for them one by one in ``named_modules()``. What
    computes new weights from several modules (``reparameterize``, fusing by hand)
    belongs before the surgery, for it reads weights and sees no blur.

    The strides that were replaced are counted in the end. ``example`` shows more, for
    it also finds what no trace of the code shows.

    Average pools stay if their window is wider than the filter, for then they are the
    stronger low-pass filter, or if no blur has their output size. Maxima
    with dilation or indices, and functions called in a forward pass
    (``F.max_pool2d``, ``x[:, :, ::2, ::2]``), stay too, and are reported. So are other
    modules that subsample: pools by a norm, adaptive and random ones, resizes by a
    factor below 1, and what moves pixels into channels.

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
    check_integer("filter_size", filter_size)
    BlurPool2d(None, filter_size, 2, padding_mode)  # refuses bad options
    check_flag("first_conv", first_conv)
    check_sequence("activations", activations, type, "types")
    check_integer("min_channels", min_channels, at_least=1)
    surgeon = _Antialias(
        copied(model),
        filter_size,
        padding_mode,
        tuple(activations),
        chosen("include", include, model),
        chosen("exclude", exclude, model),
        min_channels,
    )
    inputs = example if isinstance(example, tuple) else (example,)
    before: dict[str, list[Any]] = {}
    if example is not None:
        check_instance("example", example, Tensor | tuple, "a tensor, or a tuple")
        try:
            before = output_shapes(surgeon.model, inputs)
        except Exception as error:  # a forward pass may fail in any way
            raise ValueError(
                "example must be an input of the model, which fails on it: "
                f"{type(error).__name__}: {error}"
            ) from error
    surgeon.like = _first_tensor(inputs)
    surgeon.outputs = before
    with torch.device("cpu"):  # and then to where the model is, whatever the default
        surgeon.operate(first_conv)
    result = finish(surgeon.model, surgeon.changed, surgeon.unchanged, "to antialias")
    surgeon.check_strides()
    if example is not None:
        try:
            after = output_shapes(surgeon.model, inputs)
        except Exception as error:  # a forward pass may fail in any way
            raise ValueError(
                f"model cannot be changed so: the changed one fails on example: {error}"
            ) from error
        check_shapes(before, after, surgeon.dense)
    return result


def _first_tensor(values: tuple[Any, ...]) -> Tensor | None:
    floats = [v for v in values if isinstance(v, Tensor) and v.is_floating_point()]
    return floats[0] if floats else None


@dataclass(frozen=True)
class _Conv:
    """A strided convolution that is to become dense, and where its blur goes."""

    name: str
    what: str
    stride: tuple[int, ...]
    place: Place
    how: str


class _Antialias:
    """The state of one call of :func:`antialias`."""

    def __init__(
        self,
        model: nn.Module,
        filter_size: int,
        padding_mode: str,
        activations: tuple[type[nn.Module], ...],
        include: frozenset[str],
        exclude: frozenset[str],
        min_channels: int,
    ) -> None:
        self.model = model
        self.filter_size = filter_size
        self.padding_mode = padding_mode
        self.include, self.exclude = include, exclude
        self.min_channels = min_channels
        self.like: Tensor | None = None  # for models without weights
        self.outputs: dict[str, list[Any]] = {}  # shapes of an example's, if known
        self.changed: list[Change] = []
        self.unchanged: list[Change] = []
        self.dense: set[str] = set()  # modules between a convolution and its blur
        self.blurs: list[tuple[_Conv, str, nn.Module]] = []
        known = (*ACTIVATIONS, *activations)
        self.flow = Flow(model, known)
        # What is used once in this mode, may be used twice in the other.
        with in_mode(model, not model.training):
            self.other_flow = Flow(model, known)
        for name, error in self.flow.failures.items():
            what = type(model.get_submodule(name)).__name__
            how = f"torch.fx cannot trace it ({error}); functions in it go unseen"
            self.unchanged.append(Change(name, what, how))

    def operate(self, first_conv: bool) -> None:
        convs = list(self._convolutions(first_conv))
        for conv in convs:
            self.changed.append(Change(conv.name, conv.what, f"stride 1; {conv.how}"))
        # Pools first: a blur before a pool must stand before its blurred form.
        self._pools()
        for conv in convs:
            self._blur(conv)
            self.dense |= conv.place.dense
        self._functions()

    def _convolutions(self, first_conv: bool) -> Iterator[_Conv]:
        """Make convolutions dense, and say where their blurs go."""
        convs = [
            (name, module)
            for name, module in self.model.named_modules()
            if isinstance(module, CONVS)
        ]
        strided = [
            (index, name, conv, *self._place(name, conv))
            for index, (name, conv) in enumerate(convs)
            if max(conv.stride) > 1
        ]
        for index, name, conv, place, how in strided:
            stride = tuple(conv.stride)
            what = f"{type(conv).__name__} with stride {stride}"
            reason = self._unwanted(name, conv.out_channels)
            if index == 0 and not first_conv:
                reason = "the first convolution; first_conv=True changes it"
            if reason:
                self.unchanged.append(Change(name, what, reason))
                continue
            dense = dense_form(conv)
            if dense is None:
                other = "a subclass that with stride 1 computes something else"
                how = LAZY if is_lazy(conv) else other
                self.unchanged.append(Change(name, what, how))
                continue
            self.model = put(self.model, name, dense)
            yield _Conv(name, what, stride, place, how)

    def _unwanted(self, name: str, channels: int | None) -> str:
        """Why a module is not to be changed; empty if it is."""
        if name in self.exclude:
            return "among those of exclude"
        if name not in self.include:
            return "not among those of include"
        if channels is not None and channels < self.min_channels:
            return f"fewer channels than min_channels: {channels}"
        return ""

    def _channels(self, name: str, rank: int) -> int | None:
        """How many channels a pool has, if an example has shown it."""
        shapes = [s for s in self.outputs.get(name, ()) if isinstance(s, tuple)]
        return max((shape[-rank - 1] for shape in shapes), default=None)

    def _place(self, name: str, conv: Any) -> tuple[Place, str]:
        """Find the place of the blur that belongs to a convolution.

        Returns
        -------
        place : Place
        how : str
            Where that is, for the report.
        """
        places = {*self.flow.place(name), *self.other_flow.place(name)}
        if len(places) == 1:
            (place,) = places
            if place is not None and place.targets:
                return place, str(place)
        # Blurring one pixel at a time commutes with mixing channels.
        # Not so a layer that sees where it is: on a smaller map it would see others.
        mixes = max(conv.kernel_size) == 1 and not any(_padding(conv))
        if places <= {None} and mixes and not isinstance(conv, COORD_CONVS):
            return Place((Target(name, (0,)),)), "blur and subsample before it"
        how = "blur and subsample right after it, for no place was found further on"
        return Place((Target(name),)), how

    def _blur(self, conv: _Conv) -> None:
        """Put the blur of a convolution where it belongs."""
        for target in conv.place.targets:
            if not target.arguments:
                new = self._new_blur(conv, target)
                self.model = add_after(self.model, target.name, new)
            for argument in target.arguments:
                self.model = add_before(
                    self.model,
                    target.name,
                    self._new_blur(conv, target),
                    argument,
                    target.alone,
                    first=target.name != conv.name,
                )

    def _new_blur(self, conv: _Conv, target: Target) -> nn.Module:
        new = self._fitted(
            target.name, blur(conv.stride, self.filter_size, self.padding_mode)
        )
        self.blurs.append((conv, target.name, new))
        return new

    def check_strides(self) -> None:
        """Refuse a network that has lost one of the strides that were replaced."""
        for conv, target, new in self.blurs:
            parts = self.model.get_submodule(target).modules()
            if not any(part is new for part in parts) or new.stride != conv.stride:
                raise ValueError(
                    f"model cannot be changed so: the stride {conv.stride} of "
                    f"{conv.name or 'the model'} is lost at {target or 'the model'}"
                )

    def _pools(self) -> None:
        kinds = (*MAX_POOLS, *AVERAGE_POOLS)
        blurs: list[str] = []
        for name, module in list(self.model.named_modules()):
            if any(inside(name, outer) for outer in blurs):
                continue
            if is_blur(module):
                blurs.append(name)
                how = "a blur already"
                self.unchanged.append(Change(name, type(module).__name__, how))
                continue
            if why := stays(module):
                self.unchanged.append(Change(name, type(module).__name__, why))
            if not isinstance(module, kinds):
                continue
            rank = rank_of_pool(module)
            if max(per_axis(module.stride, rank)) == 1:
                continue
            window = per_axis(module.kernel_size, rank)
            what = f"{type(module).__name__} with window {window}"
            why = self._unwanted(name, self._channels(name, rank))
            if module._forward_hooks or module._forward_pre_hooks:
                why = why or "it has hooks of its own, which a new layer would not have"
            new = why or blurred_pool(module, self.filter_size, self.padding_mode)
            if isinstance(new, str):
                self.unchanged.append(Change(name, what, new))
                continue
            new = self._fitted(name, new.train(module.training))
            self.model = put(self.model, name, new)
            last = new[-1] if isinstance(new, nn.Sequential) else new
            self.changed.append(Change(name, what, type(last).__name__))

    def _fitted(self, name: str, new: nn.Module) -> nn.Module:
        """Give a new module the device and the type of the part of the model around.

        That is what the last weights before it have, in the smallest part that holds
        it and any.
        """
        like = self.like
        tensors = [
            (owner, tensor)
            for owner, module in self.model.named_modules()
            for tensor in (*module._parameters.values(), *module._buffers.values())
            if tensor is not None and tensor.is_floating_point()
        ]
        order = {owner: i for i, (owner, _) in enumerate(self.model.named_modules())}
        outer = name
        while tensors:
            near = [(o, t) for o, t in tensors if inside(o, outer)]
            if near:
                before = [t for o, t in near if order[o] <= order[name]]
                like = before[-1] if before else near[0][1]
                break
            outer = outer.rpartition(".")[0]
        return new if like is None else new.to(like.device, like.dtype)

    def _functions(self) -> None:
        """Report what subsamples but is no module."""
        for prefix, graph in self.flow.graphs.items():
            for node in graph.nodes:
                what = subsampling(node)
                if what:
                    stack = node.meta.get("nn_module_stack") or {"": ("", None)}
                    where = join(prefix, list(stack.values())[-1][0])
                    how = "a function in a forward pass, not a module"
                    self.unchanged.append(Change(where, what, how))


def _padding(conv: Any) -> tuple[int, ...]:
    if isinstance(conv.padding, str):
        return (0,) if conv.padding == "valid" else (1,)
    return tuple(conv.padding)
