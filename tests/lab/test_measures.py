"""The measures: what a perfect answer scores, what a wrong one, what is no answer."""

from math import inf

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from coordlib.grid import to_unit
from coordlib.lab.data.squares import squares
from coordlib.lab.measures import (
    consistency,
    distance_from_start,
    frechet_distance,
    iou,
    pixel_accuracy,
    pixel_distance,
    psnr,
)

DATA = squares(16, 5)


def random(*shape):
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


def test_a_painter_that_lights_the_right_pixel_is_always_right():
    assert pixel_accuracy(DATA.pixels(), DATA.targets()) == 1.0
    assert pixel_accuracy(-DATA.pixels(), DATA.targets()) == 0.0


def test_accuracy_counts_and_can_tell_which():
    logits = torch.tensor([[2.0, 1.0], [0.0, 1.0], [5.0, 4.0], [0.0, 3.0]])
    targets = torch.tensor([0, 0, 0, 1])
    assert pixel_accuracy(logits, targets) == 0.75
    each = pixel_accuracy(logits, targets, reduction="none")
    assert each.tolist() == [1, 0, 1, 1]


def test_a_perfect_rendering_has_iou_one_and_an_empty_one_zero():
    images = DATA.images()
    assert iou(images - 0.5, images) == 1.0
    assert iou(-torch.ones_like(images), images) == 0.0


def test_iou_is_intersection_over_union_picture_by_picture():
    images = DATA.images([0, 5])
    painted = DATA.images([1, 5])  # the first is off by one column: 20 of 30 pixels
    assert torch.allclose(
        iou(painted - 0.5, images, reduction="none"), torch.tensor([20 / 30, 1.0])
    )
    assert iou(painted - 0.5, images) == pytest.approx((20 / 30 + 1) / 2)


def test_nothing_painted_where_nothing_should_be_is_perfect():
    assert iou(-torch.ones(2, 1, 3, 3), torch.zeros(2, 1, 3, 3)) == 1.0


@given(st.integers(0, 2**16 - 1), st.integers(0, 2**16 - 1))
def test_iou_is_symmetric_and_between_zero_and_one(a, b):
    bits = 2 ** torch.arange(16)
    a, b = ((torch.tensor(n) & bits).ne(0).float().view(1, 4, 4) for n in (a, b))
    assert 0 <= iou(a - 0.5, b) <= 1
    assert iou(a - 0.5, b) == iou(b - 0.5, a)
    assert (iou(a - 0.5, b) == 1) == torch.equal(a, b)


def test_distance_is_measured_in_pixels():
    size = (11, 21)
    positions = torch.tensor([[3, 4], [10, 20]])
    assert pixel_distance(to_unit(positions, size), positions, size) < 1e-5
    off = to_unit(positions + torch.tensor([3, 4]), size)
    each = pixel_distance(off, positions, size, reduction="none")
    assert torch.allclose(each, torch.tensor([5.0, 5.0]), atol=1e-5)


def test_one_number_is_the_size_of_a_square_canvas():
    predicted, positions = torch.zeros(1, 2), torch.tensor([[0, 0]])
    assert pixel_distance(predicted, positions, 9) == pytest.approx(32**0.5)


class Reads(nn.Module):
    """Says which column of the top row is brightest: as changeable as can be."""

    def forward(self, x):
        return x[:, 0, 0, :]


class Average(nn.Module):
    """Sees no position at all."""

    def forward(self, x):
        return torch.stack((x.mean((1, 2, 3)), x.amax((1, 2, 3)) / 2), 1)


def test_what_sees_no_position_is_perfectly_consistent():
    images = random(5, 1, 8, 8)
    assert consistency(Average(), images, max_shift=3) == 1.0
    assert consistency(Average(), images, [(0, 0), (5, 2), (1, 1)]) == 1.0


def test_what_reads_a_position_is_not():
    assert consistency(Reads(), random(5, 1, 8, 8), [(0, 0), (0, 1)]) == 0.0


def test_consistency_is_the_fraction_of_agreeing_pairs():
    """One dot on a ring of four columns: its label is its column."""
    image = torch.zeros(1, 1, 1, 4)
    image[..., 0] = 1
    right = [(0, 0), (0, 1), (0, 4), (0, 5)]  # labels 0, 1, 0, 1
    assert consistency(Reads(), image, right) == pytest.approx(2 / 6)


def test_agreement_need_not_be_right_and_labels_do_as_well_as_scores():
    images = random(4, 1, 6, 6)
    assert consistency(lambda x: torch.zeros(len(x)), images, max_shift=2) == 1.0


