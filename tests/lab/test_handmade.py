"""The decoder and the painter with weights set by hand."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from coordlib.grid import index_grid, to_unit
from coordlib.lab.data.squares import squares
from coordlib.lab.models.handmade import (
    GlobalSum,
    Tile,
    decode,
    decode_scipy,
    decode_steps,
    decoder_network,
    paint_pixel,
    paint_square,
    painter_network,
)

HEIGHT, WIDTH = SIZE = (70, 100)  # the article's picture


def every_position(size):
    return index_grid(size).flatten(1).T


def picture(*lit, size=SIZE):
    """Pictures with pixels (row, column, value) lit."""
    image = torch.zeros(1, 1, *size, dtype=torch.float64)
    for i, j, value in lit:
        image[0, 0, i, j] = value
    return image


def decoders(image):
    """The same picture through every form of the decoder."""
    steps = decode_steps(image[0, 0])
    return [
        decode_scipy(image[0, 0]),
        tuple(decode(image)[0].tolist()),
        (float(steps["i"]["result"]), float(steps["j"]["result"])),
        tuple(decoder_network(SIZE).double()(image)[0].tolist()),
    ]


def test_every_one_of_7000_positions_is_decoded_exactly():
    positions = every_position(SIZE)
    for part in positions.split(500):
        assert torch.equal(decode(paint_pixel(part, SIZE)), part.float())


def test_the_articles_form_is_exact_at_corners_borders_and_inside():
    for i, j in [(0, 0), (0, 99), (69, 0), (69, 99), (0, 41), (69, 7), (33, 99)]:
        assert decode_scipy(picture((i, j, 1.0))[0, 0]) == (i, j)


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_all_forms_agree_wherever_the_pixel_is_and_whatever_the_size(data):
    size = (data.draw(st.integers(1, 40)), data.draw(st.integers(1, 40)))
    i, j = (data.draw(st.integers(0, n - 1)) for n in size)
    image = picture((i, j, 1.0), size=size)
    steps = decode_steps(image[0, 0])
    assert decode_scipy(image[0, 0]) == (i, j)
    assert decode(image).tolist() == [[i, j]]
    assert [float(steps[a]["result"]) for a in "ij"] == [i, j]
    with torch.no_grad():
        found = decoder_network(size)(image.float())
    assert (found - torch.tensor([[i, j]])).abs().max() < 1e-3


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (picture(), (70, 100)),  # empty: as if lit one beyond the end
        (picture((10, 20, 1.0), (30, 40, 1.0)), (-30, -40)),  # two: not the mean
        (picture((10, 20, 0.5)), (45, 70)),  # dim: i + H (1 - a)
        (picture((60, 90, 0.5)), (70, 100)),  # dimmer than its index: invisible
        (picture((10, 20, 2.0)), (-60, -80)),  # bright
        (picture((10, 20, 0.5), (10, 21, 0.5)), (20, 41)),  # between two columns
    ],
)
def test_where_the_decoder_breaks_every_form_breaks_alike(image, expected):
    for found in decoders(image):
        assert np.allclose(found, expected, atol=1e-9)


def test_two_pixels_give_the_sum_minus_one_length():
    found = decode(picture((3, 5, 1.0), (50, 80, 1.0), (22, 1, 1.0)))
    assert found.tolist() == [[3 + 50 + 22 - 2 * 70, 5 + 80 + 1 - 2 * 100]]


@pytest.mark.parametrize("noise", [0.001, 0.01, 0.05])
def test_noise_pulls_towards_small_indices(noise):
    generator = torch.Generator().manual_seed(0)
    clean = picture((35, 50, 1.0))
    noisy = clean + noise * torch.randn(clean.shape, generator=generator)
    [(i, j)] = decode(noisy).tolist()
    assert i < 35 - 100 * noise and j < 50 - 100 * noise


def test_the_steps_are_the_arrays_of_the_formula():
    image = picture((10, 20, 1.0))[0, 0].numpy()
    steps = decode_steps(image)
    assert list(steps) == ["i", "j"]
    for axis, length, index in (("i", 70, 10), ("j", 100, 20)):
        step = steps[axis]
        assert list(step) == [
            "grid",
            "scaled",
            "difference",
            "rectified",
            "sum",
            "result",
        ]
        assert np.array_equal(step["scaled"], length * image)
        assert np.array_equal(step["difference"], step["scaled"] - step["grid"])
        assert np.count_nonzero(step["rectified"]) == 1
        assert step["rectified"][10, 20] == step["sum"] == length - index
        assert step["result"] == index
    assert steps["i"]["grid"][7, 0] == 7 and steps["j"]["grid"][0, 7] == 7


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.uint8])
def test_large_pictures_are_exact_whatever_their_dtype(dtype):
    size = (520, 1031)
    images = torch.zeros(3, 1, *size, dtype=dtype)
    images[0, 0, 519, 1030] = images[1, 0, 513, 1] = images[2, 0, 0, 769] = 1
    assert decode(images).tolist() == [[519, 1030], [513, 1], [0, 769]]


def test_black_and_white_may_be_booleans():
    assert decode(picture((3, 4, 1.0)) > 0).tolist() == [[3, 4]]


def test_what_is_not_a_number_does_not_look_like_a_position():
    assert decode(picture((3, 4, float("nan")))).isnan().all()


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_any_picture_at_all_is_decoded_by_the_formula(data):
    shape = [data.draw(st.integers(1, n)) for n in (4, 12, 12)]
    seed = data.draw(st.integers(0, 2**31))
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(shape, generator=generator, dtype=torch.float64)
    _, height, width = shape
    i, j = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    expected = torch.stack(
        (
            height - torch.relu(height * images - i).sum((1, 2)),
            width - torch.relu(width * images - j).sum((1, 2)),
        ),
        1,
    )
    assert torch.allclose(decode(images[:, None]), expected)


def test_decoding_an_empty_batch_gives_an_empty_list():
    assert decode(torch.zeros(0, 1, 4, 5)).shape == (0, 2)


def test_a_batch_is_decoded_as_its_pictures_are_one_by_one():
    images = torch.rand(50, 1, 70, 100, generator=torch.Generator().manual_seed(1))
    each = torch.cat([decode(image[None]) for image in images])
    assert torch.allclose(decode(images), each)


def test_decoding_has_gradients_at_the_lit_pixel():
    image = picture((3, 4, 1.0)).requires_grad_()
    decode(image)[0, 0].backward()
    assert image.grad[0, 0, 3, 4] == -70
    assert image.grad.count_nonzero() == 1


@pytest.mark.parametrize("axis", [0, 1])
def test_a_rectifier_at_rest_has_no_gradient(axis):
    image = picture((0, 0, 1.0)).requires_grad_()  # its row and column begin at 0
    decode(image)[0, axis].backward()
    assert image.grad.count_nonzero() == 1


def test_the_decoder_network_is_an_ordinary_network_and_exact_after_rounding():
    network = decoder_network(SIZE)
    assert [type(m).__name__ for m in network] == [
        "CoordConv2d",
        "ReLU",
        "GlobalSum",
        "Linear",
    ]
    positions = every_position(SIZE)
    with torch.no_grad():
        found = torch.cat([network(paint_pixel(p, SIZE)) for p in positions.split(200)])
    assert (found - positions).abs().max() < 1e-3
    assert torch.equal(found.round().long(), positions)


def test_painting_and_decoding_undo_each_other():
    positions = every_position((17, 23))
    assert torch.equal(decode(paint_pixel(positions, (17, 23))), positions.float())


def test_painted_pixels_and_squares_are_those_of_not_so_clevr():
    data = squares()
    assert torch.equal(paint_pixel(data.positions, 64), data.pixels())
    assert torch.equal(paint_square(data.positions, 64), data.images())


def test_the_painter_network_is_exact_at_all_4096_pixels():
    positions = every_position((64, 64))
    network = painter_network(64)
    assert sum(isinstance(m, nn.ReLU) for m in network) == 2
    assert network[1].out_channels == 4  # four hidden rectified units
    with torch.no_grad():
        for part in positions.split(256):  # small parts stay in the cache
            painted = network(to_unit(part, (64, 64)))
            assert torch.equal(painted, paint_pixel(part, 64))


def test_the_painter_network_is_exact_at_all_3136_squares():
    data, network = squares(), painter_network(64, side=9)
    with torch.no_grad():
        for index in torch.arange(len(data)).split(256):
            painted = network(to_unit(data.positions[index], (64, 64)))
            assert torch.equal(painted, data.images(index))


@given(st.integers(1, 30), st.integers(1, 30), st.integers(0, 4))
@settings(max_examples=30, deadline=None)
def test_the_painter_network_paints_what_the_formula_paints(height, width, half):
    size, side = (height, width), 2 * half + 1
    positions = every_position(size)
    with torch.no_grad():
        painted = painter_network(size, side)(to_unit(positions, size))
    assert torch.equal(painted, paint_square(positions, size, side))


def test_a_square_that_sticks_out_is_cut_off():
    assert paint_square(torch.tensor([[0, 0]]), 8, 5)[0, 0].sum() == 9


@pytest.mark.parametrize(
    "image", [torch.zeros(3), torch.zeros(1, 1, 4, 4), torch.zeros(0, 5), 3.0]
)
@pytest.mark.parametrize("form", [decode_scipy, decode_steps])
def test_an_image_has_two_axes(form, image):
    with pytest.raises(ValueError, match=r"image must be of shape \(H, W\)"):
        form(image)


@pytest.mark.parametrize("shape", [(4, 4), (2, 3, 4, 4), (1, 4, 4), (1, 1, 0, 4)])
def test_a_batch_has_four_axes_and_one_channel(shape):
    with pytest.raises(ValueError, match=r"\(N, 1, H, W\)"):
        decode(torch.zeros(shape))


def test_a_batch_is_a_tensor_of_real_numbers():
    with pytest.raises(TypeError, match="must be a tensor"):
        decode(np.zeros((1, 1, 4, 4)))
    with pytest.raises(TypeError, match="real numbers"):
        decode(torch.zeros(1, 1, 4, 4, dtype=torch.complex64))


@pytest.mark.parametrize(
    ("positions", "error", "message"),
    [
        (torch.tensor([[1.5, 2.0]]), TypeError, "integers"),
        ([[1, 2]], TypeError, "integers"),
        (torch.tensor([[True, False]]), TypeError, "integers"),
        (torch.tensor([1, 2]), ValueError, r"\(N, 2\)"),
        (torch.tensor([[1, 2, 3]]), ValueError, r"\(N, 2\)"),
        (torch.tensor([[0, 0], [7, 9], [8, 0]]), ValueError, r"\(8, 0\)"),
        (torch.tensor([[0, -1]]), ValueError, r"\(0, -1\)"),
    ],
)
@pytest.mark.parametrize("paint", [paint_pixel, paint_square])
def test_positions_are_integers_on_the_canvas(paint, positions, error, message):
    with pytest.raises(error, match=message):
        paint(positions, (8, 10))


@pytest.mark.parametrize(
    ("size", "error"),
    [
        (0, ValueError),
        ((4, -1), ValueError),
        (4.0, TypeError),
        ((4, 4, 4), TypeError),
        ("ab", TypeError),
        (True, TypeError),
    ],
)
@pytest.mark.parametrize(
    "make",
    [
        decoder_network,
        painter_network,
        Tile,
        lambda s: paint_pixel(torch.zeros(0, 2), s),
    ],
)
def test_a_size_is_one_or_two_positive_integers(make, size, error):
    with pytest.raises(error, match="size must be"):
        make(size)


@pytest.mark.parametrize(
    ("side", "error"), [(2, ValueError), (-1, ValueError), (3.0, TypeError)]
)
def test_a_side_is_a_positive_odd_integer(side, error):
    with pytest.raises(error, match="side must be"):
        painter_network(8, side)
    with pytest.raises(error, match="side must be"):
        paint_square(torch.tensor([[1, 1]]), 8, side)


def test_tile_repeats_a_vector_and_global_sum_adds_a_picture_up():
    x = torch.tensor([[1.0, 2.0]])
    assert torch.equal(GlobalSum()(Tile((3, 4))(x)), 12 * x)
    with pytest.raises(ValueError, match=r"\(N, C\)"):
        Tile(3)(torch.zeros(1, 2, 3))
