"""coordlib: where convolutional networks know, lose and recover position."""

from importlib.metadata import PackageNotFoundError, version
from typing import Any

from coordlib import _moved
from coordlib.layers import (
    AddCoords,
    AddLearnedEncoding,
    AddSinusoidalEncoding,
    BlurPool1d,
    BlurPool2d,
    BlurPool3d,
    BlurUpsample1d,
    BlurUpsample2d,
    BlurUpsample3d,
    CoordConv1d,
    CoordConv2d,
    CoordConv3d,
    CoordConvTranspose1d,
    CoordConvTranspose2d,
    CoordConvTranspose3d,
    FourierFeatures,
    LearnedEncoding,
    MaxBlurPool1d,
    MaxBlurPool2d,
    MaxBlurPool3d,
    PolyphasePool1d,
    PolyphasePool2d,
    PolyphasePool3d,
    PolyphaseUpsample1d,
    PolyphaseUpsample2d,
    PolyphaseUpsample3d,
    RotaryEncoding,
    SamePad,
    SinusoidalEncoding,
    SoftArgmax1d,
    SoftArgmax2d,
    SoftArgmax3d,
)
from coordlib.probe import LayerProbes, Probe, probe, probe_layers, shift

try:
    __version__ = version("coordlib")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+unknown"

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
    "LayerProbes",
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
    "Probe",
    "RotaryEncoding",
    "SamePad",
    "SinusoidalEncoding",
    "SoftArgmax1d",
    "SoftArgmax2d",
    "SoftArgmax3d",
    "probe",
    "probe_layers",
    "shift",
]

_moved.install()


def __getattr__(name: str) -> Any:
    """Give what went to the laboratory, asked for as an attribute."""
    return _moved.attribute(name)
