"""Generators, discriminator and autoencoders: sizes, parameters, what they see."""

from itertools import pairwise

import pytest
import torch
from torch import nn

from coordlib.lab.models import parameter_count
from coordlib.lab.models.generators import (
    DECODERS,
    VAE,
    AddCodes,
    BroadcastDecoder,
    ConstantConvTranspose2d,
    CoordConvGenerator,
    DCGANGenerator,
    Discriminator,
    evidence_bound,
    with_noise,
)
from coordlib.layers import CoordConv2d, CoordConvTranspose2d

every_generator = pytest.mark.parametrize("make", [DCGANGenerator, CoordConvGenerator])
every_decoder = pytest.mark.parametrize("decoder", DECODERS)


def with_coordinates(model):
    kinds = (CoordConv2d, CoordConvTranspose2d)
    return [isinstance(module, kinds) for module in convolutions(model)]


def convolutions(model):
    kinds = (nn.Conv2d, nn.ConvTranspose2d)
    return [module for module in model.modules() if isinstance(module, kinds)]


def test_at_the_size_of_the_source_generators_have_its_parameters():
    assert parameter_count(CoordConvGenerator()) == 444_931
    # Dense, four transposed convolutions, normalisation of all but the last.
    dense = 257 * 16 * 512
    convs = 25 * (512 * 256 + 256 * 128 + 128 * 64 + 64 * 3) + 256 + 128 + 64 + 3
    norms = 2 * (512 + 256 + 128 + 64)
    assert parameter_count(DCGANGenerator()) == dense + convs + norms == 6_413_315


def test_coordinates_cost_the_discriminator_one_kernel_each():
    plain, with_them = (parameter_count(Discriminator(on)) for on in (False, True))
    assert with_them - plain == 2 * 25 * 64
    convs = 25 * (3 * 64 + 64 * 128 + 128 * 256 + 256 * 512) + 64 + 128 + 256 + 512
    assert plain == convs + 2 * (128 + 256 + 512) + 512 * 16 + 1


def test_the_size_of_the_picture_does_not_change_the_coordinate_generator():
    assert parameter_count(CoordConvGenerator(size=16)) == 444_931


@every_generator
@pytest.mark.parametrize("size", [8, 16, 32])
def test_a_picture_comes_out_in_range(make, size):
    generator = make(width=4, size=size, latent=6)
    pictures = generator(torch.randn(5, 6))
    assert pictures.shape == (5, 3, size, size)
    assert (pictures.abs().max() < 1) or make is CoordConvGenerator
    assert Discriminator(True, 4, size)(pictures).shape == (5,)


@pytest.mark.parametrize("coordinates", [False, True])
def test_only_the_first_layer_of_the_discriminator_sees_where_it_is(coordinates):
    kinds = with_coordinates(Discriminator(coordinates, 4, 16))
    assert kinds == [coordinates] + [False] * (len(kinds) - 1)


def test_a_pixel_of_the_coordinate_generator_sees_the_code_and_its_place_alone():
    """Up to the two 3x3 convolutions: a change of the canvas stays 2 pixels away."""
    torch.manual_seed(0)
    generator = CoordConvGenerator(width=4, size=16, latent=6)
    hidden = torch.randn(1, 4, 16, 16)
    after = generator[11:]  # from the first 3x3 convolution on
    assert isinstance(after[0], nn.Conv2d) and after[0].kernel_size == (3, 3)
    changed = hidden.clone()
    changed[:, :, 8, 8] += 1
    moved = (after(changed) - after(hidden)).abs().sum((0, 1)).nonzero()
    assert (moved - 8).abs().max() == 2


@every_decoder
@pytest.mark.parametrize("size", [8, 32])
def test_an_autoencoder_rebuilds_a_picture_of_the_same_size(decoder, size):
    model = VAE(decoder, width=4, size=size, latent=5)
    pictures = torch.rand(3, 3, size, size)
    logits, mean, log_variance = model(with_noise(pictures, torch.Generator()))
    assert logits.shape == pictures.shape
    assert mean.shape == log_variance.shape == (3, 5)
    rebuilt = model.eval()(pictures)
    assert rebuilt.shape == pictures.shape and rebuilt.abs().max() <= 1


def test_coordinates_are_everywhere_or_in_the_decoder_or_nowhere():
    models = {decoder: VAE(decoder, 4, 16, 5) for decoder in DECODERS}
    assert not any(with_coordinates(models["ones"]))
    assert not any(with_coordinates(models["conv"]))
    assert all(with_coordinates(models["coordconv"]))
    assert not any(with_coordinates(models["broadcast"].encoder))
    assert with_coordinates(models["broadcast"].decoder) == [True] + [False] * 3


def test_two_channels_of_coordinates_are_all_that_differs():
    plain, with_them = VAE("conv", 4, 16, 5), VAE("coordconv", 4, 16, 5)
    extra = sum(
        2 * conv.kernel_size[0] ** 2 * conv.out_channels for conv in convolutions(plain)
    )
    assert parameter_count(with_them) == parameter_count(plain) + extra
    assert parameter_count(VAE("ones", 4, 16, 5)) == parameter_count(with_them)


