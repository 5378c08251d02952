"""Motion or fade: told apart where the answer is known."""

import pytest
import torch
import torch.nn.functional as F

from coordlib.lab.measures.motion import (
    REACH,
    carry,
    displacements,
    predict,
    triples,
)

SIZE = 16


def clouds(count=8, size=SIZE, seed=0):
    """Smooth random pictures in colour, larger than what is looked at."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randn(count, 3, 7, 7, generator=generator)
    wide = F.interpolate(coarse, 2 * size, mode="bicubic", align_corners=True)
    return wide.clamp(-2, 2) / 2


def window(x, down, right, size=SIZE):
    return x[:, :, down : down + size, right : right + size]


WIDE = clouds()
ONE, ANOTHER = window(WIDE, 4, 4), window(WIDE, 4, 4).roll(1, 0)


@pytest.mark.parametrize("by", [(0, 1), (2, 0), (1, -2), (2, 2)])
def test_what_slides_has_moved(by):
    slid = [window(WIDE, 8 + k * by[0], 8 + k * by[1]) for k in (-1, 0, 1)]
    assert predict(*slid).moved > 0.9


def test_what_fades_has_not_moved():
    for share in (0.2, 0.5, 0.9):
        told = predict(ONE, ONE + share * (ANOTHER - ONE), ANOTHER)
        assert told.moved < 1e-6
        assert (told.motion > 100 * told.fade).all()


def test_what_fades_at_each_place_in_its_own_time_has_rather_not_moved():
    share = torch.zeros(1, 1, SIZE, SIZE)
    share[..., : SIZE // 2] = 0.9
    share[..., SIZE // 2 :] = 0.3
    assert 0.05 < predict(ONE, ONE + share * (ANOTHER - ONE), ANOTHER).moved < 0.4


def test_neither_predicts_an_unrelated_picture():
    assert predict(ONE, ONE.roll(3, 0), ANOTHER).moved == pytest.approx(0.5, abs=0.1)


def test_where_nothing_changes_there_is_no_answer():
    told = predict(ONE, ONE, ONE)
    assert told.moved == 0.5
    assert told.change.abs().max() == 0


def test_the_displacements_are_those_of_the_slide():
    slid = [window(WIDE, 8, 8), window(WIDE, 6, 9)]
    field = displacements(*slid)
    inner = field[:, :, 3:-3, 3:-3].mean((0, 2, 3))
    assert inner.tolist() == pytest.approx([2, -1], abs=0.1)
    assert displacements(ANOTHER, ONE).abs().max() <= REACH * SIZE


def test_a_picture_that_grows_moves_away_from_the_middle():
    far, near = window(WIDE, 8, 8), window(WIDE, 6, 6, SIZE + 4)
    far, near = (F.interpolate(x, 64, mode="bicubic") for x in (near, far))
    field = displacements(*(F.avg_pool2d(x, 4) for x in (far, near))).mean(0)
    assert field[0, 2].mean() < -0.5 < 0.5 < field[0, -3].mean()
    assert field[1, :, 2].mean() < -0.5 < 0.5 < field[1, :, -3].mean()


def test_a_motion_begins_and_ends_at_the_pictures_themselves():
    field = displacements(ONE, ANOTHER)
    torch.testing.assert_close(carry(ONE, ANOTHER, field, 0.0), ONE)
    torch.testing.assert_close(carry(ONE, ANOTHER, field, 1.0), ANOTHER)


def test_without_displacements_a_motion_is_a_fade():
    half = carry(ONE, ANOTHER, torch.zeros(len(ONE), 2, SIZE, SIZE), 0.5)
    torch.testing.assert_close(half, (ONE + ANOTHER) / 2)


def test_where_one_picture_does_not_reach_the_other_counts():
    field = torch.zeros(1, 2, SIZE, SIZE)
    field[:, 1] = 4  # to the right: what enters at the left is seen in the last only
    dark, light = torch.zeros(1, 1, SIZE, SIZE), torch.ones(1, 1, SIZE, SIZE)
    half = carry(dark, light, field, 0.5)[0, 0]
    assert half[:, 0].tolist() == pytest.approx([1] * SIZE, abs=0.01)
    assert half[:, -1].tolist() == pytest.approx([0] * SIZE, abs=0.01)
    assert half[:, 8].tolist() == pytest.approx([0.5] * SIZE)


def test_the_answer_is_the_same_every_time_and_for_each_three_alone():
    three = ONE, ANOTHER.roll(1, 0), ANOTHER
    whole = predict(*three)
    assert torch.equal(whole.motion, predict(*three).motion)
    alone = torch.cat([predict(*(x[k : k + 1] for x in three)).motion for k in (0, 5)])
    torch.testing.assert_close(alone, whole.motion[[0, 5]], rtol=1e-3, atol=1e-5)


def test_walks_are_cut_into_pieces():
    frames = torch.arange(18.0).view(2, 9, 1, 1, 1)
    first, middle, last = (x.flatten().tolist() for x in triples(frames, 4))
    assert (first, middle, last) == ([0, 4, 9, 13], [2, 6, 11, 15], [4, 8, 13, 17])


@pytest.mark.parametrize("span", [1, 3, 6, 16])
def test_a_span_that_does_not_fit_is_refused(span):
    with pytest.raises(ValueError, match="span must be"):
        triples(torch.zeros(1, 9, 1, 2, 2), span)


def test_pictures_of_other_shapes_are_refused():
    with pytest.raises(ValueError, match="one shape"):
        predict(ONE, ONE[:, :1], ONE)
