import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.testing import assert_close

from coordlib.layers import (
    BlurPool2d,
    PolyphasePool1d,
    PolyphasePool2d,
    PolyphasePool3d,
    PolyphaseUpsample1d,
    PolyphaseUpsample2d,
    PolyphaseUpsample3d,
)

UPSAMPLES = [PolyphaseUpsample1d, PolyphaseUpsample2d, PolyphaseUpsample3d]
POOLS = [PolyphasePool1d, PolyphasePool2d, PolyphasePool3d]
norms = st.sampled_from([1, 2, math.inf])


def component(x, phase, stride):
    """The polyphase component of an unbatched (C, *size) that starts at ``phase``."""
    return x[(..., *map(slice, phase, itertools.repeat(None), stride))]


def assert_shifts_with_the_input(pool, x, shift):
    """f(shift x) is f(x), shifted by the whole strides that phase and shift make up."""
    axes = tuple(range(-len(shift), 0))
    output, phase = pool(x)
    shifted, other = pool(x.roll(shift, axes))
    for sample in range(len(x)):
        total = (phase[sample] + torch.tensor(shift)).tolist()
        steps = [t // s for t, s in zip(total, pool.stride, strict=True)]
        rest = [t % s for t, s in zip(total, pool.stride, strict=True)]
        assert torch.equal(shifted[sample], output[sample].roll(steps, axes))
        assert other[sample].tolist() == rest


# The law


@given(st.data(), norms)
def test_it_commutes_with_every_circular_shift_up_to_the_phase(data, norm):
    rank = data.draw(st.integers(1, 3))
    stride = data.draw(st.tuples(*[st.integers(1, 3)] * rank))
    cells = data.draw(st.tuples(*[st.integers(1, 3)] * rank))
    shift = data.draw(st.tuples(*[st.integers(-9, 9)] * rank))
    torch.manual_seed(data.draw(st.integers(0, 99)))
    size = [n * s for n, s in zip(cells, stride, strict=True)]
    pool = POOLS[rank - 1](stride, norm, return_phase=True)
    assert_shifts_with_the_input(pool, torch.randn(2, 3, *size), shift)


@given(st.data(), norms)
def test_it_keeps_a_component_of_largest_norm(data, norm):
    stride = data.draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    torch.manual_seed(data.draw(st.integers(0, 99)))
    x = torch.randn(2, 3, 2 * stride[0], 3 * stride[1], dtype=torch.float64)
    output, phase = PolyphasePool2d(stride, norm, return_phase=True)(x)
    for sample in range(2):
        phases = itertools.product(*map(range, stride))
        sizes = {
            p: np.linalg.norm(component(x[sample], p, stride).flatten(), norm)
            for p in phases
        }
        chosen = tuple(phase[sample].tolist())
        assert sizes[chosen] == max(sizes.values())
        assert torch.equal(output[sample], component(x[sample], chosen, stride))


@pytest.mark.parametrize("norm", [1, 2])
def test_adding_in_another_order_never_changes_the_choice(norm):
    """The same values in another order: sums of floats differ by their rounding."""
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(1, 1, 50, generator=generator)
    other = values[..., torch.randperm(50, generator=generator)]
    x = torch.stack([values, other], -1).flatten(-2)
    pool = PolyphasePool1d(2, norm, return_phase=True)
    for shift in range(100):
        assert_shifts_with_the_input(pool, x, (shift,))


def test_plain_subsampling_does_not_commute_where_this_layer_does():
    x = torch.tensor([[[0.0, 1, 0, 2, 0, 3]]])
    assert PolyphasePool1d()(x).tolist() == [[[1, 2, 3]]]
    assert PolyphasePool1d()(x.roll(-1, -1)).tolist() == [[[1, 2, 3]]]
    assert x[..., ::2].tolist() != x.roll(-1, -1)[..., ::2].tolist()


def test_a_network_of_circular_layers_and_a_global_pool_is_invariant():
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, padding_mode="circular"),
        nn.ReLU(),
        BlurPool2d(stride=1, padding_mode="circular"),
        PolyphasePool2d(),
        nn.Conv2d(8, 8, 3, padding=1, padding_mode="circular"),
        nn.ReLU(),
        PolyphasePool2d(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    ).double()
    x = torch.randn(4, 3, 16, 16, dtype=torch.float64)
    for shift in [(1, 0), (0, 3), (5, 7), (-2, 9)]:
        assert_close(network(x.roll(shift, (2, 3))), network(x))


def test_it_is_exact_for_circular_shifts_only():
    """Content that enters at the border may change what is kept."""
    x = torch.zeros(1, 1, 8)
    x[..., 7], x[..., 0:7:2] = 3, 1
    moved = torch.cat([torch.zeros(1, 1, 1), x[..., :7]], -1)  # the 3 has left
    kept, kept_after = PolyphasePool1d()(x), PolyphasePool1d()(moved)
    assert kept.sum() == 3 and kept_after.sum() == 4