def test_channels_of_ones_are_as_many_weights_and_no_news():
    """Where a pixel is they do not say: a border is all that tells the pixels apart."""
    torch.manual_seed(0)
    layer = ConstantConvTranspose2d(3, 2, 4, 2, 1)
    told = CoordConvTranspose2d(3, 2, 4, 2, 1)
    assert parameter_count(layer) == parameter_count(told)
    grey = torch.ones(1, 3, 16, 16)
    inside = layer(grey)[..., 2:-2, 2:-2]
    # A transposed convolution of stride 2 paints four kinds of pixels in turn.
    for i, j in ((0, 0), (0, 1), (1, 0), (1, 1)):
        alike = inside[..., i::2, j::2]
        assert torch.allclose(alike, alike[..., :1, :1], atol=1e-5)
    inside = told(grey)[..., 2:-2, 2:-2]
    assert inside[..., ::2, ::2].std() > 0.01


@every_generator
def test_normalisation_stands_before_the_rectifiers_of_a_generator(make):
    """By default as the source has it: in one kind of generator only."""

    def norms(generator):
        return [m for m in generator.modules() if isinstance(m, nn.BatchNorm2d)]

    rectifiers = sum(isinstance(m, nn.ReLU) for m in make(4, 16, 6))
    published = rectifiers if make is DCGANGenerator else 0
    assert len(norms(make(4, 16, 6))) == published
    assert len(norms(make(4, 16, 6, normalisation="none"))) == 0
    normalised = make(4, 16, 6, normalisation="batch")
    assert len(norms(normalised)) == rectifiers
    layers = [type(layer) for layer in normalised]
    for before, layer in pairwise(layers):
        assert (layer is nn.ReLU) == (before is nn.BatchNorm2d)


def test_the_broadcast_decoder_has_the_layers_of_its_source():
    first, hidden = 9 * 12 * 64 + 64, 9 * 64 * 64 + 64
    assert parameter_count(BroadcastDecoder()) == first + 2 * hidden + 64 * 3 + 3


def test_with_codes_a_decoder_differs_from_one_with_coordinates_in_them_alone():
    told, coded = BroadcastDecoder(8, 8, 3), BroadcastDecoder(8, 8, 3, False)
    assert parameter_count(told) == parameter_count(coded)
    codes = next(m for m in coded if isinstance(m, AddCodes)).codes
    assert codes.shape == (2, 8, 8) and codes.abs().max() <= 1
    assert len(codes.flatten(1).T.unique(dim=0)) == 64  # each pixel has its own
    assert "decoder.1.codes" in VAE("codes", 4, 8, 3).state_dict()


def test_noise_moves_the_code_by_its_deviation():
    torch.manual_seed(0)
    model = VAE("conv", 4, 8, 3)
    pictures = torch.rand(2, 3, 8, 8)
    noisy = with_noise(pictures, torch.Generator().manual_seed(1))
    mean, log_variance = model.encode(pictures)
    noise = noisy[:, 3].flatten(1)[:, :3]
    codes = mean + noise * log_variance.exp().sqrt()
    torch.testing.assert_close(model(noisy)[0], model.decoder(codes))
    again = with_noise(pictures, torch.Generator().manual_seed(1))
    assert torch.equal(noisy, again)


def test_the_bound_is_that_of_torchs_distributions():
    torch.manual_seed(0)
    pictures = torch.randint(0, 2, (4, 3, 8, 8)).float() * 2 - 1
    logits, mean, log_variance = torch.randn(4, 3, 8, 8), *torch.randn(2, 4, 5)
    code = torch.distributions.Normal(mean, log_variance.exp().sqrt())
    simple = torch.distributions.Normal(torch.zeros(4, 5), torch.ones(4, 5))
    away = torch.distributions.kl_divergence(code, simple).sum(1)
    pixels = torch.distributions.Bernoulli(logits=logits)
    surprise = -pixels.log_prob((pictures + 1) / 2).sum((1, 2, 3))
    bound = evidence_bound((logits, mean, log_variance), pictures)
    torch.testing.assert_close(bound, (surprise + away).mean())


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: DCGANGenerator(size=24), ValueError, "power of two"),
        (lambda: DCGANGenerator(size=4), ValueError, "size must be at least 8"),
        (lambda: CoordConvGenerator(width=0), ValueError, "width"),
        (lambda: CoordConvGenerator(latent=2.5), TypeError, "latent"),
        (lambda: Discriminator(width=-1), ValueError, "width"),
        (lambda: VAE("dense"), ValueError, "decoder must be one of 'conv'"),
        (lambda: BroadcastDecoder(latent=0), ValueError, "latent"),
        (
            lambda: DCGANGenerator(8, 16, 4, "batch-frozen"),
            ValueError,
            "normalisation must be one of 'batch'",
        ),
    ],
)
def test_what_they_cannot_be_is_refused_by_name(call, error, message):
    with pytest.raises(error, match=message):
        call()
