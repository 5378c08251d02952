"""VGG with batch normalisation."""

from collections import OrderedDict

from torch import nn

from coordlib.arguments import check_choice, check_integer
from coordlib.lab.models.cifar.downsampling import Downsampling, Way, scaled
from coordlib.lab.models.common import he_normal_

# Convolutions of each stage; a pool follows each stage.
_VGG = {
    11: (1, 1, 2, 2, 2),
    13: (2, 2, 2, 2, 2),
    16: (2, 2, 3, 3, 3),
    19: (2, 2, 4, 4, 4),
}


class VGG(nn.Sequential):
    """VGG with batch normalisation, and one linear layer: five stages, five pools.

    The layers are named as in the paper: ``conv1_1``, ``relu1_1``, ..., ``pool1``.

    Parameters
    ----------
    downsampling : {"plain", "blur", "polyphase", "blur-before", "blur-after", \
"blur-instead"}
        What the pools do, see the table above. "plain" is the 2x2 maximum
        with stride 2.
    filter_size : int
        Taps of the blur, where there is one.
    padding_mode : {"zeros", "circular"}
        How convolutions and maxima fill their borders. Blurs repeat the border in the
        first case, and wrap around in the second.
    width : float
        Multiplies the number of channels of every layer.
    classes : int
        Number of outputs.
    depth : {11, 13, 16, 19}
        Layers with weights, three of which the paper has at the end: here it is one.
    channels : int
        Of the picture.

    Notes
    -----
    ``(N, channels, H, W)`` to ``(N, classes)``; H and W are at least 32 (for
    "polyphase": multiples of 32). 9,413,066 parameters for depth 13.

    Simonyan and Zisserman, 2015, "Very deep convolutional networks for large-scale
    image recognition", table 1.
    """

    def __init__(
        self,
        downsampling: Downsampling = "plain",
        filter_size: int = 3,
        padding_mode: str = "zeros",
        width: float = 1.0,
        classes: int = 10,
        *,
        depth: int = 13,
        channels: int = 3,
    ) -> None:
        way = Way(downsampling, filter_size, padding_mode)
        check_choice("depth", depth, _VGG)
        check_integer("classes", classes)
        check_integer("channels", channels)
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        for stage, (count, full) in enumerate(
            zip(_VGG[depth], (64, 128, 256, 512, 512), strict=True), start=1
        ):
            outputs = scaled(full, width)
            for n in range(1, count + 1):
                layers[f"conv{stage}_{n}"] = way.conv(channels, outputs)
                layers[f"bn{stage}_{n}"] = nn.BatchNorm2d(outputs)
                layers[f"relu{stage}_{n}"] = nn.ReLU()
                channels = outputs
            layers[f"pool{stage}"] = way.max_pool()
        layers["average"] = nn.AdaptiveAvgPool2d(1)
        layers["flatten"] = nn.Flatten()
        layers["linear"] = nn.Linear(channels, classes)
        super().__init__(layers)
        he_normal_(self)