# Ties


def test_equal_norms_are_told_apart_by_roughness():
    even, odd = torch.tensor([1.0, 1, 0, 0]), torch.tensor([1.0, 0, 1, 0])
    x = torch.stack([even, odd], -1).view(1, 1, 8)
    pool = PolyphasePool1d(return_phase=True)
    for shift in range(8):
        assert_shifts_with_the_input(pool, x, (shift,))
        assert sorted(pool(x.roll(shift, -1))[0][0, 0].tolist()) == [0, 0, 1, 1]
    assert torch.equal(pool(x)[0][0, 0], odd)


def test_components_that_are_shifts_of_each_other_may_tie():
    x = torch.tensor([[[0.0, 0, 1, 1, 0, 0, 1, 1]]])
    outputs = [PolyphasePool1d()(x.roll(shift, -1)) for shift in range(8)]
    assert {tuple(o.flatten().tolist()) for o in outputs} == {
        (0, 1, 0, 1),
        (1, 0, 1, 0),
    }


def test_what_cannot_be_told_apart_takes_the_first_phase():
    pool = PolyphasePool2d(return_phase=True)
    for constant in torch.zeros(1, 2, 4, 4), torch.ones(1, 2, 4, 4):
        output, phase = pool(constant)
        assert phase.tolist() == [[0, 0]]
        assert torch.equal(output, constant[..., ::2, ::2])


# Sizes that the stride does not divide


@given(st.data())
def test_in_ceil_mode_the_last_line_is_repeated_until_the_stride_divides(data):
    rank = data.draw(st.integers(1, 3))
    stride = data.draw(st.tuples(*[st.integers(1, 3)] * rank))
    size = data.draw(st.tuples(*[st.integers(1, 7)] * rank))
    torch.manual_seed(0)
    x = torch.randn(2, 3, *size)
    ends = [(0, -n % s) for n, s in zip(size, stride, strict=True)]
    filled = torch.from_numpy(np.pad(x.numpy(), [(0, 0), (0, 0), *ends], "edge"))
    expected = POOLS[rank - 1](stride, return_phase=True)(filled)
    found = POOLS[rank - 1](stride, return_phase=True, ceil_mode=True)(x)
    assert all(map(torch.equal, found, expected))
    assert found[0].shape[2:] == tuple(
        math.ceil(n / s) for n, s in zip(size, stride, strict=True)
    )


@given(st.tuples(*[st.integers(0, 4)] * 2), st.tuples(*[st.integers(0, 3)] * 2))
def test_in_ceil_mode_shifts_on_a_background_are_exact(before, after):
    """Something of 4 x 5 pixels in 9 x 9, never on the last row or column."""
    torch.manual_seed(0)
    thing = torch.randn(2, 3, 4, 5)
    pool = PolyphasePool2d(return_phase=True, ceil_mode=True)

    def pooled(i, j):
        x = torch.full((2, 3, 9, 9), 0.5)
        x[..., i : i + 4, j : j + 5] = thing
        return pool(x)

    before = before[0], min(before[1], 3)
    (one, phase), (other, new_phase) = pooled(*before), pooled(*after)
    by = torch.tensor(after) - torch.tensor(before)
    for sample in range(2):
        total = phase[sample] + by
        steps = total.div(2, rounding_mode="floor").tolist()
        assert torch.equal(other[sample], one[sample].roll(steps, (1, 2)))
        assert torch.equal(new_phase[sample], total % 2)


def test_on_an_odd_ring_no_circular_shift_is_kept_for_all_pictures():
    torch.manual_seed(0)
    x, pool = torch.randn(9, 1, 7), PolyphasePool1d(ceil_mode=True)
    for by in range(1, 7):
        moved = pool(x.roll(by, -1))
        kept = [(moved == pool(x).roll(steps, -1)).all(-1) for steps in range(4)]
        assert not torch.stack(kept).any(0).all()


def test_a_network_that_halves_224_pixels_to_the_end_needs_no_cropping():
    x, sizes = torch.randn(1, 2, 224, 224), []
    for _ in range(6):
        x = PolyphasePool2d(ceil_mode=True)(x)
        sizes.append(x.shape[-1])
    assert sizes == [112, 56, 28, 14, 7, 4]


# And back again