def test_zeros_and_wraparound_are_different_worlds():
    image = torch.zeros(1, 1, 4, 4)
    image[0, 0, 3, 3] = 1

    def lit(x):  # is there a dot at all?
        return x.sum((1, 2, 3)).long()

    shifts = [(0, 0), (1, 0)]
    assert consistency(lit, image, shifts, mode="circular") == 1.0
    assert consistency(lit, image, shifts, mode="zero") == 0.0


def test_cropped_shifts_are_windows_of_one_size_on_a_larger_picture():
    image = torch.arange(100.0).view(1, 1, 10, 10)
    seen = {}

    def look(x):
        seen.update({int(corner): tuple(x.shape[2:]) for corner in x[:, 0, 0, 0]})
        return torch.zeros(len(x))

    consistency(look, image, [(0, 0), (2, 1), (-1, 0)], mode="cropped")
    # shift (2, 1) moves content furthest down and right: the window at the top left
    assert seen == {0: (7, 9), 21: (7, 9), 31: (7, 9)}


def test_a_draw_is_repeated_by_its_seed_and_leaves_the_global_generator_alone():
    images = random(20, 1, 8, 8)
    before = torch.get_rng_state()
    first = consistency(Reads(), images, max_shift=1, pairs=3, seed=1)
    assert first == consistency(Reads(), images, max_shift=1, pairs=3, seed=1)
    values = {
        consistency(Reads(), images, max_shift=1, pairs=3, seed=s) for s in range(6)
    }
    assert len(values) > 1
    assert torch.equal(torch.get_rng_state(), before)


def test_the_batch_size_makes_no_difference():
    images = random(7, 1, 6, 6)
    assert consistency(Reads(), images, max_shift=2, batch_size=3) == consistency(
        Reads(), images, max_shift=2
    )


@pytest.mark.parametrize("training", [True, False])
def test_a_module_is_measured_in_evaluation_and_put_back(training):
    class Watch(Average):
        def forward(self, x):
            assert not self.training
            return super().forward(x)

    model = Watch().train(training)
    consistency(model, random(2, 1, 4, 4), max_shift=1)
    assert model.training == training


def test_a_module_is_put_back_even_if_it_fails():
    class Fails(nn.Module):
        def forward(self, x):
            raise RuntimeError("no")

    model = Fails()
    with pytest.raises(RuntimeError, match="no"):
        consistency(model, random(2, 1, 4, 4), max_shift=1)
    assert model.training


def test_in_the_papers_way_two_windows_are_drawn_for_every_few_pictures():
    """Zhang (2019): of 256 pixels 224, here of 10 pixels 7, and groups of 2 for 8."""
    images = torch.arange(100.0).view(1, 1, 10, 10).repeat(6, 1, 1, 1)
    seen = []

    def look(x):
        assert x.shape[2:] == (7, 7)
        seen.append(x[:, 0, 0, 0])
        return torch.zeros(len(x))

    options = {"mode": "cropped", "window": 7, "group": 2, "pairs": 5}
    assert consistency(look, images, **options) == 1
    corners = torch.cat(seen).view(-1, 2)
    assert torch.equal(corners[:, 0], corners[:, 1])  # pictures of a group share them
    places = {(int(c) // 10, int(c) % 10) for c in corners[:, 0]}
    assert all(0 <= i <= 3 and 0 <= j <= 3 for i, j in places)
    assert len(places) > 5  # and groups do not


def test_every_place_of_the_window_is_drawn_equally_often():
    images = torch.zeros(4000, 1, 3, 3)
    images[:, 0, :2, :2] = torch.tensor([[0.0, 1], [2, 3]])
    read = []

    def look(x):
        read.extend(x[:, 0, 0, 0].tolist())
        return x[:, 0, 0, 0].long()

    agreed = consistency(look, images, mode="cropped", window=2, group=1, pairs=1)
    # Two draws from four places agree once in four; a place drawn twice is seen once.
    assert agreed == pytest.approx(1 / 4, abs=0.03)
    counts = torch.tensor(read).long().bincount()
    assert counts.min() > 0.9 * counts.max()


def test_windows_are_of_one_size_for_all_groups():
    sizes = set()

    def look(x):
        sizes.add(tuple(x.shape[2:]))
        return torch.zeros(len(x))

    options = {"mode": "cropped", "group": 1, "pairs": 1, "max_shift": 3}
    consistency(look, random(20, 1, 12, 12), **options)
    assert len(sizes) == 1


def test_groups_draw_for_themselves_and_one_group_is_all():
    images = random(12, 1, 8, 8)
    values = [consistency(Reads(), images, max_shift=2, group=g) for g in (1, 4, 12)]
    assert values[2] == consistency(Reads(), images, max_shift=2)
    assert len(set(values)) > 1


IMAGES = random(2, 1, 4, 4)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({}, ValueError, "either shifts or max_shift"),
        ({"shifts": [(0, 0), (0, 1)], "max_shift": 1}, ValueError, "either"),
        ({"shifts": [(0, 0)]}, ValueError, "two different"),
        ({"shifts": [(0, 0), (0, 0)]}, ValueError, "two different"),
        ({"shifts": [(0, 0), (0.5, 0)]}, TypeError, "pair of integers"),
        ({"shifts": [0, 1]}, TypeError, "pair of integers"),
        ({"shifts": [(0,), (1,)]}, TypeError, "pair of integers"),
        ({"max_shift": 1, "window": 2}, ValueError, "either"),
        ({"window": 2}, ValueError, 'window goes with mode="cropped"'),
        ({"window": 5, "mode": "cropped"}, ValueError, "window 5 is larger"),
        ({"window": 0, "mode": "cropped"}, ValueError, "window must be at least 1"),
        ({"max_shift": 1, "group": 0}, ValueError, "group must be at least 1"),
        ({"shifts": [(0, 0), (0, 1)], "group": 1}, ValueError, "group goes with"),
        ({"max_shift": 0}, ValueError, "max_shift must be at least 1"),
        ({"max_shift": 4}, ValueError, "max_shift must be smaller than pictures"),
        ({"max_shift": 10**4}, ValueError, r"of \(4, 4\) pixels, got 10000"),
        ({"max_shift": 1, "pairs": 0}, ValueError, "pairs must be at least 1"),
        ({"max_shift": 1, "mode": "wrap"}, ValueError, "mode must be"),
        ({"max_shift": 1, "seed": None}, TypeError, "seed must be an integer"),
        ({"max_shift": 1, "batch_size": 0}, ValueError, "batch_size must be"),
        ({"shifts": [(0, 0), (4, 0)], "mode": "cropped"}, ValueError, "no window"),
        ({"images": IMAGES[0], "max_shift": 1}, ValueError, r"\(N, C, H, W\)"),
        ({"images": IMAGES[:0], "max_shift": 1}, ValueError, "at least 1"),
        ({"model": nn.Identity(), "max_shift": 1}, ValueError, r"scores \(N, K\)"),
    ],
)
def test_a_consistency_that_means_nothing_is_refused(arguments, error, message):
    arguments = {"model": Average(), "images": IMAGES, **arguments}
    with pytest.raises(error, match=message):
        consistency(arguments.pop("model"), arguments.pop("images"), **arguments)


