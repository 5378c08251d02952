"""Heat maps as targets: Gaussians, and how far a map is from one."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.testing import assert_close

from coordlib import layers
from coordlib.layers.heatmaps import js_divergence, render_gaussian, variance_penalty

sizes = st.lists(st.integers(1, 7), min_size=1, max_size=3).map(tuple)


@given(sizes, st.sampled_from([0.3, 1.0, 2.5]), st.integers(0, 99))
def test_a_gaussian_falls_with_the_squared_distance_and_sums_to_1(size, sigma, seed):
    torch.manual_seed(seed)
    pixels = torch.rand(2, 3, len(size), dtype=torch.float64) * 8 - 1
    found = render_gaussian(pixels, size, sigma, unit=False)
    assert found.shape == (2, 3, *size)
    for found_one, centre in zip(
        found.flatten(0, 1), pixels.flatten(0, 1), strict=True
    ):
        places = np.moveaxis(np.indices(size), 0, -1) - centre.numpy()
        expected = np.exp(-(places**2).sum(-1) / (2 * sigma**2))
        assert_close(found_one, torch.from_numpy(expected / expected.sum()))


def test_soft_argmax_reads_off_what_was_drawn():
    wanted = torch.tensor([[[0.25, -0.5], [0.0, 0.125]]])
    heat = render_gaussian(wanted, (33, 65))
    assert_close(layers.SoftArgmax2d(normalised=True)(heat), wanted)
    pixels = torch.tensor([[[20.0, 16.0]]])
    heat = render_gaussian(pixels, (33, 65), 1.5, unit=False)
    read = layers.SoftArgmax2d(unit=False, normalised=True)
    assert_close(read(heat), pixels)


def test_a_gaussian_far_outside_lies_at_the_border():
    heat = render_gaussian(torch.tensor([[99.0, 0.0]]), (5, 5))
    assert heat.isfinite().all() and heat[0, 4].sum() == pytest.approx(1)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_the_divergence_is_that_of_jensen_and_shannon(rank):
    torch.manual_seed(0)
    size = [4, 5, 3][:rank]
    heat = torch.rand(2, 3, *size, dtype=torch.float64)
    heat /= heat.sum(tuple(range(-rank, 0)), keepdim=True)
    wanted = torch.rand(2, 3, rank, dtype=torch.float64)
    p, q = heat.flatten(2), render_gaussian(wanted, size, 0.7).flatten(2)
    m = (p + q) / 2
    expected = ((p * (p / m).log()).sum(-1) + (q * (q / m).log()).sum(-1)) / 2
    assert_close(js_divergence(heat, wanted, 0.7), expected)


def test_the_divergence_lies_between_0_and_log_2():
    wanted = torch.tensor([[-1.0, -1.0]])
    own = render_gaussian(wanted, (32, 32))
    assert js_divergence(own, wanted).item() == 0
    assert_close(js_divergence(own.flip(1, 2), wanted), torch.tensor([math.log(2)]))


def test_gradients_are_finite_where_a_heat_map_is_zero():
    heat = torch.zeros(1, 1, 8, 8)
    heat[..., 2, 3] = 1
    heat.requires_grad_()
    js_divergence(heat, torch.zeros(1, 1, 2)).sum().backward()
    assert heat.grad.isfinite().all()


@given(sizes, st.sampled_from([0.5, 1.0]))
def test_the_penalty_compares_the_variance_along_each_axis(size, sigma):
    torch.manual_seed(0)
    heat = torch.rand(2, 3, *size, dtype=torch.float64)
    heat /= heat.flatten(2).sum(-1).view(2, 3, *[1] * len(size))
    expected = torch.zeros(2, 3, dtype=torch.float64)
    for places in map(torch.from_numpy, np.indices(size).astype(float)):
        mean = (heat * places).flatten(2).sum(-1)
        variance = (heat * places**2).flatten(2).sum(-1) - mean**2
        expected += (variance - sigma**2) ** 2
    assert_close(variance_penalty(heat, sigma), expected)


def test_learning_with_a_penalty_makes_one_peak_of_two():
    """Two far peaks have their mean between them; the shape tells them from one."""
    wanted = torch.tensor([[[0.0, 0.0]]])
    scores = torch.full((1, 1, 17, 17), -4.0)
    scores[..., 8, 2] = scores[..., 8, 14] = 4.0
    read = layers.SoftArgmax2d(normalised=True)
    scores.requires_grad_()
    optimiser = torch.optim.Adam([scores], 0.3)
    for _ in range(150):
        heat = scores.flatten(2).softmax(-1).view_as(scores)
        distance = torch.linalg.vector_norm(read(heat) - wanted, dim=-1)
        loss = distance + js_divergence(heat, wanted)
        optimiser.zero_grad()
        loss.sum().backward()
        optimiser.step()
    assert heat[0, 0].argmax() == 8 * 17 + 8
    assert variance_penalty(heat).item() < 0.5


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_every_float_type_goes_in_and_comes_out(dtype, device):
    wanted = torch.rand(2, 3, 2, dtype=dtype, device=device)
    heat = render_gaussian(wanted, (9, 9))
    assert heat.dtype == dtype and heat.device.type == device.type
    for value in js_divergence(heat, wanted), variance_penalty(heat):
        assert value.dtype == dtype and value.shape == (2, 3) and value.isfinite().all()


def test_bad_arguments_are_refused_by_name():
    heat = torch.full((1, 2, 4, 4), 1 / 16)
    with pytest.raises(ValueError, match="sigma must be positive and finite, got 0"):
        render_gaussian(torch.zeros(2), (4, 4), 0)
    with pytest.raises(ValueError, match=r"must have shape \(\.\.\., 2\) for size"):
        render_gaussian(torch.zeros(3), (4, 4), unit=False)
    with pytest.raises(TypeError, match="coordinates must be floating point"):
        render_gaussian(torch.zeros(2).long(), (4, 4))
    with pytest.raises(ValueError, match="heat must have an axis for each of the coor"):
        js_divergence(heat, torch.zeros(1, 3, 2))
    with pytest.raises(ValueError, match=r"heat must be .* got shape \(4, 4\)"):
        variance_penalty(heat[0, 0])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_in_half_precision_positions_far_from_the_corner_are_told_apart(dtype):
    wanted = torch.tensor([[257.0, 259.0]])
    heat = render_gaussian(wanted, (300, 300), unit=False).to(dtype)
    found = js_divergence(heat, wanted, unit=False)
    assert found.dtype == dtype
    assert 0 <= found < 1e-3


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_in_half_precision_a_far_peak_has_the_variance_it_has(dtype):
    heat = render_gaussian(torch.tensor([[[900.0]]]), (1024,), unit=False)
    assert variance_penalty(heat.to(dtype)) < 1e-3


@pytest.mark.parametrize(("place", "sigma"), [(0.1, 1e-20), (0.1, 1e-300), (1e30, 1.0)])
def test_the_narrowest_and_the_farthest_gaussians_sum_to_one(place, sigma):
    heat = render_gaussian(torch.tensor([place]), (5,), sigma)
    assert float(heat.sum()) == pytest.approx(1)
