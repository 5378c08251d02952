"""Many networks side by side: each ends where it would alone."""

import itertools

import pytest
import torch
import torch.nn.functional as F
from small_trainings import DECAYS, RATES, Killed, X, Y, line, paint, painters, same
from torch import nn

from coordlib.lab.models.painters import CoordConvPainter, DeconvPainter
from coordlib.lab.models.regressors import ConvRegressor
from coordlib.lab.training.loop import fit
from coordlib.lab.training.stacked import fit_many


def states(models):
    return [{k: v.clone() for k, v in m.state_dict().items()} for m in models]


def kernels(model):
    """Without biases: those before a normalisation have no gradient but rounding."""
    return {k: v for k, v in model.state_dict().items() if v.ndim > 1}


@pytest.mark.parametrize("make", [DeconvPainter, CoordConvPainter])
def test_side_by_side_each_network_ends_where_it_would_alone(make):
    alone = list(painters(make))
    kept = [
        paint(fit, model, lr=lr, weight_decay=decay)
        for model, lr, decay in zip(alone, RATES, DECAYS, strict=True)
    ]
    together = list(painters(make))
    histories = paint(fit_many, together, lr=RATES, weight_decay=DECAYS)
    for one, other in zip(alone, together, strict=True):
        assert same(kernels(one), kernels(other), 1e-9)
    for one, other in zip(kept, histories, strict=True):
        assert one.losses == pytest.approx(other.losses, abs=1e-9)
        assert one.rates == other.rates


def test_a_stack_of_one_ends_with_the_numbers_of_one_alone():
    [alone], [stacked] = (list(painters(CoordConvPainter))[:1] for _ in range(2))
    one = paint(fit, alone, lr=0.01, weight_decay=0.002)
    [other] = paint(fit_many, [stacked], lr=[0.01], weight_decay=[0.002])
    assert same(alone.state_dict(), stacked.state_dict())
    assert (one.losses, one.rates) == (other.losses, other.rates)


def test_side_by_side_statistics_of_the_data_are_each_networks_own():
    models = [ConvRegressor() for _ in range(2)]
    x = torch.rand(8, 1, 32, 32)
    fit_many(
        models,
        *(x, torch.rand(8, 2), F.mse_loss),
        steps=3,
        lr=[0.001, 0.01],
        weight_decay=[0, 0],
    )
    norms = [
        [m for m in model if isinstance(m, nn.BatchNorm2d)][-1] for model in models
    ]
    assert all(norm.num_batches_tracked == 3 for norm in norms)
    assert not torch.equal(norms[0].running_mean, norms[1].running_mean)
    assert all(norm.running_mean.abs().sum() > 0 for norm in norms)


def test_networks_of_different_shape_cannot_train_side_by_side():
    with pytest.raises(ValueError, match="of one shape"):
        fit_many(
            [nn.Linear(3, 1), nn.Linear(3, 1, bias=False)],
            *(X, Y, F.mse_loss),
            steps=1,
            lr=[0.1, 0.1],
            weight_decay=[0, 0],
        )


def test_every_network_needs_its_own_rate_and_decay():
    with pytest.raises(ValueError, match="one lr and one weight_decay for each"):
        fit_many(
            [line(), line()], X, Y, F.mse_loss, steps=1, lr=[0.1], weight_decay=[0, 0]
        )


def test_one_that_diverges_does_not_stop_the_others():
    good, bad = line(), line()
    nn.init.constant_(bad.weight, float("inf"))
    one, other = fit_many(
        [good, bad],
        *(X, Y, F.mse_loss),
        steps=70,
        lr=[0.05, 0.05],
        weight_decay=[0, 0],
    )
    assert one.losses[-1] < one.losses[0]
    assert not torch.isfinite(torch.tensor(other.losses[-1]))


@pytest.mark.parametrize("count", [1, 3])
def test_a_loss_is_given_what_is_drawn_from_its_targets(count):
    drawn, used = [], []

    def draw(y, generator):
        drawn.append(torch.rand(len(y), generator=generator))
        return y, drawn[-1]

    def loss(output, target):
        y, noise = target
        used.append(noise)
        return F.mse_loss(output, y + noise[:, None])

    for seed in (0, 0, 1):
        options = {"lr": count * [0.01], "weight_decay": count * [0.0]}
        models = [line() for _ in range(count)]
        fit_many(models, X, Y, loss, steps=2, seed=seed, draw=draw, **options)
    assert all(a is b for a, b in zip(used, drawn, strict=True))
    assert torch.equal(drawn[0], drawn[2]) and torch.equal(drawn[1], drawn[3])
    assert not torch.equal(drawn[0], drawn[1]) and not torch.equal(drawn[0], drawn[4])


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("stop", [1, 7, 12])
def test_trainings_side_by_side_that_were_cut_end_with_the_numbers_of_uncut_ones(
    count, stop, tmp_path, monkeypatch
):
    monkeypatch.setattr("coordlib.lab.training.resume.CHECKPOINT_SECONDS", 0)
    options = {"lr": RATES[:count], "weight_decay": DECAYS[:count]}
    options |= {"measure": lambda m: {"bias": m[-1].bias.item()}, "measures": 6}
    file = tmp_path / "state.pt"

    def cut(step, models):
        if step == stop:
            raise Killed

    def some():
        return list(itertools.islice(painters(DeconvPainter), count))

    uncut = some()
    expected = paint(fit_many, uncut, **options)
    with pytest.raises(Killed):
        paint(fit_many, some(), **options, checkpoint=file, callback=cut)
    again = some()
    seen = []
    found = paint(
        fit_many,
        again,
        **options,
        checkpoint=file,
        callback=lambda step, models: seen.append(step),
    )
    assert seen == list(range(stop + 1, 13))
    for one, other in zip(states(uncut), states(again), strict=True):
        assert same(one, other)
    for one, other in zip(expected, found, strict=True):
        assert one.losses == other.losses
        assert [p["bias"] for p in one.curve] == [p["bias"] for p in other.curve]
        assert [p["step"] for p in one.curve] == [p["step"] for p in other.curve]