@pytest.mark.parametrize(
    ("logits", "targets", "message"),
    [
        (torch.zeros(3, 4), torch.zeros(2).long(), "go with targets"),
        (torch.zeros(3, 4), torch.zeros(3, 1).long(), "go with targets"),
        (torch.zeros(3), torch.zeros(3).long(), "go with targets"),
        (torch.zeros(3, 4), torch.tensor([0, 1, 4]), r"\[0, 4\)"),
        (torch.zeros(3, 4), torch.tensor([0, -1, 2]), r"\[0, 4\)"),
        (torch.zeros(0, 4), torch.zeros(0).long(), "no sample"),
    ],
)
def test_logits_and_targets_must_fit(logits, targets, message):
    with pytest.raises(ValueError, match=message):
        pixel_accuracy(logits, targets)


def test_targets_of_fractions_are_refused():
    with pytest.raises(
        TypeError, match=r"targets must be integers, got torch\.float32"
    ):
        pixel_accuracy(torch.zeros(2, 4), torch.zeros(2))


def test_no_number_is_never_right():
    logits = torch.zeros(3, 4)
    logits[:, 1] = torch.nan
    logits[2] = torch.tensor([0, 3, 0, 0])
    right = pixel_accuracy(logits, torch.tensor([0, 1, 1]), reduction="none")
    assert right.tolist() == [0, 0, 1]
    empty = torch.zeros(2, 1, 3, 3)
    painted = -torch.ones_like(empty)
    painted[0, 0, 1, 1] = torch.nan
    assert iou(painted, empty, reduction="none").tolist() == [0, 1]


@pytest.mark.parametrize("scores", [(5, 3), (5,)])
def test_what_says_no_number_is_never_consistent(scores):
    def diverged(x):
        return torch.full((len(x), *scores[1:]), torch.nan)

    assert consistency(diverged, random(5, 1, 8, 8), max_shift=2) == 0.0


def test_pictures_must_fit_and_be_black_and_white():
    with pytest.raises(ValueError, match="same shape"):
        iou(torch.zeros(2, 1, 3, 3), torch.zeros(2, 3, 3))
    with pytest.raises(ValueError, match="zeros and ones"):
        iou(torch.zeros(1, 1, 3, 3), torch.full((1, 1, 3, 3), 0.502))
    with pytest.raises(ValueError, match="no sample"):
        iou(torch.zeros(0, 1, 3, 3), torch.zeros(0, 1, 3, 3))


