"""Measurements of generated pictures: right where the answer is known."""

from math import isnan, log2, sqrt

import pytest
import torch

from coordlib.lab.data.shapes import draw, radius, shapes
from coordlib.lab.measures.scenes import (
    FEWEST,
    amounts,
    cloud,
    examine,
    fixed_pattern,
    look,
    right,
    walks,
)

SIZE = 32
DATA = shapes(400, SIZE)


def faded(pictures, share):
    """Let white shine through the objects."""
    return 1 - share * (1 - pictures)


def squares(blue, red):
    return draw(torch.tensor([[blue, red]]), torch.ones(1, 2).bool(), SIZE)


def test_a_colour_counts_by_how_much_of_it_there_is():
    colors = {
        (1, 1, 1): (0, 0),
        (-1, -1, -1): (0, 0),
        (-1, -1, 1): (1, 0),
        (1, -1, -1): (0, 1),
        (0, 0, 1): (0.5, 0),
        (-1, -1, 0): (0.5, 0),
        (1, -1, 1): (0, 0),
        (1, 0.9, 0.9): (0, 0),  # a haze
    }
    for color, wanted in colors.items():
        pixel = torch.tensor(color, dtype=torch.float32).view(1, 3, 1, 1)
        assert amounts(pixel).flatten().tolist() == pytest.approx(wanted), color


def test_objects_are_found_where_they_were_drawn():
    apart = (DATA.centres[:, 0] - DATA.centres[:, 1]).square().sum(1)
    clear = apart >= 2 * (2 * radius(SIZE) + 1) ** 2  # no overlap, whatever the shapes
    found = look(DATA.images(clear))
    assert (found.centres - DATA.centres[clear]).abs().max() < 1e-4
    area = torch.where(DATA.square[clear], 121.0, 81.0)
    torch.testing.assert_close(found.areas, area)
    wanted = sqrt(2 * (11**2 - 1) / 12)
    assert found.reaches[DATA.square[clear]].tolist() == pytest.approx(
        [wanted] * int(DATA.square[clear].sum())
    )


def test_what_the_recipe_draws_is_right_even_where_red_hides_some_blue():
    assert right(look(DATA.images()), SIZE).all()


def test_fading_takes_area_but_does_not_move_the_centre():
    found = look(faded(DATA.images(), 0.6)), look(DATA.images())
    torch.testing.assert_close(found[0].areas, 0.6 * found[1].areas)
    torch.testing.assert_close(found[0].centres, found[1].centres)
    assert not right(look(faded(DATA.images(), 0.4)), SIZE).any()


def test_half_an_object_in_two_places_is_not_one_object():
    mixed = (squares((6, 6), (25, 6)) + squares((6, 25), (25, 25))) / 2
    found = look(mixed)
    torch.testing.assert_close(found.areas, torch.tensor([[121.0, 121.0]]))
    assert not right(found, SIZE).any()


def test_an_empty_canvas_holds_nothing():
    found = look(torch.ones(1, 3, SIZE, SIZE))
    assert found.areas.tolist() == [[0, 0]]
    assert found.centres.unique().tolist() == [(SIZE - 1) / 2]
    assert not right(found, SIZE).any()


def test_a_cloud_has_as_many_dimensions_as_vary():
    generator = torch.Generator().manual_seed(0)
    free = torch.rand(4000, 2, 2, generator=generator) * 21 + 5
    dimension, entropy = cloud(free, SIZE)
    assert dimension == pytest.approx(4, abs=0.02)
    assert entropy == pytest.approx(8, abs=0.1)
    one = free.clone()
    one[:, 1] = 31 - one[:, 0]  # red opposite to blue
    assert cloud(one, SIZE)[0] == pytest.approx(2, abs=0.02)
    assert cloud(one, SIZE)[1] == pytest.approx(4, abs=0.1)
    line = free[:, :1, :1].expand(-1, 2, 2)
    assert cloud(line, SIZE)[0] == pytest.approx(1)
    assert cloud(line, SIZE)[1] == pytest.approx(2, abs=0.02)


def test_what_does_not_move_has_no_dimension():
    still = torch.full((100, 2, 2), 9.0)
    assert cloud(still, SIZE) == (0.0, 0.0)
    assert cloud(DATA.centres[: FEWEST - 1].float(), SIZE) == (0.0, 0.0)


