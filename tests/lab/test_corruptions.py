"""What goes wrong with pictures, at once and from frame to frame."""

import pytest
import torch

from coordlib.lab.data import pictures
from coordlib.lab.data.corruptions import CORRUPTIONS, SEVERITIES, corrupt, smear
from coordlib.lab.data.perturbations import PERTURBATIONS, perturb
from coordlib.probe import shift


@pytest.fixture(scope="module")
def some():
    return pictures("test")[0][:6]


def damage(x, name, severity):
    return float((corrupt(x, name, severity) - x).square().mean())


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_corruption_keeps_the_shape_and_the_range_and_stores_bytes(some, name):
    found = corrupt(some, name, 3)
    assert found.shape == some.shape and found.dtype == torch.float32
    assert 0 <= found.min() and found.max() <= 1
    assert torch.equal((found * 255).round() / 255, found)
    assert damage(some, name, 3) > 0


@pytest.mark.parametrize("name", sorted(CORRUPTIONS))
def test_a_corruption_is_decided_by_the_seed(some, name):
    assert torch.equal(corrupt(some, name, 5, 1), corrupt(some, name, 5, 1))
    still = {"defocus_blur", "zoom_blur", "brightness", "contrast", "pixelate", "jpeg"}
    same = torch.equal(corrupt(some, name, 5, 1), corrupt(some, name, 5, 2))
    assert same == (name in still)


# Of glass and elastic the data set's own strengths do not rise throughout.
@pytest.mark.parametrize("name", sorted(set(CORRUPTIONS) - {"glass_blur", "elastic"}))
def test_damage_rises_with_severity(some, name):
    found = [damage(some, name, severity) for severity in SEVERITIES]
    assert found == sorted(found)


@pytest.mark.parametrize(
    "name", ["defocus_blur", "motion_blur", "zoom_blur", "elastic"]
)
def test_what_only_moves_light_leaves_an_even_picture_alone(name):
    even = torch.full((2, 3, 32, 32), 51 / 255)
    assert torch.equal(corrupt(even, name, 5), even)


def test_glass_exchanges_pixels_and_makes_none(some):
    # At the first strength the blur is too narrow to reach a neighbour.
    found = corrupt(some, "glass_blur", 1)
    for a, b in zip(found, some, strict=True):
        ours = a.flatten(1).T.mul(255).round().unique(dim=0, return_counts=True)
        theirs = b.flatten(1).T.mul(255).round().unique(dim=0, return_counts=True)
        assert all(map(torch.equal, ours, theirs))
    assert not torch.equal(found, some)


def test_a_smear_goes_one_way_along_its_angle():
    dot = torch.zeros(3, 1, 33, 33)
    dot[:, :, 16, 16] = 1
    found = smear(dot, 6, 2.0, torch.tensor([0.0, 90.0, 180.0]))
    assert found.sum((1, 2, 3)) == pytest.approx(1)
    assert found[0, 0, 16, 4:17].min() > 0 and found[0, 0, 16, 17:].max() == 0
    assert found[1, 0, 4:17, 16].min() > 0 and found[1, 0, 17:, 16].max() == 0
    assert torch.equal(found[2], found[0].flip(2))


def test_brightness_keeps_hue_and_saturation(some):
    found = corrupt(some, "brightness", 1)
    # The ratios between channels stay, up to the rounding of dark values.
    bright = (some.amin(1) > 0.3) & (some.amax(1) < 0.9)
    ratio, before = found[:, 0] / found[:, 1], some[:, 0] / some[:, 1]
    assert (ratio - before)[bright].abs().max() < 0.02
    assert (found.amax(1) - some.amax(1))[bright].mean() == pytest.approx(
        0.05, abs=1e-3
    )


def test_black_becomes_grey():
    assert corrupt(torch.zeros(1, 3, 32, 32), "brightness", 3).unique().tolist() == [
        pytest.approx(0.15, abs=0.002)
    ]


