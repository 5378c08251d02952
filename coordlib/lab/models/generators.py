"""From random numbers to pictures: generators, their discriminators, and autoencoders.

Pictures have three channels in [-1, 1]. The GAN's networks are those of the released
code of Liu et al. (2018), layer by layer, with one correction. There the discriminator
sees what the coordinate generator says *before* its hyperbolic tangent, while the
pictures that are shown have passed through it: the discriminator and the reader look at
different pictures. Here there is no tangent at all in that generator, and both see the
same.
"""

from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from coordlib.arguments import (
    check_choice,
    check_flag,
    check_floating,
    check_generator,
    check_integer,
)
from coordlib.lab.models.common import Stack, he_normal_
from coordlib.lab.models.detector import ConstantConv2d
from coordlib.lab.models.handmade import Tile
from coordlib.lab.models.normalisation import normalisation_layer
from coordlib.layers import CoordConv2d, CoordConvTranspose2d

__all__ = [
    "DECODERS",
    "VAE",
    "AddCodes",
    "BroadcastDecoder",
    "CoordConvGenerator",
    "DCGANGenerator",
    "Discriminator",
    "evidence_bound",
    "with_noise",
]

DECODERS = ("conv", "coordconv", "broadcast", "ones", "codes")
"""How a :class:`VAE` may paint."""
_COARSEST = 4  # side of the smallest picture inside a network


class DCGANGenerator(Stack):
    """Paint by transposed convolutions: from 4x4 pixels, doubled until they fill.

    A dense layer gives 4x4 pixels with many channels. Every transposed convolution
    5x5 of stride 2 doubles the side and halves the channels; all but the last have
    batch normalisation and a rectifier, the last a hyperbolic tangent.

    Parameters
    ----------
    width : int
        Channels before the last layer. 64 in the source: 6,413,315 parameters.
    size : int
        Side of the pictures: a power of two, at least 8.
    latent : int
        How many numbers a picture is made from.
    normalisation : {"batch", "none", "group", "instance"}
        What stands before each rectifier; "batch" in the source.

    Notes
    -----
    ``(N, latent)`` to ``(N, 3, size, size)`` in (-1, 1).

    Radford et al., 2016, "Unsupervised representation learning with deep
    convolutional generative adversarial networks"; Liu et al., 2018, section 5 and
    the released code.
    """

    def __init__(
        self,
        width: int = 64,
        size: int = 64,
        latent: int = 256,
        normalisation: str = "batch",
    ) -> None:
        self.latent = check_integer("latent", latent)
        channels = [*reversed(_channels(width, size)), 3]
        layers: list[nn.Module] = [
            nn.Linear(latent, channels[0] * _COARSEST**2),
            nn.Unflatten(1, (channels[0], _COARSEST, _COARSEST)),
        ]
        for inputs, outputs in pairwise(channels):
            layers += [*_normalised(normalisation, inputs), nn.ReLU()]
            layers.append(nn.ConvTranspose2d(inputs, outputs, 5, 2, 2, 1))
        super().__init__(*layers, nn.Tanh())


class CoordConvGenerator(Stack):
    """Paint by asking every pixel what it shows, given where it is.

    The random numbers are repeated over the canvas, a
    :class:`~coordlib.layers.CoordConv2d` adds where each pixel is, and 1x1
    convolutions with rectifiers combine the two. Two 3x3 convolutions let neighbours
    agree, one more 1x1 gives colours.

    Parameters
    ----------
    width : int
        Channels of the last hidden layers; the first have eight times as many. 64 in
        the source: 444,931 parameters, whatever the size.
    size : int
        Side of the pictures.
    latent : int
        How many numbers a picture is made from.
    normalisation : {"none", "batch", "group", "instance"}
        What stands before each rectifier; "none" in the source.

    Notes
    -----
    ``(N, latent)`` to ``(N, 3, size, size)``; what is beyond [-1, 1] counts, and is
    shown, as its end. With a hyperbolic tangent between it and the discriminator it
    often gets stuck at white, where the tangent is flat.

    Liu et al., 2018, section 5 and the released code, where pictures pass a tangent
    after the discriminator has looked.
    """

    def __init__(
        self,
        width: int = 64,
        size: int = 64,
        latent: int = 256,
        normalisation: str = "none",
    ) -> None:
        self.latent = check_integer("latent", latent)
        check_integer("width", width)

        def after(channels: int) -> list[nn.Module]:
            return [*_normalised(normalisation, channels), nn.ReLU()]

        hidden = [8 * width, 4 * width, 4 * width, 2 * width, width]
        layers = [Tile(size), CoordConv2d(latent, hidden[0], 1), *after(hidden[0])]
        for inputs, outputs in pairwise(hidden):
            layers += [nn.Conv2d(inputs, outputs, 1), *after(outputs)]
        for _ in range(2):
            layers += [nn.Conv2d(width, width, 3, padding=1), *after(width)]
        super().__init__(*layers, nn.Conv2d(width, 3, 1))
        he_normal_(self)


