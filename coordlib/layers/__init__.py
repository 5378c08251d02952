"""Layers: coordinates in (CoordConv, encodings), aliasing out (BlurPool, polyphase)."""

from coordlib.layers.add_coords import AddCoords
from coordlib.layers.add_encodings import AddLearnedEncoding, AddSinusoidalEncoding
from coordlib.layers.blurpool import (
    BlurPool1d,
    BlurPool2d,
    BlurPool3d,
    MaxBlurPool1d,
    MaxBlurPool2d,
    MaxBlurPool3d,
    binomial_filter,
)
from coordlib.layers.blurupsample import (
    BlurUpsample1d,
    BlurUpsample2d,
    BlurUpsample3d,
)
from coordlib.layers.coordconv import (
    CoordConv1d,
    CoordConv2d,
    CoordConv3d,
    CoordConvTranspose1d,
    CoordConvTranspose2d,
    CoordConvTranspose3d,
)
from coordlib.layers.encodings import (
    FourierFeatures,
    LearnedEncoding,
    SinusoidalEncoding,
)
from coordlib.layers.padding import SamePad
from coordlib.layers.polyphase import (
    PolyphasePool1d,
    PolyphasePool2d,
    PolyphasePool3d,
    PolyphaseUpsample1d,
    PolyphaseUpsample2d,
    PolyphaseUpsample3d,
)
from coordlib.layers.rotary import RotaryEncoding
from coordlib.layers.softargmax import SoftArgmax1d, SoftArgmax2d, SoftArgmax3d

__all__ = [
    "AddCoords",
    "AddLearnedEncoding",
    "AddSinusoidalEncoding",
    "BlurPool1d",
    "BlurPool2d",
    "BlurPool3d",
    "BlurUpsample1d",
    "BlurUpsample2d",
    "BlurUpsample3d",
    "CoordConv1d",
    "CoordConv2d",
    "CoordConv3d",
    "CoordConvTranspose1d",
    "CoordConvTranspose2d",
    "CoordConvTranspose3d",
    "FourierFeatures",
    "LearnedEncoding",
    "MaxBlurPool1d",
    "MaxBlurPool2d",
    "MaxBlurPool3d",
    "PolyphasePool1d",
    "PolyphasePool2d",
    "PolyphasePool3d",
    "PolyphaseUpsample1d",
    "PolyphaseUpsample2d",
    "PolyphaseUpsample3d",
    "RotaryEncoding",
    "SamePad",
    "SinusoidalEncoding",
    "SoftArgmax1d",
    "SoftArgmax2d",
    "SoftArgmax3d",
    "binomial_filter",
]