def test_places_must_fit():
    with pytest.raises(ValueError, match="same shape"):
        pixel_distance(torch.zeros(2, 2), torch.zeros(3, 2), 8)
    with pytest.raises(ValueError, match="no sample"):
        pixel_distance(torch.zeros(0, 2), torch.zeros(0, 2), 8)
    with pytest.raises(ValueError):
        pixel_distance(torch.zeros(2, 2), torch.zeros(2, 2), (8, 8, 8))


@pytest.mark.parametrize(
    "measure",
    [
        lambda r: pixel_accuracy(torch.zeros(1, 2), torch.zeros(1).long(), reduction=r),
        lambda r: iou(torch.zeros(1, 2), torch.zeros(1, 2), reduction=r),
        lambda r: pixel_distance(torch.zeros(1, 2), torch.zeros(1, 2), 4, reduction=r),
    ],
)
def test_an_unknown_reduction_is_refused(measure):
    with pytest.raises(ValueError, match="reduction must be one of 'mean', 'none'"):
        measure("sum")


def test_equal_pictures_have_an_infinite_ratio():
    x = torch.rand(3, 1, 8, 8)
    assert psnr(x, x.clone()).tolist() == [inf] * 3


@pytest.mark.parametrize(
    ("x", "y", "error", "message"),
    [
        (random(2, 1, 4, 4), random(1, 4, 4), ValueError, "same shape"),
        (random(2, 1, 4, 4), random(1, 1, 4, 4), ValueError, "same shape"),
        (
            255 * random(2, 4),
            random(2, 4),
            ValueError,
            r"pictures must lie in \[0, 1\]",
        ),
        (random(2, 4), random(2, 4) - 1, ValueError, r"others must lie in \[0, 1\]"),
        (random(2, 4), random(2, 4).byte(), TypeError, "others must be floating-point"),
    ],
)
def test_pictures_without_a_ratio_are_refused(x, y, error, message):
    with pytest.raises(error, match=message):
        psnr(x, y)


def test_the_ratio_of_no_numbers_is_none():
    x = random(2, 1, 4, 4)
    x[0, 0, 0, 0] = torch.nan
    assert psnr(x, random(2, 1, 4, 4)).isnan().tolist() == [True, False]


def test_the_ratio_is_the_formula():
    x = torch.zeros(2, 1, 4, 4)
    y = x.clone()
    y[0] = 0.1
    y[1, 0, 0, 0] = 0.4  # mean square .01, too
    assert psnr(x, y).tolist() == pytest.approx([20, 20], abs=1e-4)


def test_how_far_a_walk_has_come_is_told_in_grey_levels():
    path = torch.zeros(1, 3, 3, 8, 8)
    path[0, 1], path[0, 2, 0] = 0.2, 1
    wanted = torch.tensor([[0, 0.1 * 255, 127.5 / 3**0.5]])
    torch.testing.assert_close(distance_from_start(path), wanted)


def test_a_walk_is_compared_with_its_own_start():
    walks = random(2, 3, 3, 4, 4)
    parts = [distance_from_start(walk[None]) for walk in walks]
    assert torch.equal(distance_from_start(walks), torch.cat(parts))
    with pytest.raises(ValueError, match="walks must have 5 axes"):
        distance_from_start(walks[0])


def test_the_frechet_distance_is_that_of_normal_distributions():
    generator = torch.Generator().manual_seed(0)
    points = torch.randn(400, 3, generator=generator)
    points = (points - points.mean(0)) / points.std(0)
    assert frechet_distance(points, points) == pytest.approx(0, abs=1e-5)
    moved = points + torch.tensor([3.0, 0, 4])
    assert frechet_distance(points, moved) == pytest.approx(25, abs=1e-3)
    # Along each axis the standard deviations differ by 2.
    assert frechet_distance(points, 3 * points) == pytest.approx(3 * 4, abs=1e-3)
    assert frechet_distance(3 * points, points) == pytest.approx(3 * 4, abs=1e-3)
    line = points[:, :1]
    assert frechet_distance(line, 3 * line) == pytest.approx(4, abs=1e-3)


def test_the_frechet_distance_sees_what_axes_have_in_common():
    axis = torch.randn(500, 1, generator=torch.Generator().manual_seed(1))
    assert frechet_distance(torch.cat([axis, axis], 1), torch.cat([axis, -axis], 1)) > 3


@pytest.mark.parametrize("shapes", [((4, 2), (4, 3)), ((4,), (4,)), ((1, 2), (4, 2))])
def test_clouds_that_cannot_be_compared_are_refused(shapes):
    with pytest.raises(ValueError, match="one and other must"):
        frechet_distance(*map(torch.ones, shapes))