def test_impulses_hit_the_share_of_values_that_they_should():
    grey = torch.full((40, 3, 32, 32), 102 / 255)
    found = corrupt(grey, "impulse_noise", 5)
    assert float((found == 0).float().mean()) == pytest.approx(0.035, abs=0.003)
    assert float((found == 1).float().mean()) == pytest.approx(0.035, abs=0.003)


def test_shot_noise_has_the_spread_of_counted_photons():
    grey = torch.full((40, 3, 32, 32), 102 / 255)
    found = corrupt(grey, "shot_noise", 5)
    assert float(found.mean()) == pytest.approx(0.4, abs=0.002)
    assert float(found.std()) == pytest.approx((0.4 / 50) ** 0.5, rel=0.03)


@pytest.mark.parametrize("name", PERTURBATIONS)
def test_frames_follow_in_small_steps(some, name):
    frames = perturb(some, name)
    assert frames.shape[1:] == some.shape and len(frames) in (16, 21, 31)
    assert 0 <= frames.min() and frames.max() <= 1
    steps = (frames[1:] - frames[:-1]).flatten(1).abs().mean(1)
    assert 0 < steps.min() and steps.max() < 0.1


@pytest.mark.parametrize("name", ["brightness", "rotate", "tilt"])
def test_the_middle_frame_is_the_picture(some, name):
    assert torch.allclose(perturb(some, name)[15], some, atol=1 / 255)


@pytest.mark.parametrize("name", ["gaussian_noise", "shot_noise", "zoom_blur"])
def test_the_first_frame_is_the_picture(some, name):
    assert torch.allclose(perturb(some, name)[0], some, atol=1 / 255)


def test_a_translation_is_a_shift_by_one_pixel_a_frame(some):
    frames = perturb(some, "translate")
    for frame, pixels in zip(frames, range(-7, 9), strict=True):
        assert torch.allclose(frame, shift(some, (0, pixels), "zero"))


def test_a_turn_moves_the_corner_and_not_the_middle():
    dot = torch.zeros(1, 3, 33, 33)
    dot[:, :, 16, 16] = dot[:, :, 16, 30] = 1
    first, *_, last = perturb(dot, "rotate")[:, 0, 0]
    assert first[16, 16] == last[16, 16] == 1
    assert first[16, 30] == last[16, 30] == 0
    away = 14 * torch.tensor(15.0).deg2rad().sin()
    up_or_down = [int(f[:, 29:31].sum(1).argmax()) - 16 for f in (first, last)]
    assert sorted(up_or_down) == [-round(float(away)), round(float(away))]


def test_a_scale_goes_from_smaller_to_larger():
    white = torch.ones(1, 3, 32, 32)
    seen = perturb(white, "scale").mean((1, 2, 3, 4))
    assert float(seen[0]) == pytest.approx(0.7**2, abs=0.03)
    assert seen[-1] == 1


@pytest.mark.parametrize("change", [lambda x: corrupt(x, "fog", 1), None])
def test_other_pictures_are_refused(change):
    change = change or (lambda x: perturb(x, "tilt"))
    for wrong in (torch.zeros(2, 1, 32, 32), torch.zeros(2, 3, 16, 32)):
        with pytest.raises(ValueError, match=r"must be of shape \(N, 3, H, W\)"):
            change(wrong)
    with pytest.raises(ValueError, match="must lie in"):
        change(torch.full((2, 3, 32, 32), 2.0))


def test_unknown_options_are_refused(some):
    with pytest.raises(ValueError, match="'frost'"):
        corrupt(some, "frost", 1)
    with pytest.raises(ValueError, match="severity must be one of"):
        corrupt(some, "fog", 0)
    with pytest.raises(ValueError, match="'shear'"):
        perturb(some, "shear")
    for change in (
        lambda: corrupt(some, "fog", 1, 0.5),
        lambda: perturb(some, "snow", "0"),
    ):
        with pytest.raises(TypeError, match="seed must be an integer"):
            change()