@given(st.data())
def test_what_was_kept_goes_back_to_where_it_was_and_zeros_elsewhere(data):
    rank = data.draw(st.integers(1, 3))
    stride = data.draw(st.tuples(*[st.integers(1, 3)] * rank))
    cells = data.draw(st.tuples(*[st.integers(1, 3)] * rank))
    torch.manual_seed(0)
    x = torch.randn(2, 3, *[n * s for n, s in zip(cells, stride, strict=True)])
    output, phase = POOLS[rank - 1](stride, return_phase=True)(x)
    back = UPSAMPLES[rank - 1](stride)(output, phase)
    for sample in range(2):
        grid = torch.zeros_like(x[sample])
        component(grid, phase[sample].tolist(), stride).fill_(1)
        assert torch.equal(back[sample], x[sample] * grid)


def test_pooling_again_on_the_same_grid_gives_back_what_was_upsampled():
    x, phase = torch.randn(3, 2, 4, 5), torch.tensor([[0, 2], [1, 0], [1, 1]])
    back = PolyphaseUpsample2d((2, 3))(x, phase)
    assert back.shape == (3, 2, 8, 15)
    assert torch.equal(PolyphasePool2d((2, 3))(back, phase), x)
    first = PolyphaseUpsample2d((2, 3))(x)
    assert torch.equal(first[..., ::2, ::3], x) and first.count_nonzero() == x.numel()


class SmallUNet(nn.Module):
    """Three sizes, polyphase on the way down and up, with a short cut at each."""

    def __init__(self, upsample):
        super().__init__()
        self.convs = nn.ModuleList(
            nn.Conv2d(inputs, 4, 3, padding=1, padding_mode="circular")
            for inputs in (2, 4, 4, 8, 8)
        )
        self.down, self.up = PolyphasePool2d(return_phase=True), upsample
        self.blur = BlurPool2d(stride=1, padding_mode="circular")

    def forward(self, x):
        large = self.convs[0](x).relu()
        middle, phase = self.down(large)
        middle = self.convs[1](middle).relu()
        small, deeper = self.down(middle)
        small = self.convs[2](small).relu()
        joined = torch.cat([middle, self.blur(self.up(small, deeper))], 1)
        joined = self.convs[3](joined).relu()
        joined = torch.cat([large, self.blur(self.up(joined, phase))], 1)
        return self.convs[4](joined)


SHIFTS = [(1, 0), (0, 1), (3, -1), (5, 7), (2, 2), (-4, 9)]


def test_a_circular_u_net_commutes_with_every_circular_shift():
    torch.manual_seed(0)
    network = SmallUNet(PolyphaseUpsample2d()).double()
    x = torch.randn(3, 2, 8, 12, dtype=torch.float64)
    for by in SHIFTS:
        assert_close(network(x.roll(by, (2, 3))), network(x).roll(by, (2, 3)))


def test_upsampling_always_to_the_same_grid_loses_that():
    torch.manual_seed(0)
    fixed = PolyphaseUpsample2d()
    network = SmallUNet(lambda input, phase: fixed(input)).double()
    x = torch.randn(3, 2, 8, 12, dtype=torch.float64)
    assert not any(
        torch.allclose(network(x.roll(by, (2, 3))), network(x).roll(by, (2, 3)))
        for by in SHIFTS
        if by != (2, 2)
    )


# What a layer of this kind should be


def test_each_sample_chooses_for_itself_and_all_channels_together():
    x = torch.zeros(2, 2, 4, 4)
    x[0, 0, 1, 0] = x[1, 1, 2, 3] = 1
    output, phase = PolyphasePool2d(return_phase=True)(x)
    assert phase.tolist() == [[1, 0], [0, 1]]
    assert output.sum((1, 2, 3)).tolist() == [1, 1]


def test_a_parallel_branch_can_subsample_on_the_same_grid():
    x, other = torch.randn(3, 2, 6, 6), torch.randn(3, 5, 6, 6)
    pool = PolyphasePool2d((2, 3), return_phase=True)
    output, phase = pool(x)
    assert torch.equal(pool(x, phase)[0], output)
    branch, same = pool(other, phase)
    assert torch.equal(same, phase)
    for sample in range(3):
        expected = component(other[sample], phase[sample].tolist(), (2, 3))
        assert torch.equal(branch[sample], expected)


@pytest.mark.parametrize(("pool", "rank"), list(zip(POOLS, [1, 2, 3], strict=True)))
def test_a_single_image_needs_no_batch_axis(pool, rank):
    x = torch.randn(3, *[4, 6, 2][:rank])
    layer = pool(return_phase=True)
    (output, phase), (batch, phases) = layer(x), layer(x[None])
    assert torch.equal(output, batch[0]) and torch.equal(phase, phases[0])
    assert torch.equal(layer(x, phase)[0], output)
    assert phase.shape == (rank,)
    upsample = UPSAMPLES[rank - 1]()
    assert torch.equal(upsample(output, phase), upsample(batch, phases)[0])
    assert torch.equal(upsample(output), upsample(batch)[0])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_every_float_type_goes_in_and_comes_out_without_overflow(dtype):
    x = torch.zeros(1, 1, 64, 64, dtype=dtype)
    x[..., 1::2, ::2] = 300  # whose squares float16 cannot hold
    output = PolyphasePool2d()(x)
    assert output.dtype == dtype
    assert (output == 300).all()


