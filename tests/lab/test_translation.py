"""Translation of pictures: the drawings, the two meanings of a shift, the decibels."""

from math import log10

import pytest
import torch

from coordlib.lab import experiments
from coordlib.lab.experiments.aliasing import translation
from coordlib.probe import shift

MARGIN, SIZE = translation.MARGIN, translation.SIZE
MODES = ("ring", "cropped")


def canvases(count=3):
    generator = torch.Generator().manual_seed(0)
    side = SIZE + 2 * MARGIN
    return torch.rand(count, 1, side, side, generator=generator)


def test_lines_lie_where_neighbours_differ():
    photograph = torch.zeros(1, 1, 8, 8)
    photograph[:, :, 2:5, 3:6] = 0.5
    drawn = translation.line_drawing(photograph)[0, 0]
    upper, left = drawn[1, 3:6], drawn[2:5, 2]
    lower, right = drawn[4, 3:6], drawn[2:5, 5]
    assert (torch.stack([upper, left, lower, right]) == 1).all()
    assert drawn.sum() == 11  # four sides, of which two share a pixel
    assert translation.line_drawing(0.3 * photograph).sum() == 0


@pytest.mark.parametrize("by", [(1, 0), (-3, 5)])
def test_the_drawing_of_a_moved_photograph_is_the_moved_drawing(by):
    photograph = canvases()
    moved = translation.line_drawing(shift(photograph, by))
    assert torch.equal(moved, shift(translation.line_drawing(photograph), by))


def test_a_window_shows_the_content_moved():
    canvas = canvases()
    still, moved = translation.window(canvas), translation.window(canvas, (2, -3))
    assert still.shape[2:] == moved.shape[2:] == (SIZE, SIZE)
    assert torch.equal(moved[:, :, 2:, :-3], still[:, :, :-2, 3:])


def test_a_window_does_not_reach_beyond_the_canvas():
    with pytest.raises(ValueError, match=f"at most {MARGIN}"):
        translation.window(canvases(), (0, MARGIN + 1))


@pytest.mark.parametrize("mode", MODES)
def test_shifts_are_random_but_never_none(mode):
    shifts = translation.random_shifts(500, mode)
    assert len(shifts) == 500 and (0, 0) not in shifts
    assert shifts == translation.random_shifts(500, mode)
    assert len(set(shifts)) > 50
    largest = max(abs(s) for by in shifts for s in by)
    assert largest == (SIZE - 1 if mode == "ring" else MARGIN)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("generate", [lambda x: x, lambda x: (1 - x).sqrt()])
def test_what_acts_on_each_pixel_alone_is_perfectly_stable(mode, generate):
    shifts = translation.random_shifts(5, mode)
    found = translation.stability(generate, canvases(), shifts, mode)
    assert found == translation.CEILING


@pytest.mark.parametrize("mode", MODES)
def test_a_pattern_that_stays_in_place_is_as_unstable_as_it_is_strong(mode):
    stripes = torch.zeros(1, 1, SIZE, SIZE)
    stripes[..., ::2] = 0.1

    def generate(x):
        return stripes.expand_as(x)

    found = translation.stability(generate, canvases(), [(0, 1)], mode)
    assert found == pytest.approx(20, abs=1e-4)
    # Half of the shifts are even and leave no difference: half the mean square.
    found = translation.stability(generate, canvases(), [(0, 1), (1, 2)], mode)
    assert found == pytest.approx(20 + 10 * log10(2), abs=1e-4)


def test_under_a_window_what_only_one_of_them_shows_does_not_count():
    def generate(x):
        edge = torch.zeros_like(x)
        edge[:, :, 0] = 1
        return edge

    # Moved down, the first row has no partner; the second row meets its trace.
    found = translation.stability(generate, canvases(), [(1, 0)], "cropped")
    assert found == pytest.approx(-10 * log10(1 / (SIZE - 1)), abs=1e-4)


def test_networks_learn_the_photograph_from_its_drawing():
    task = translation.task(samples=20, pictures=5, shifts=2)
    train, test = task.splits(0)["test"]
    assert len(train) == 20 and len(test) == 1000
    assert not set(train.tolist()) & set(test.tolist())
    assert task.inputs.shape == task.targets.shape == (4000, 1, SIZE, SIZE)
    assert set(task.inputs.unique().tolist()) == {0.0, 1.0}
    # The lines of the last row and column depend on what the window does not show.
    drawn = translation.line_drawing(task.targets)
    assert torch.equal(drawn[..., :-1, :-1], task.inputs[..., :-1, :-1])


def test_garments_lie_at_all_places_that_shifts_will_try():
    canvas = torch.zeros(500, 1, SIZE + 2 * MARGIN, SIZE + 2 * MARGIN)
    canvas[:, :, 20, 20] = 1
    places = translation.random_shifts(500, "cropped")
    found = translation.jittered(canvas, places)[:, 0].nonzero()
    assert (found[:, 1:] + MARGIN - 20).tolist() == [list(by) for by in places]


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """The quick preset with the smallest networks and fewest pictures."""
    tiny = {
        "samples": 64,
        "pictures": 4,
        "shifts": 3,
        "arms": {
            way: {
                "axes": {"way": way},
                "network": options | {"width": 2},
                "training": {"steps": 2, "batch_size": 16, "measures": 1, "lr": 0.01},
            }
            for way, options in translation.WAYS.items()
        },
    }
    where = tmp_path_factory.mktemp("results")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(translation.PRESETS, "quick", tiny)
        options = {"device": "cpu", "where": where, "report": lambda line: None}
        return experiments.run("translation", "quick", **options)


def test_every_arm_is_measured_for_quality_and_stability(measured):
    for way in translation.WAYS:
        assert 0 < measured.mean("psnr", way=way) < 40
        assert 0 < measured.mean("l1", way=way) < 1
        stability = measured.mean("stability", way=way, mode="cropped")
        assert 0 < stability < translation.CEILING


def test_on_a_ring_polyphase_sampling_is_stable_to_the_last_bit(measured):
    ring = {
        way: measured.mean("stability", way=way, mode="ring")
        for way in ("polyphase", "plain")
    }
    assert ring["polyphase"] == translation.CEILING
    assert ring["plain"] < 90


def test_a_gain_is_the_difference_from_the_plain_network(measured):
    for name, _, mode in translation.MEASURED:
        tri3, plain = (
            measured.mean(name, way=way, **mode) for way in ("tri3", "plain")
        )
        gain = measured.mean(f"{name}_gain", way="tri3", **mode)
        assert gain == pytest.approx(tri3 - plain)
    assert not measured.select(metric="psnr_gain", way="plain")


@pytest.mark.parametrize("preset", translation.PRESETS)
def test_all_arms_are_trained_in_the_same_way(preset):
    arms = translation.PRESETS[preset]["arms"]
    assert arms.keys() == translation.WAYS.keys()
    recipes = [arm["training"] for arm in arms.values()]
    assert all(recipe == recipes[0] for recipe in recipes)
