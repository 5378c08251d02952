"""CoordConv alone on dots: the arms differ in one thing, and the recipe is known."""

import torch

from coordlib.lab.experiments.coordinates import (
    coordconv_dots,
    coordinate_classification,
)

SIZE = 16


def test_the_arms_differ_in_what_they_are_fed_alone():
    for preset in coordconv_dots.PRESETS.values():
        unit, raw = (preset["arms"][name] for name in ("unit", "raw"))
        assert unit["training"] == raw["training"]
        assert (unit["network"], raw["network"]) == ({"raw": False}, {"raw": True})


def test_the_recipe_is_that_of_the_comparison_with_transposed_convolutions():
    for size, preset in coordconv_dots.PRESETS.items():
        like = coordinate_classification.PRESETS[size]["arms"]["coordconv"]
        ours = preset["arms"]["unit"]["training"]
        assert ours == like["training"] | {"measures": 1}


def test_both_begin_with_the_same_weights_and_one_sees_pixels():
    torch.manual_seed(0)
    unit = coordconv_dots.make_painter(SIZE, raw=False)
    torch.manual_seed(0)
    raw = coordconv_dots.make_painter(SIZE, raw=True)
    corners = torch.tensor([[-1.0, -1.0], [1.0, 1.0]])
    assert torch.equal(raw[0](corners), torch.tensor([[0.0, 0.0], [15.0, 15.0]]))
    weights = zip(unit.parameters(), raw.parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in weights)
