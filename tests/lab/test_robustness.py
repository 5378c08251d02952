"""Errors under corruption and flips under perturbation, held against plain pooling."""

import pytest
import torch

from coordlib.lab.data import pictures
from coordlib.lab.data.corruptions import CORRUPTIONS, SEVERITIES
from coordlib.lab.data.perturbations import PERTURBATIONS
from coordlib.lab.experiments.aliasing import robustness
from coordlib.lab.experiments.aliasing.robustness import flips, summarise
from coordlib.lab.record.result import Result
from coordlib.lab.record.task import Contest


def test_a_flip_is_a_change_from_the_frame_before():
    answers = torch.tensor([[0, 5], [1, 5], [1, 5], [0, 5]])
    assert flips(answers) == pytest.approx(2 / 6)


def test_noise_flips_are_counted_from_the_first_frame():
    answers = torch.tensor([[0, 5], [1, 5], [1, 5], [0, 6]])
    assert flips(answers, from_first=True) == pytest.approx(3 / 6)


def test_every_corruption_is_met_at_every_strength_and_stored_in_bytes():
    found = robustness.corrupted_pictures(pictures("test")[0][:2])
    assert len(found) == 1 + len(CORRUPTIONS) * len(SEVERITIES)
    assert all(x.dtype == torch.uint8 for x in found.values())
    assert torch.equal(found["clean"] / 255, pictures("test")[0][:2])


def test_stored_pictures_are_dressed_as_the_inputs_were():
    raw = pictures("test")[0]
    inputs = (raw - 0.4) / torch.tensor([0.2, 0.25, 0.3]).view(3, 1, 1)
    dressed = robustness._normaliser(raw, inputs)
    assert torch.allclose(dressed((raw * 255).round().byte()), inputs, atol=1e-4)


def run(way, error, turns):
    names = [f"{name}_{s}_error" for name in CORRUPTIONS for s in SEVERITIES]
    recipe = {"network": {}, "training": {}, "lr": 0.1, "weight_decay": 0.0}
    return (
        {"arm": f"vgg_{way}_shifted", "split": "test", "seed": 0, "test_accuracy": 0.8}
        | recipe
        | {"clean_error": 0.2}
        | dict.fromkeys(names, error)
        | {f"{name}_flips": turns for name in PERTURBATIONS}
    )


def summarised(*runs):
    found = Result("robustness", "cpu", {})
    best = Contest(networks={}, best="accuracy")
    found.add(0, summarise(best, robustness.PRESETS["cpu"]["arms"], list(runs)))
    return found


def test_mean_corruption_error_and_flip_rate_are_means_of_ratios():
    better = run("tri3", 0.3, 0.02)
    # One corruption is as bad as for the plain network, by its sum over severities.
    better |= {"fog_1_error": 0.2, "fog_2_error": 0.6}
    better |= {f"fog_{severity}_error": 0.4 for severity in (3, 4, 5)}
    found = summarised(run("plain", 0.4, 0.04), better)
    fog, snow = (
        found.mean("error_ratio", way="tri3", corruption=c) for c in ("fog", "snow")
    )
    assert (fog, snow) == pytest.approx((1, 0.75))
    assert found.mean("mce", way="tri3") == pytest.approx((13 * 0.75 + 1) / 14)
    assert found.mean("mfr", way="tri3") == pytest.approx(0.5)
    assert found.mean("added_error", way="plain") == pytest.approx(0.2)
    assert found.mean("mean_flips", way="tri3") == pytest.approx(0.02)
    assert not found.select(metric="mce", way="plain")


def test_a_perturbation_that_never_flips_the_plain_network_has_no_ratio():
    plain = run("plain", 0.4, 0.04) | {"tilt_flips": 0.0}
    found = summarised(plain, run("bin5", 0.4, 0.02))
    assert not found.select(metric="flips_ratio", perturbation="tilt")
    assert found.mean("mfr", way="bin5") == pytest.approx(0.5)


@pytest.mark.parametrize("preset", robustness.PRESETS)
def test_every_preset_has_the_plain_network_to_compare_with(preset):
    arms = robustness.PRESETS[preset]["arms"]
    assert "plain" in {arm["axes"]["way"] for arm in arms.values()}
    assert len(arms) == (2 if preset == "quick" else len(robustness.WAYS))
