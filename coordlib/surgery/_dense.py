"""The convolution with stride 1 of which a strided one is every s-th value."""

import copy
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from coordlib.layers import SamePad
from coordlib.surgery._blurred import bare_type, hand_on, pad_first
from coordlib.surgery._kinds import CONVS, COORD_CONVS


def dense_form(conv: Any) -> Any:
    """The convolution with stride 1 of which the given one is every s-th value.

    Returns
    -------
    nn.Module or None
        It has the very parameters of ``conv``. None if no way was found.
    """
    stride = tuple(conv.stride)
    ones = (1,) * len(stride)
    if bare_type(conv) in (*CONVS, *COORD_CONVS):
        conv.stride = ones
        return conv
    # A subclass may pad according to its stride. Try, and compare.
    try:
        trial = _trial(conv)
        inputs = list(_inputs(conv, stride))
        expected = [trial(x) for x in inputs]
        trial.stride = ones
        keep = (slice(None),) * 2 + tuple(slice(None, None, s) for s in stride)
        if _equal([trial(x)[keep] for x in inputs], expected):
            conv.stride = ones
            return conv
        same = _same_conv(trial, stride)
        if _equal([same(x)[keep] for x in inputs], expected):
            return _same_conv(conv, stride)
    except Exception:  # somebody else's forward pass may fail in any way
        return None
    return None


def _trial(conv: nn.Module) -> Any:
    """A copy in double precision on the CPU, with weights even if there were none."""
    with torch.no_grad():
        trial = copy.deepcopy(conv)
        if any(p.is_meta for p in trial.parameters()):
            trial.to_empty(device="cpu")
            generator = torch.Generator().manual_seed(0)
            for tensor in trial.state_dict().values():
                tensor.copy_(torch.rand(tensor.shape, generator=generator))
        trial.to("cpu", torch.float64)
    return trial.eval().requires_grad_(False)


def _equal(results: list[Tensor], expected: list[Tensor]) -> bool:
    return all(
        a.shape == b.shape and torch.allclose(a, b)
        for a, b in zip(results, expected, strict=True)
    )


def _inputs(conv: Any, stride: tuple[int, ...]) -> Iterator[Tensor]:
    """Noise of as many sizes as there are remainders to tell apart."""
    generator = torch.Generator().manual_seed(0)
    span = [
        d * (k - 1) + 1 for k, d in zip(conv.kernel_size, conv.dilation, strict=True)
    ]
    for more in range(max(stride)):
        size = [n + 2 * s + more for n, s in zip(span, stride, strict=True)]
        yield torch.randn(
            1,
            conv.in_channels,
            *size,
            generator=generator,
            dtype=torch.float64,
            device="cpu",
        )


def _same_conv(conv: Any, stride: tuple[int, ...]) -> nn.Module:
    """A dense convolution that pads as TensorFlow does for the old stride."""
    if conv._forward_hooks or conv._forward_pre_hooks:
        raise ValueError("a new layer would not have the hooks of the old one")
    dense = CONVS[len(stride) - 1](
        conv.in_channels,
        conv.out_channels,
        conv.kernel_size,
        dilation=conv.dilation,
        groups=conv.groups,
        bias=conv.bias is not None,
        device="meta",
    )
    dense.weight, dense.bias = conv.weight, conv.bias
    pad_first(dense, SamePad(conv.kernel_size, stride, conv.dilation))
    layer: nn.Module = hand_on(conv, dense)
    return layer.train(conv.training)
