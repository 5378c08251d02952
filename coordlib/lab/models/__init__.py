"""The networks of the book, layer by layer."""

from coordlib.lab.models.agents import ActorCritic, AtariTrunk, MiniTrunk, QNetwork
from coordlib.lab.models.cifar import VGG, DenseNet, MobileNetV2, ResNet
from coordlib.lab.models.classifiers import (
    DenseMax2d,
    GarmentNet,
    PositionNet,
    WhatAndWhere,
)
from coordlib.lab.models.common import parameter_count
from coordlib.lab.models.detector import Detector
from coordlib.lab.models.generators import (
    VAE,
    AddCodes,
    BroadcastDecoder,
    CoordConvGenerator,
    DCGANGenerator,
    Discriminator,
)
from coordlib.lab.models.painters import (
    CoordConvPainter,
    CoordConvSquarePainter,
    DeconvPainter,
    EncodedPainter,
)
from coordlib.lab.models.regressors import (
    ConvRegressor,
    CoordConvRegressor,
    DenseRegressor,
    SameConv2d,
)
from coordlib.lab.models.unet import UNet

__all__ = [
    "VAE",
    "VGG",
    "ActorCritic",
    "AddCodes",
    "AtariTrunk",
    "BroadcastDecoder",
    "ConvRegressor",
    "CoordConvGenerator",
    "CoordConvPainter",
    "CoordConvRegressor",
    "CoordConvSquarePainter",
    "DCGANGenerator",
    "DeconvPainter",
    "DenseMax2d",
    "DenseNet",
    "DenseRegressor",
    "Detector",
    "Discriminator",
    "EncodedPainter",
    "GarmentNet",
    "MiniTrunk",
    "MobileNetV2",
    "PositionNet",
    "QNetwork",
    "ResNet",
    "SameConv2d",
    "UNet",
    "WhatAndWhere",
    "parameter_count",
]