class Discriminator(Stack):
    """Tell drawn pictures from generated ones: one logit, larger for drawn.

    Convolutions 5x5 of stride 2 with leaky rectifiers, all but the first with batch
    normalisation, down to 4x4 pixels; then one dense layer.

    Parameters
    ----------
    coordinates : bool
        Whether the first convolution sees where it is; the others never do.
    width : int
        Channels of the first layer; each further one doubles them. 64 in the source.
    size : int
        Side of the pictures: a power of two, at least 8.

    Notes
    -----
    ``(N, 3, size, size)`` to ``(N,)``. Liu et al., 2018, section 5 and the released
    code.
    """

    def __init__(
        self, coordinates: bool = False, width: int = 64, size: int = 64
    ) -> None:
        check_flag("coordinates", coordinates)
        channels = [3, *_channels(width, size)]
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(channels):
            conv = CoordConv2d if coordinates and inputs == 3 else nn.Conv2d
            layers.append(conv(inputs, outputs, 5, 2, 2))
            if inputs != 3:
                layers.append(nn.BatchNorm2d(outputs))
            layers.append(nn.LeakyReLU(0.2))
        super().__init__(
            *layers,
            nn.Flatten(),
            nn.Linear(channels[-1] * _COARSEST**2, 1),
            nn.Flatten(0),
        )


class ConstantConvTranspose2d(nn.ConvTranspose2d):
    """A transposed convolution that sees channels of ones in place of coordinates.

    Parameters
    ----------
    in_channels : int
        Of the input, without the two of ones.
    *options, **named
        As for :class:`torch.nn.ConvTranspose2d`.
    """

    def __init__(self, in_channels: int, *options, **named) -> None:
        super().__init__(in_channels + 2, *options, **named)

    def forward(self, input: Tensor) -> Tensor:
        ones = input.new_ones(len(input), 2, *input.shape[2:])
        return super().forward(torch.cat([input, ones], 1))


class AddCodes(nn.Module):
    """Append two channels of random numbers in [-1, 1], the same for every picture.

    A pixel is told from all others, but not where it is: a control for coordinates.

    Parameters
    ----------
    size : int
        Side of the canvas.
    """

    codes: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        check_integer("size", size)
        self.register_buffer("codes", 2 * torch.rand(2, size, size) - 1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.codes.expand(len(x), -1, -1, -1)], 1)


class BroadcastDecoder(Stack):
    """Decode by broadcasting: the code at every pixel, beside where the pixel is.

    Three convolutions 3x3 with rectifiers at full size, the first of which sees
    coordinates, and one 1x1.

    Parameters
    ----------
    width : int
        Channels of the hidden layers; 64 in the source.
    size : int
        Side of the pictures.
    latent : int
        Numbers of a code.
    coordinates : bool
        Whether a pixel is given its coordinates; :class:`AddCodes` if not.

    Notes
    -----
    ``(N, latent)`` to logits ``(N, 3, size, size)``. Watters et al., 2019, "Spatial
    broadcast decoder": there the convolutions have no padding, and start on a canvas
    that is larger by as much as they take away.
    """

    def __init__(
        self,
        width: int = 64,
        size: int = 64,
        latent: int = 10,
        coordinates: bool = True,
    ) -> None:
        self.latent = check_integer("latent", latent)
        check_integer("width", width)
        check_flag("coordinates", coordinates)
        first = [CoordConv2d(latent, width, 3, padding=1)]
        if not coordinates:
            first = [AddCodes(size), nn.Conv2d(latent + 2, width, 3, padding=1)]
        super().__init__(
            Tile(size),
            *(*first, nn.ReLU()),
            *(nn.Conv2d(width, width, 3, padding=1), nn.ReLU()),
            *(nn.Conv2d(width, width, 3, padding=1), nn.ReLU()),
            nn.Conv2d(width, 3, 1),
        )


