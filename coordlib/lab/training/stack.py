"""Networks of one shape as one: their weights stacked, one pass for all of them."""

import copy
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from coordlib.lab.training.stackable import check_stackable, vmap_error

__all__ = ["NetworkStack", "shaped_as"]


class NetworkStack:
    """The weights of many networks in one block of memory, of which they are views.

    From :meth:`hold` on; :meth:`release` gives a network its own memory back.

    Each weight of the networks becomes one tensor with an axis more, in front. These
    tensors are leaves for as long as the stack lives: what the optimiser does to them
    every network sees at once, and nothing is stacked or copied from step to step.

    Networks whose weights are channels last compute so together, too: the channels of
    all of them are then last.

    Parameters
    ----------
    models : sequence of nn.Module
        Of one class and one shape, of one floating point type, on one device.

    Raises
    ------
    ValueError
        As :func:`~coordlib.lab.training.stackable.check_stackable`.

    Attributes
    ----------
    flat : Tensor, shape (numbers,)
        All weights that are trained, one tensor after another.
    weights : dict of str to Tensor
        The same by name, each of shape (models, ...).
    """

    def __init__(self, models: Sequence[nn.Module]) -> None:
        self.models = list(models)
        self._skeleton = _skeleton(models[0])
        check_stackable(self.models, self._skeleton)
        self._own: list[dict[str, Tensor]] = [_tensors(model) for model in self.models]
        trained = [n for n, p in models[0].named_parameters() if p.requires_grad]
        stacked = {
            name: _stacked([own[name] for own in self._own]) for name in self._own[0]
        }
        self.flat = torch.cat([_row(stacked[name]) for name in trained])
        blocks = self.flat.split([stacked[name].numel() for name in trained])
        self.weights = {
            name: shaped_as(stacked[name], block).requires_grad_()
            for name, block in zip(trained, blocks, strict=True)
        }
        self._fixed = {n: t for n, t in stacked.items() if n not in self.weights}

    def hold(self) -> None:
        """Let the networks have views of the stack in place of their own memory."""
        for index in range(len(self.models)):
            self._point(index, self._views(index))

    def _views(self, index: int) -> dict[str, Tensor]:
        everything = self.weights | self._fixed
        return {name: stacked[index].detach() for name, stacked in everything.items()}

    def _point(self, index: int, tensors: dict[str, Tensor]) -> None:
        """Let a network have these tensors in place of those it has."""
        model = self.models[index]
        parameters = dict(model.named_parameters())
        for name, tensor in tensors.items():
            if name in parameters:
                parameters[name].data = tensor
            else:
                owner, _, last = name.rpartition(".")
                model.get_submodule(owner)._buffers[last] = tensor

    def release(self, index: int) -> None:
        """Give a network its own memory back, with what it has learned."""
        own = self._own[index]
        for name, tensor in self._views(index).items():
            own[name].copy_(tensor)
        self._point(index, own)

    def losses(
        self, loss: Callable[[Tensor, Any], Tensor], x: Tensor, y: Any, shared: bool
    ) -> Tensor:
        """The loss of each network, shape (models,).

        Parameters
        ----------
        loss : callable
            ``loss(outputs, y)`` of one network.
        x, y : Tensor, or tensors in tuples
            One batch; with an axis of networks in front, if each has its own.
        shared : bool
            Whether all see the same batch.
        """

        def of_one(weights: dict, fixed: dict, x: Tensor, y: Any) -> Tensor:
            lent = weights | fixed
            output = functional_call(self._skeleton, lent, (x,))
            _kept(fixed, lent)
            return loss(output, y)

        try:
            if shared:
                # Closed over, so that what is computed of the batch alone is computed
                # once.
                of_each = torch.vmap(lambda *lent: of_one(*lent, x, y))
                return of_each(self.weights, self._fixed)
            return torch.vmap(of_one)(self.weights, self._fixed, x, y)
        except RuntimeError as error:
            if (plainly := vmap_error(error, self._skeleton)) is None:
                raise
            raise plainly from error


@torch.no_grad()
def _kept(fixed: dict[str, Tensor], lent: dict[str, Tensor]) -> None:
    """Write what a pass put in the place of a buffer into that buffer.

    Of what is lent for a pass ``functional_call`` gives back what is there after it.
    """
    for name, tensor in fixed.items():
        if (new := lent[name]) is not tensor:
            if new.shape != tensor.shape:
                raise ValueError(
                    f"a buffer must keep its shape in a stack; {name} was "
                    f"{tuple(tensor.shape)} and is {tuple(new.shape)}"
                )
            tensor.copy_(new)


class _StackedNorm(torch.autograd.Function):
    """Batch normalisation of many networks as one, of as many channels as all have.

    By its own rule ``torch.vmap`` would scale and shift the result in two passes more,
    and three backward: half of all that a small network reads and writes.
    """

    @staticmethod
    def forward(x, mean, var, weight, bias, momentum, eps):
        return F.batch_norm(x, mean, var, weight, bias, True, momentum, eps)

    @staticmethod
    def setup_context(context, inputs, output):
        """Nothing to keep: under ``torch.vmap`` the gradient is that of the rule."""

    @staticmethod
    def vmap(info, in_dims, x, mean, var, weight, bias, momentum, eps):
        if in_dims[0] is None:  # all see one batch
            x = x.unsqueeze(1).expand(-1, info.batch_size, *x.shape[1:])
        else:
            x = x.movedim(in_dims[0], 1)
        each = [tensor.flatten() for tensor in (mean, var, weight, bias)]
        y = F.batch_norm(x.flatten(1, 2), *each, True, momentum, eps)
        return y.view_as(x), 1


