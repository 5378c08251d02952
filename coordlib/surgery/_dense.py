"""The convolution with stride 1 of which a strided one is every s-th value."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from coordlib.layers import SamePad
from coordlib.surgery._hooks import transform_input, with_blurs_of
from coordlib.surgery._kinds import CONVS, COORD_CONVS


def dense_form(conv: Any) -> Any:
    """The convolution with stride 1 of which the given one is every s-th value.

    Returns
    -------
    nn.Module or None
        It has the very parameters of ``conv``. None if no way was found.
    """
    stride = tuple(conv.stride)
    if type(conv) in (*CONVS, *COORD_CONVS):
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
            return with_blurs_of(conv, same).train(training)
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
    dense.add_module("pad_input", SamePad(conv.kernel_size, stride, conv.dilation))
    dense.register_forward_pre_hook(partial(transform_input, "pad_input"))
    return dense