def test_the_entropy_is_that_of_the_cells():
    centres = torch.tensor([[5.0, 5], [26, 26]]).expand(64, 2, 2).clone()
    centres[:16, 0] = torch.tensor([26.0, 5])
    wanted = -(0.25 * log2(0.25) + 0.75 * log2(0.75))
    assert cloud(centres, SIZE)[1] == pytest.approx(wanted)


def test_a_clean_background_has_no_pattern():
    assert fixed_pattern(DATA.images()) == (0.0, 0.0)


def test_a_pattern_that_stays_is_as_strong_as_it_is():
    pattern = torch.zeros(SIZE, SIZE)
    pattern[::2, ::2] = 0.1  # grey, of 2: 12.75 of 255
    fixed, stains = fixed_pattern(DATA.images() - pattern)
    assert fixed == pytest.approx(12.75 * sqrt(0.25 * 0.75), rel=0.05)
    assert stains == pytest.approx(12.75 * sqrt(0.25), rel=0.05)


def test_stains_that_move_about_are_no_pattern():
    generator = torch.Generator().manual_seed(0)
    noise = 0.2 * torch.rand(len(DATA), 1, SIZE, SIZE, generator=generator)
    fixed, stains = fixed_pattern(DATA.images() - noise)
    assert stains > 10
    assert fixed < 0.05 * stains


def test_a_walk_is_straight_and_even():
    starts, ends = torch.zeros(2, 3), torch.tensor([[3.0, 6, 9], [1, 1, 1]])
    path = walks(starts, ends, 4)
    assert path.shape == (2, 4, 3)
    straight = torch.tensor([[0.0, 0, 0], [1, 2, 3], [2, 4, 6], [3, 6, 9]])
    torch.testing.assert_close(path[0], straight)


class Painter:
    """A perfect generator: four numbers in [0, 1] are the two centres."""

    def __call__(self, latents):
        reach = radius(SIZE)
        centres = latents.clamp(0, 1) * (SIZE - 1 - 2 * reach) + reach
        centres = centres.round().long().view(-1, 2, 2)
        return draw(centres, torch.ones(len(centres), 2).bool(), SIZE)


class Fader(Painter):
    """Knows two pictures, and mixes them by the first number."""

    def __call__(self, latents):
        share = latents[:, :1, None, None].clamp(0, 1)
        return share * squares((6, 6), (25, 6)) + (1 - share) * squares(
            (6, 25), (25, 25)
        )


def uniform(count, seed=0):
    return torch.rand(count, 4, generator=torch.Generator().manual_seed(seed))


def test_a_perfect_painter_keeps_its_objects_and_covers_the_canvas():
    # Blue above, red below: they never overlap.
    latents = uniform(2000)
    latents[:, 0] *= 0.2
    latents[:, 2] = 0.8 + 0.2 * latents[:, 2]
    found = examine(Painter(), latents, SIZE, pairs=20, frames=100)
    assert found["right"] == found["kept"] == 1
    assert found["lowest"] == pytest.approx(1, abs=1e-5)
    assert 0 < found["jump"] <= sqrt(2) / radius(SIZE) + 1e-5
    assert found["travel"] > 5 * found["jump"]
    assert found["fixed"] == found["stains"] == 0
    assert found["walks"] == 20


def test_where_pictures_are_mixed_nothing_is_kept():
    latents = uniform(400)
    latents[0::2, 0], latents[1::2, 0] = 0, 1
    found = examine(Fader(), latents, SIZE, frames=11)
    assert found["right"] == 1
    # Only the frames next to the ends look like one of the two pictures.
    assert found["kept"] < 0.5
    assert found["dimension"] == pytest.approx(1)
    assert found["entropy"] < 0.2


def test_the_entropy_of_drawn_pictures_is_that_of_drawn_pictures():
    data = shapes(1000, SIZE, seed=7)
    images = data.images()
    found = examine(lambda k: images[k[:, 0].long()], torch.arange(1000)[:, None], SIZE)
    assert found["entropy"] == pytest.approx(1, abs=0.02)
    assert found["dimension"] > 3.5


def test_who_draws_nothing_has_no_walks_and_nothing_is_known_of_them():
    def nothing(latents):
        return torch.ones(len(latents), 3, SIZE, SIZE)

    found = examine(nothing, uniform(50), SIZE)
    of_walks = {name: found.pop(name) for name in ("kept", "lowest", "jump", "travel")}
    assert all(isnan(value) for value in of_walks.values()), of_walks
    assert all(value == 0 for value in found.values()), found