class _ChannelsLast(torch.autograd.Function):
    """Maps as they are, their channels last in memory: of many networks, those of all.

    A rule of ``torch.vmap`` may put the networks before the batch; what comes after a
    pad or a concatenation would not be channels last any more.
    """

    @staticmethod
    def forward(x):
        return x.contiguous(memory_format=torch.channels_last)

    @staticmethod
    def setup_context(context, inputs, output):
        """Nothing to keep."""

    @staticmethod
    def backward(context, gradient):  # of a batch that all share, which has no axis
        return gradient

    @staticmethod
    def vmap(info, in_dims, x):
        x = x.movedim(in_dims[0], 1)
        laid_out = x.flatten(1, 2).contiguous(memory_format=torch.channels_last)
        return laid_out.view_as(x), 1


class _StackedMaxPool(torch.autograd.Function):
    """Maxima over the maps of many networks, taken as those of one.

    By its own rule ``torch.vmap`` would put the networks before the batch, and copy all
    maps for it.
    """

    @staticmethod
    def forward(x, *settings):
        return F.max_pool2d(x, *settings)

    @staticmethod
    def setup_context(context, inputs, output):
        """Nothing to keep, see above."""

    @staticmethod
    def vmap(info, in_dims, x, *settings):
        x = x.movedim(in_dims[0], 1)
        y = F.max_pool2d(x.flatten(1, 2), *settings)
        return y.unflatten(1, x.shape[1:3]), 1


def _skeleton(model: nn.Module) -> nn.Module:
    """A copy of a network that computes with weights that it is lent, in training."""
    skeleton = copy.deepcopy(model).train()
    last = any(map(_is_channels_last, skeleton.parameters()))
    for layer in skeleton.modules():
        kind = type(layer)
        # One that train() leaves in evaluation keeps its statistics.
        plain = kind in (nn.BatchNorm1d, nn.BatchNorm2d) and layer.training
        if plain and layer.affine and layer.track_running_stats and layer.momentum:
            layer.forward = partial(_normalised, layer)
        elif kind is nn.Conv2d and last and layer.padding_mode == "zeros":
            # One that wraps around pads first, and would lose it by that.
            layer.register_forward_pre_hook(_with_channels_last)
        elif kind is nn.GroupNorm and last:
            layer.forward = partial(_grouped, layer)
        elif kind is nn.Embedding and layer.padding_idx is not None:
            layer.forward = partial(_embedded, layer)
        elif kind is nn.MaxPool2d and not layer.return_indices:
            layer.forward = partial(_greatest, layer)
        elif kind is nn.AdaptiveAvgPool2d and layer.output_size in (1, (1, 1)):
            # Its own form has no rule for torch.vmap, and would go one by one.
            layer.forward = partial(torch.mean, dim=(-2, -1), keepdim=True)
    return skeleton


def _is_channels_last(weight: Tensor) -> bool:
    form = torch.channels_last
    both = weight.ndim != 4 or weight.is_contiguous()
    return not both and weight.is_contiguous(memory_format=form)


def _with_channels_last(layer: nn.Conv2d, inputs: tuple[Tensor]) -> Tensor:
    return _ChannelsLast.apply(*inputs)


def _grouped(layer: nn.GroupNorm, x: Tensor) -> Tensor:
    # Its rule under torch.vmap asks for the layout, which nothing under it can tell.
    return nn.GroupNorm.forward(layer, x.contiguous())


def _embedded(layer: nn.Embedding, x: Tensor) -> Tensor:
    # The rule of torch.vmap forgets which row is to stay as it is.
    rows = nn.Embedding.forward(layer, x)
    padding = (x == layer.padding_idx).unsqueeze(-1)
    return torch.where(padding, rows.detach(), rows)


def _greatest(layer: nn.MaxPool2d, x: Tensor) -> Tensor:
    if x.ndim != 4:  # a picture without a batch, to torch
        return nn.MaxPool2d.forward(layer, x)
    own = layer.kernel_size, layer.stride, layer.padding, layer.dilation
    return _StackedMaxPool.apply(x, *own, layer.ceil_mode)


def _normalised(layer: nn.Module, x: Tensor) -> Tensor:
    layer.num_batches_tracked.add_(1)
    own = layer.running_mean, layer.running_var, layer.weight, layer.bias
    return _StackedNorm.apply(x, *own, layer.momentum, layer.eps)


def shaped_as(tensor: Tensor, row: Tensor) -> Tensor:
    """See a row of numbers with the shape and the layout that a tensor has."""
    return row.as_strided(tensor.shape, tensor.stride())


def _row(stacked: Tensor) -> Tensor:
    """All numbers of a tensor without gaps, as they follow one another in memory."""
    return stacked.as_strided((stacked.numel(),), (1,))


def _stacked(tensors: list[Tensor]) -> Tensor:
    """Stack tensors; if their channels are last, they are so in the stack."""
    if not _is_channels_last(tensors[0]):
        return torch.stack(tensors)
    return torch.stack([one.movedim(1, -1) for one in tensors]).movedim(-1, 2)


def _tensors(model: nn.Module) -> dict[str, Tensor]:
    """All that a network holds, as plain tensors."""
    everything = [*model.named_parameters(), *model.named_buffers()]
    return {name: tensor.detach() for name, tensor in everything}
