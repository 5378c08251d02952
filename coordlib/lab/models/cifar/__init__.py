"""Four classical classifiers for small pictures, with every downsampling named.

They are as deep as published, and as wide if ``width`` is 1. What they do where they
halve the picture is one argument for all four.

==============  ====================================================================
downsampling    a strided layer becomes
==============  ====================================================================
"plain"         itself
"blur"          the layer with stride 1 (and its nonlinearity), blur and subsample
"polyphase"     the layer with stride 1 (and its nonlinearity), then the strongest
                of the four subsampled pictures
"blur-before"   blur, then the strided layer: naive, for what the layer makes aliases
"blur-after"    the strided layer, then blur: naive, for it has aliased already
"blur-instead"  blur and subsample in place of a maximum: naive, for the maximum is
                lost (with 2 taps it is average pooling); the same as "blur" where a
                convolution or an average is strided
==============  ====================================================================

Zhang, 2019, "Making convolutional networks shift-invariant again", for the blur;
Chaman and Dokmanić, 2021, "Truly shift-invariant convolutional neural networks", for
the polyphase sampling.
"""

from coordlib.lab.models.cifar.densenet import DenseNet
from coordlib.lab.models.cifar.downsampling import DOWNSAMPLINGS
from coordlib.lab.models.cifar.mobilenet import MobileNetV2
from coordlib.lab.models.cifar.resnet import ResNet
from coordlib.lab.models.cifar.vgg import VGG

__all__ = ["DOWNSAMPLINGS", "VGG", "DenseNet", "MobileNetV2", "ResNet"]
