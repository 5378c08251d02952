"""Every layer there is, as rows of tables: how to make it, and inputs for it."""

import torch
from torch import nn

from coordlib import layers

MODES = ["zeros", "reflect", "replicate", "circular"]
SIZES = [(8, 10, 6), (12, 6, 8), (10, 14, 4)]
CHANNELS = 4


class ScoredPool(layers.PolyphasePool2d):
    """Polyphase pooling that learns where to begin."""

    def __init__(self, device=None, dtype=None):
        super().__init__(scores=nn.Conv2d(CHANNELS, 1, 1, device=device, dtype=dtype))


def rows():
    """Name each layer, and say how to make it and for how many axes it is."""
    for rank in 1, 2, 3:
        for kind in ["AddCoords", "SoftArgmax", "PolyphasePool", "PolyphaseUpsample"]:
            name = kind if kind == "AddCoords" else f"{kind}{rank}d"
            yield f"{name}-{rank}", rank, getattr(layers, name), (), {}
        yield f"AddCoords-{rank}-r", rank, layers.AddCoords, (True,), {}
        yield f"AddCoords-{rank}-axes", rank, layers.AddCoords, ("unit", -1), {}
        pool, options = getattr(layers, f"PolyphasePool{rank}d"), {"ceil_mode": True}
        yield f"PolyphasePool{rank}d-ceil", rank, pool, (3,), options
        conv = getattr(layers, f"CoordConv{rank}d")
        transpose = getattr(layers, f"CoordConvTranspose{rank}d")
        blur = getattr(layers, f"BlurPool{rank}d")
        upsample = getattr(layers, f"BlurUpsample{rank}d")
        max_blur = getattr(layers, f"MaxBlurPool{rank}d")
        options = {"stride": 2, "padding": 1, "with_r": True, "groups": 2}
        yield f"CoordConv{rank}d-strided", rank, conv, (CHANNELS, 6, 3), options
        yield f"CoordConvTranspose{rank}d", rank, transpose, (CHANNELS, 6, 3), {}
        chosen = {"padding": "same", "with_r": "unit", "axes": -1}
        yield f"CoordConv{rank}d-axes", rank, conv, (CHANNELS, 6, 3), chosen
        yield f"CoordConvTranspose{rank}d-strided", rank, transpose, (4, 6, 3), options
        for mode in MODES:
            options = {"padding_mode": mode}
            same = {"padding": "same", **options}
            yield f"CoordConv{rank}d-{mode}", rank, conv, (CHANNELS, 6, 3), same
            yield f"BlurPool{rank}d-{mode}", rank, blur, (), options
            yield f"BlurUpsample{rank}d-{mode}", rank, upsample, (), options
            yield f"MaxBlurPool{rank}d-{mode}", rank, max_blur, (3,), same
        ceil = {"padding": 1, "ceil_mode": True}
        yield f"MaxBlurPool{rank}d-ceil", rank, max_blur, (3, 3), ceil
        yield f"BlurPool{rank}d-channels", rank, blur, (CHANNELS, 4, 3), {}
        pad = {"kernel_size": 3, "stride": 2, "dilation": 1}
        pad = {name: (value,) * rank for name, value in pad.items()}
        yield f"SamePad-{rank}", rank, layers.SamePad, (), pad
        learned = layers.AddLearnedEncoding
        yield f"AddLearnedEncoding-{rank}", rank, learned, (4, (9, 7, 5)[:rank]), {}
        if rank < 3:  # for the channels of three axes are a multiple of six
            name = f"AddSinusoidalEncoding-{rank}"
            yield name, rank, layers.AddSinusoidalEncoding, (), {}
        soft = getattr(layers, f"SoftArgmax{rank}d")
        yield f"SoftArgmax{rank}d-normalised", rank, soft, (), {"normalised": True}
    yield "PolyphasePool2d-scores", 2, ScoredPool, (), {}
    yield "SoftArgmax2d-temperatures", 2, layers.SoftArgmax2d, (torch.ones(4),), {}
    for kind in layers.FourierFeatures, layers.SinusoidalEncoding:
        yield kind.__name__, 0, kind, (), {}
    yield "LearnedEncoding", 0, layers.LearnedEncoding, ((9, 7),), {}
    yield "RotaryEncoding", 0, layers.RotaryEncoding, (2,), {"axes": 1}


ROWS = {name: row for name, *row in rows()}


def made(name):
    """The layer of a row, and an input for it at each of three sizes."""
    torch.manual_seed(0)
    rank, kind, args, options = ROWS[name]
    layer = kind(*args, **options)
    if rank == 0:  # positions, or queries of two features
        return layer, [torch.rand(n, 5 + n, 2) * 2 - 1 for n in (3, 4, 5)]
    shapes = [
        (n, CHANNELS, *size[:rank]) for n, size in zip((2, 3, 4), SIZES, strict=True)
    ]
    return layer, [torch.randn(shape) for shape in shapes]