class VAE(nn.Module):
    """A variational autoencoder: a picture to a cloud of codes, a code to a picture.

    Convolutions 3x3 of stride 2 with rectifiers lead down to 4x4 pixels, a dense layer
    to the mean and the logarithm of the variance of the code.

    Parameters
    ----------
    decoder : {"conv", "coordconv", "broadcast", "ones", "codes"}
        "conv": a dense layer, then transposed convolutions 4x4 of stride 2.
        "coordconv": the same network with coordinates in every convolution, of the
        encoder too. "ones": that network with ones in place of coordinates, a control.
        "broadcast": the plain encoder, and a :class:`BroadcastDecoder`. "codes": with
        random numbers in place of its coordinates, a control.
    width : int
        Channels of the encoder's first layer, and of the decoder's last ones.
    size : int
        Side of the pictures: a power of two, at least 8.
    latent : int
        Numbers of a code.

    Notes
    -----
    Pictures are ``(N, 3, size, size)`` in [-1, 1]. While it trains it wants the noise
    of the code as a fourth channel (see :func:`with_noise`) and gives ``(logits, mean,
    log_variance)``. In evaluation mode it gives the pictures rebuilt from the mean.

    Kingma and Welling, 2014, "Auto-encoding variational Bayes". Liu et al. (2018) put
    coordinates into encoder and decoder; their network was not released, and this one
    is ours.
    """

    def __init__(
        self,
        decoder: Literal["conv", "coordconv", "broadcast", "ones", "codes"] = "conv",
        width: int = 32,
        size: int = 64,
        latent: int = 16,
    ) -> None:
        super().__init__()
        check_choice("decoder", decoder, DECODERS)
        self.latent = check_integer("latent", latent)
        down, up = {
            "coordconv": (CoordConv2d, CoordConvTranspose2d),
            "ones": (ConstantConv2d, ConstantConvTranspose2d),
        }.get(decoder, (nn.Conv2d, nn.ConvTranspose2d))
        channels = _channels(width, size)
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise([3, *channels]):
            layers += [down(inputs, outputs, 3, 2, 1), nn.ReLU()]
        flat = channels[-1] * _COARSEST**2
        self.encoder = nn.Sequential(*layers, nn.Flatten(), nn.Linear(flat, 2 * latent))
        if decoder in ("broadcast", "codes"):
            told = decoder == "broadcast"
            self.decoder = BroadcastDecoder(width, size, latent, told)
        else:
            layers = [
                nn.Linear(latent, flat),
                nn.Unflatten(1, (channels[-1], _COARSEST, _COARSEST)),
            ]
            for inputs, outputs in pairwise([*reversed(channels), 3]):
                layers += [nn.ReLU(), up(inputs, outputs, 4, 2, 1)]
            self.decoder = nn.Sequential(*layers)
        he_normal_(self)

    def encode(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Give mean and logarithm of the variance of the codes, each (N, latent)."""
        mean, log_variance = self.encoder(pictures).chunk(2, 1)
        return mean, log_variance

    def decode(self, codes: Tensor) -> Tensor:
        """Give pictures (N, 3, size, size) in (-1, 1) from codes (N, latent)."""
        return 2 * self.decoder(codes).sigmoid() - 1

    def forward(self, pictures: Tensor) -> Tensor | tuple[Tensor, Tensor, Tensor]:
        mean, log_variance = self.encode(pictures[:, :3])
        if not self.training:
            return self.decode(mean)
        noise = pictures[:, 3].flatten(1)[:, : self.latent]
        codes = mean + noise * (log_variance / 2).exp()
        return self.decoder(codes), mean, log_variance


def with_noise(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """Put normal noise beside pictures, as a channel of its own.

    So the noise of a variational autoencoder comes from where its batches come from,
    and a training that stopped goes on with the same.

    Parameters
    ----------
    pictures : Tensor, shape (N, C, H, W)
    generator : torch.Generator
        On the CPU.

    Returns
    -------
    Tensor, shape (N, C + 1, H, W)
    """
    check_floating("pictures", pictures, 4)
    check_generator("generator", generator)
    count, _, height, width = pictures.shape
    noise = torch.randn(count, 1, height, width, generator=generator)
    return torch.cat([pictures, noise.to(pictures.device)], 1)


def evidence_bound(answer: tuple[Tensor, Tensor, Tensor], pictures: Tensor) -> Tensor:
    """The loss of a :class:`VAE`: what a picture costs in nats, at most.

    Cross-entropy of every colour of every pixel, and the distance of the code's
    distribution from the standard normal one.

    Parameters
    ----------
    answer : (logits, mean, log_variance)
        Of the network while it trains.
    pictures : Tensor, shape (N, 3, H, W), in [-1, 1]

    Returns
    -------
    Tensor, a single number
        The mean over the pictures.
    """
    if not isinstance(answer, tuple | list) or len(answer) != 3:
        raise TypeError(f"answer must be three tensors, got {answer!r}")
    for part in answer:
        check_floating("answer", part)
    check_floating("pictures", pictures, 4)
    logits, mean, log_variance = answer
    if logits.shape != pictures.shape:
        raise ValueError(
            f"pictures must be of the shape of the answer, {tuple(logits.shape)}, got "
            f"{tuple(pictures.shape)}"
        )
    rebuilt = F.binary_cross_entropy_with_logits(
        logits, (pictures + 1) / 2, reduction="sum"
    )
    away = (mean.square() + log_variance.exp() - 1 - log_variance).sum() / 2
    return (rebuilt + away) / len(pictures)


def _normalised(kind: str, channels: int) -> list[nn.Module]:
    """What stands before a rectifier; nothing, and no layer, for "none"."""
    check_choice("normalisation", kind, ("batch", "none", "group", "instance"))
    return [] if kind == "none" else [normalisation_layer(kind, channels)]


def _channels(width: int, size: int) -> list[int]:
    """Channels from full size down to 4x4 pixels, doubled at each halving."""
    check_integer("width", width)
    check_integer("size", size, at_least=2 * _COARSEST)
    if size & (size - 1):
        raise ValueError(f"size must be a power of two, got {size}")
    halvings = (size // _COARSEST).bit_length() - 1
    return [width * 2**level for level in range(halvings)]