def test_the_gradient_flows_through_the_component_that_is_kept():
    x = torch.randn(2, 2, 4, 4, requires_grad=True)
    output, phase = PolyphasePool2d(return_phase=True)(x)
    output.sum().backward()
    for sample, (i, j) in enumerate(phase.tolist()):
        expected = torch.zeros(2, 4, 4)
        expected[:, i::2, j::2] = 1
        assert torch.equal(x.grad[sample], expected)


def test_stride_1_changes_nothing():
    x = torch.randn(2, 3, 5, 7)
    assert torch.equal(PolyphasePool2d(1)(x), x)


def test_it_compiles_and_exports_once_for_all_sizes():
    torch.compiler.reset()
    layer = PolyphasePool2d(return_phase=True)
    compiled = torch.compile(layer, backend="eager", fullgraph=True, dynamic=True)
    auto = torch.export.Dim.AUTO
    example = torch.randn(2, 4, 8, 10)
    axes = {0: auto, 2: auto, 3: auto}
    exported = torch.export.export(layer, (example,), dynamic_shapes=(axes,))
    for shape in [(2, 4, 8, 10), (3, 4, 6, 12)]:
        x = torch.randn(shape)
        assert_close(compiled(x), layer(x))
        assert_close(exported.module()(x), layer(x))


def test_the_representation_shows_the_options():
    assert repr(PolyphasePool2d()) == "PolyphasePool2d(stride=(2, 2), norm=2)"
    assert "norm=2, ceil_mode=True" in repr(PolyphasePool1d(ceil_mode=True))


# A choice that is learnt


# Bad input


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"stride": 0}, ValueError, "stride must be at least 1, got 0"),
        ({"stride": 2.0}, TypeError, r"stride must be an integer, got 2\.0"),
        ({"stride": (2, 2, 2)}, ValueError, "stride must be an integer or 2 integers"),
        ({"norm": 3}, ValueError, "norm must be one of 1, 2, inf, got 3"),
        ({"norm": "l2"}, ValueError, "norm must be one of 1, 2, inf, got 'l2'"),
    ],
)
def test_bad_options_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        PolyphasePool2d(**options)


def test_a_size_that_the_stride_does_not_divide_is_refused():
    with pytest.raises(
        ValueError, match=r"\(4, 5\) must be divisible by stride \(2, 2\)"
    ):
        PolyphasePool2d()(torch.zeros(1, 1, 4, 5))


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match=r"2 spatial axes .* got shape \(8, 8\)"):
        PolyphasePool2d()(torch.zeros(8, 8))
    with pytest.raises(TypeError, match=r"floating point, got torch\.int64"):
        PolyphasePool2d()(torch.zeros(1, 1, 8, 8, dtype=torch.long))


@pytest.mark.parametrize("kind", [PolyphasePool2d, PolyphaseUpsample2d])
@pytest.mark.parametrize(
    "phase", [torch.zeros(2, 1).long(), torch.zeros(3, 2).long(), torch.zeros(2, 2)]
)
def test_a_phase_of_another_shape_or_type_is_refused(kind, phase):
    with pytest.raises(ValueError, match=r"long tensor of shape \(2, 2\), got"):
        kind()(torch.zeros(2, 1, 4, 4), phase)


@pytest.mark.parametrize("kind", [PolyphasePool2d, PolyphaseUpsample2d])
@pytest.mark.parametrize("phase", [[0, 2], [0, -1], [-2, 0]])
def test_a_phase_outside_the_stride_is_refused(kind, phase):
    with pytest.raises(IndexError, match=r"phase is out of bounds: .* from 0 to stri"):
        kind()(torch.zeros(2, 1, 4, 4), torch.tensor([[1, 1], phase]))


def test_in_half_precision_the_choice_is_that_of_single_precision():
    made = torch.Generator().manual_seed(0)
    x = (30_000 * torch.randn(50, 1, 8, generator=made)).clamp(-6e4, 6e4).half()
    pool = PolyphasePool1d(return_phase=True)
    assert torch.equal(pool(x)[1], pool(x.float())[1])


@pytest.mark.parametrize("norm", [1, 2, math.inf])
@pytest.mark.parametrize("wild", [math.inf, math.nan])
def test_what_is_no_finite_number_is_kept(norm, wild):
    x = torch.rand(1, 1, 8, 8)
    x[0, 0, 3, 3] = wild
    pool = PolyphasePool2d(2, norm=norm)
    for shift in range(4):
        assert not pool(x.roll(shift, 3)).isfinite().all()
