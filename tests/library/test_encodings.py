"""Positions written down in other ways than as coordinates."""

import math

import pytest
import torch
from torch.testing import assert_close

from coordlib.grid import to_unit, unit_grid
from coordlib.layers import (
    FourierFeatures,
    LearnedEncoding,
    SinusoidalEncoding,
)

ALL = [FourierFeatures(), SinusoidalEncoding(), LearnedEncoding((64, 64))]
names = pytest.mark.parametrize("encoding", ALL, ids=lambda e: type(e).__name__)


def everywhere(side):
    return unit_grid((side, side)).permute(1, 2, 0)


@names
def test_no_two_pixels_have_the_same_code(encoding):
    codes = encoding(everywhere(64)).flatten(0, 1)
    assert codes.shape == (4096, encoding.channels)
    distances = torch.cdist(codes, codes) + torch.eye(4096)
    assert distances.min() > 1e-2


def test_fourier_codes_differ_by_the_shift_alone():
    """Their inner product depends on the difference of two places, on nothing else."""
    encoding = FourierFeatures(scale=3.0)
    place, step = torch.rand(2, 50, 2)
    here, there = (encoding(p) @ encoding(p + step[0]).T for p in (place, place * 0))
    assert_close(here.diagonal(), there.diagonal(), atol=1e-4, rtol=0)


def test_fourier_codes_of_one_wave_are_its_cosine_and_sine():
    encoding = FourierFeatures(waves=1, axes=1)
    angle = 2 * math.pi * 0.3 * encoding.frequencies[0, 0]
    assert_close(encoding(torch.tensor([0.3])), torch.stack([angle.cos(), angle.sin()]))


def test_a_larger_scale_means_finer_waves_of_the_same_directions():
    one, four = (FourierFeatures(scale=s, seed=3).frequencies for s in (1.0, 4.0))
    assert_close(four, 4 * one)


def test_each_octave_is_twice_as_fast():
    encoding = SinusoidalEncoding(octaves=3, axes=1)
    x = torch.tensor([0.37])
    cosines, sines = encoding(x).chunk(2)
    angles = torch.tensor([1.0, 2, 4]) * math.pi / 2 * 0.37
    assert_close(cosines, angles.cos())
    assert_close(sines, angles.sin())


def test_learned_codes_are_entries_of_the_tables_and_between_them_their_means():
    encoding = LearnedEncoding((5, 9), features=3)
    rows, columns = encoding.tables
    pixels = torch.tensor([[4, 0], [2, 8]])
    codes = encoding(to_unit(pixels, (5, 9)))
    assert_close(codes[0], torch.cat([rows[4], columns[0]]))
    assert_close(codes[1], torch.cat([rows[2], columns[8]]))
    between = encoding(to_unit(torch.tensor([[1.5, 3.0]]), (5, 9)))[0]
    assert_close(between, torch.cat([(rows[1] + rows[2]) / 2, columns[3]]))


def test_learned_codes_do_not_change_beyond_the_picture():
    encoding = LearnedEncoding((5, 5))
    assert_close(encoding(torch.tensor([3.0, -2])), encoding(torch.tensor([1.0, -1])))


def test_only_learned_codes_are_trained():
    assert [sum(p.numel() for p in e.parameters()) for e in ALL] == [0, 0, 2 * 64 * 16]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FourierFeatures(waves=0), "waves"),
        (lambda: FourierFeatures(scale=0), "scale must be positive and finite, got 0"),
        (lambda: SinusoidalEncoding(octaves=-1), "octaves"),
        (lambda: LearnedEncoding((1, 64)), "size"),
    ],
)
def test_impossible_arguments_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("encoding", ALL, ids=lambda e: type(e).__name__)
@pytest.mark.parametrize("shape", [(5, 3), (5, 1), ()])
def test_another_number_of_coordinates_is_refused(encoding, shape):
    with pytest.raises(ValueError, match=r"shape \(\.\.\., 2\), one .*, got \("):
        encoding(torch.zeros(shape))


@pytest.mark.parametrize("encoding", ALL, ids=lambda e: type(e).__name__)
def test_angles_and_places_are_not_rounded_under_autocast(encoding):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = encoding(everywhere(64))
    assert_close(inside, encoding(everywhere(64)))
