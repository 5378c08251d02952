"""The training loop: what it sees, what it changes, when it stops."""

import builtins
import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from coordlib.grid import to_unit
from coordlib.lab.data.squares import squares
from coordlib.lab.models.painters import CoordConvPainter, DeconvPainter
from coordlib.lab.models.regressors import ConvRegressor
from coordlib.lab.training.device import denormals_flushed
from coordlib.lab.training.loop import History, fit, shuffled
from coordlib.lab.training.losses import pixel_cross_entropy
from coordlib.lab.training.resume import CheckpointError
from coordlib.lab.training.schedules import schedule_factor
from coordlib.lab.training.stacked import fit_many

GENERATOR = torch.Generator().manual_seed(0)
X = torch.randn(40, 3, generator=GENERATOR)
Y = X @ torch.tensor([[1.0], [-2.0], [0.5]]) + 0.25


def line():
    torch.manual_seed(0)
    return nn.Linear(3, 1)


def weights(model):
    return nn.utils.parameters_to_vector(model.parameters()).detach()


def test_a_line_is_fitted():
    model = line()
    history = fit(model, X, Y, F.mse_loss, epochs=100, batch_size=8, lr=0.05)
    assert isinstance(history, History)
    assert history.steps == len(history.losses) == len(history.rates) == 500
    assert history.losses[-1] < 1e-4 < history.losses[0]
    assert history.seconds > 0 and history.device == "cpu"
    assert torch.allclose(model.bias, torch.tensor([0.25]), atol=0.01)


def test_denormals_are_zero_while_training_and_not_after():
    tiny = torch.tensor(1e-39)
    if not torch.set_flush_denormal(False):
        pytest.skip("this processor cannot flush denormals")
    assert tiny * 0.5 != 0
    with denormals_flushed():
        assert tiny * 0.5 == 0
        with denormals_flushed():
            pass
        assert tiny * 0.5 == 0
    assert tiny * 0.5 != 0
    seen = []
    fit(line(), X, Y, F.mse_loss, steps=1, callback=lambda *_: seen.append(tiny * 0.5))
    assert seen == [0]
    assert tiny * 0.5 != 0


def test_the_same_seed_gives_the_same_numbers_and_another_does_not():
    def run(seed):
        model = line()
        history = fit(model, X, Y, F.mse_loss, steps=20, batch_size=7, seed=seed)
        return history.losses, weights(model)

    first, again, other = run(3), run(3), run(4)
    assert first[0] == again[0] and torch.equal(first[1], again[1])
    assert first[0] != other[0]


def test_the_global_generator_is_left_alone():
    model = line()
    before = torch.get_rng_state()
    fit(model, X, Y, F.mse_loss, steps=5)
    assert torch.equal(torch.get_rng_state(), before)


@given(st.integers(1, 30), st.integers(1, 30), st.integers(0, 100))
def test_batches_are_of_one_size_and_every_round_holds_every_sample_once(n, size, seed):
    size = min(n, size)
    batches = shuffled(n, size, seed)
    drawn = [next(batches) for _ in range(2 * n)]
    assert {len(b) for b in drawn} == {size}
    rounds = torch.cat(drawn)[: 2 * n].view(2, n)
    for one in rounds:
        assert one.sort().values.tolist() == list(range(n))


def test_training_is_plain_adam_on_those_batches():
    model, twin = line(), line()
    fit(model, X, Y, F.mse_loss, steps=12, batch_size=5, lr=0.02, seed=9)
    adam = torch.optim.Adam(twin.parameters(), lr=0.02, betas=(0.9, 0.99))
    batches = shuffled(40, 5, 9)
    for _ in range(12):
        b = next(batches)
        adam.zero_grad()
        F.mse_loss(twin(X[b]), Y[b]).backward()
        adam.step()
    assert torch.allclose(weights(model), weights(twin), atol=1e-6)


def test_a_training_ends_where_it_always_ended():
    """The numbers are those of the loop that the stored results were measured with."""
    x = torch.arange(24.0).reshape(8, 3).cos()
    model = nn.Linear(3, 1)
    nn.init.constant_(model.weight, 0.1)
    nn.init.zeros_(model.bias)
    history = fit(
        *(model, x, x.sum(1, keepdim=True), F.mse_loss),
        steps=6,
        batch_size=3,
        lr=0.05,
        weight_decay=0.1,
        schedule="one-cycle",
        seed=4,
        augment=lambda x, generator: x + torch.rand(x.shape, generator=generator),
    )
    assert history.losses == pytest.approx(
        [2.8951559, 3.0546062, 1.1056268, 2.6392767, 2.0914975, 1.9523267], abs=1e-5
    )
    found = weights(model)
    expected = torch.tensor([0.2224, 0.2226, 0.0574, -0.0614])
    assert torch.allclose(found, expected, atol=1e-4)


def test_weight_decay_pulls_on_kernels_but_not_on_biases():
    model = nn.Linear(2, 1)
    nn.init.ones_(model.weight)
    nn.init.ones_(model.bias)

    def indifferent(output, target):
        return 0 * output.sum()

    x = torch.zeros(4, 2)
    fit(model, x, x, indifferent, steps=50, lr=0.01, weight_decay=0.1)
    assert (model.weight < 0.9).all()
    assert model.bias.item() == 1


@pytest.mark.parametrize(
    ("epochs", "batch_size", "steps"), [(1, 8, 5), (1, 7, 6), (0.5, 8, 3), (3, 99, 3)]
)
def test_epochs_are_rounds_over_the_samples(epochs, batch_size, steps):
    history = fit(line(), X, Y, F.mse_loss, epochs=epochs, batch_size=batch_size)
    assert history.steps == steps


WORLD = squares(8, side=1)
RATES, DECAYS = [0.003, 0.01, 0.03], [0.0, 0.002, 0.02]


def painters(make):
    """Three painters with weights of their own, in float64 to compare strictly."""
    for seed in range(3):
        torch.manual_seed(seed)
        yield make(size=8).double()


def paint(fitting, *models, **options):
    positions = to_unit(WORLD.positions, (8, 8)).double()
    return fitting(
        *models,
        positions,
        WORLD.targets(),
        pixel_cross_entropy,
        batch_size=5,
        **{"steps": 12, "schedule": "cosine", "seed": 3} | options,
    )


def states(models):
    return [{k: v.clone() for k, v in m.state_dict().items()} for m in models]


def kernels(model):
    """Without biases: those before a normalisation have no gradient but rounding."""
    return {k: v for k, v in model.state_dict().items() if v.ndim > 1}


def same(a, b, tolerance=0.0):
    return a.keys() == b.keys() and all(
        torch.allclose(a[name], b[name], rtol=0, atol=tolerance) for name in a
    )


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


def test_the_curve_is_measured_evenly_and_at_the_end():
    history = fit(
        line(),
        *(X, Y, F.mse_loss),
        steps=10,
        measure=lambda m: {"training": float(m.training)},
        measures=4,
    )
    assert [point["step"] for point in history.curve] == [2, 5, 8, 10]
    assert all(point["training"] == 0 for point in history.curve)
    seconds = [point["seconds"] for point in history.curve]
    assert seconds == sorted(seconds)


def test_an_augmentation_draws_by_seed_and_step_and_leaves_the_data_alone():
    drawn = []

    def noisy(x, generator):
        noise = torch.randn(x.shape, generator=generator)
        drawn.append(noise)
        return x + noise

    before = X.clone()
    for seed in (0, 0, 1):
        fit(line(), X, Y, F.mse_loss, steps=2, seed=seed, augment=noisy)
    assert torch.equal(X, before)
    assert torch.equal(drawn[0], drawn[2]) and torch.equal(drawn[1], drawn[3])
    assert not torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[4]) and not torch.equal(drawn[1], drawn[4])


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


class Killed(Exception):
    """Stands for a power cut in the middle of a training."""


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


@pytest.mark.parametrize("stop", [1, 7, 12])
def test_a_training_that_was_cut_ends_with_the_numbers_of_an_uncut_one(
    stop, tmp_path, monkeypatch
):
    monkeypatch.setattr("coordlib.lab.training.resume.CHECKPOINT_SECONDS", 0)
    options = {"lr": 0.01, "weight_decay": 0.002, "measures": 6}
    options["measure"] = lambda m: {"bias": m[-1].bias.item()}
    kept = options | {"checkpoint": tmp_path / "state.pt"}
    uncut, cut, again = (next(painters(DeconvPainter)) for _ in range(3))

    def kill(step, model):
        if step == stop:
            raise Killed

    expected = paint(fit, uncut, **options)
    with pytest.raises(Killed):
        paint(fit, cut, **kept, callback=kill)
    seen = []
    found = paint(fit, again, **kept, callback=lambda step, model: seen.append(step))
    assert seen == list(range(stop + 1, 13))
    assert same(uncut.state_dict(), again.state_dict())
    assert (expected.losses, expected.rates) == (found.losses, found.rates)
    curves = [
        [{**point, "seconds": 0} for point in history.curve]
        for history in (expected, found)
    ]
    assert curves[0] == curves[1]


def test_numbers_of_numpy_come_back_from_a_checkpoint(tmp_path, monkeypatch):
    monkeypatch.setattr("coordlib.lab.training.resume.CHECKPOINT_SECONDS", 0)
    options = {"lr": np.float64(0.01), "weight_decay": np.float64(0.1), "steps": 4}
    options |= {"schedule": lambda done: np.float64(1 - done / 2)}
    options |= {"measure": lambda m: {"half": np.float32(0.5)}, "measures": 2}
    options |= {"checkpoint": tmp_path / "state.pt"}

    def kill(step, model):
        if step == 3:
            raise Killed

    with pytest.raises(Killed):
        fit(line(), X, Y, F.mse_loss, callback=kill, **options)
    history = fit(line(), X, Y, F.mse_loss, **options)
    assert [point["half"] for point in history.curve] == [0.5, 0.5]


def test_a_checkpoint_of_another_training_is_refused(tmp_path):
    file = tmp_path / "state.pt"
    fit(line(), X, Y, F.mse_loss, steps=3, checkpoint=file)
    with pytest.raises(CheckpointError, match="differs in seed, steps"):
        fit(line(), X, Y, F.mse_loss, steps=4, seed=1, checkpoint=file)


def test_the_steps_schedule_divides_by_ten_after_each_fifth():
    factor = schedule_factor("steps")
    assert [factor(d) for d in (0, 0.19, 0.2, 0.5, 0.79, 0.8, 1)] == pytest.approx(
        [1, 1, 0.1, 0.01, 0.001, 1e-4, 1e-4]
    )


def test_a_callback_sees_every_step_and_may_end_the_training():
    seen = []

    def callback(step, model):
        assert model.training
        model.eval()
        seen.append(step)
        return step == 4

    model = line()
    history = fit(model, X, Y, F.mse_loss, steps=100, callback=callback)
    assert seen == [1, 2, 3, 4] and history.steps == 4
    assert not model.training


def test_the_one_cycle_rate_rises_then_falls_to_nothing():
    history = fit(line(), X, Y, F.mse_loss, steps=101, lr=2.0, schedule="one-cycle")
    rates = history.rates
    assert rates[0] == pytest.approx(0.08)
    assert rates[20] == max(rates) == pytest.approx(2.0)
    assert rates[:21] == sorted(rates[:21])
    assert rates[20:] == sorted(rates[20:], reverse=True)
    assert rates[-1] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("name", ["constant", "one-cycle", "cosine"])
@given(done=st.floats(0, 1))
def test_a_schedule_multiplies_by_no_more_than_one(name, done):
    assert -1e-9 <= schedule_factor(name)(done) <= 1 + 1e-9


def test_a_schedule_may_be_a_function():
    history = fit(
        line(), X, Y, F.mse_loss, steps=3, lr=8.0, schedule=lambda done: 1 - done / 2
    )
    assert history.rates == [8, 6, 4]


def test_progress_needs_no_tqdm(monkeypatch):
    real = builtins.__import__

    def without_tqdm(name, *args, **kwargs):
        if name.startswith("tqdm"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_tqdm)
    assert fit(line(), X, Y, F.mse_loss, steps=3, progress=True).steps == 3


def test_progress_shows_a_bar_where_tqdm_is(capfd):
    pytest.importorskip("tqdm")
    assert fit(line(), X, Y, F.mse_loss, steps=3, progress=True).steps == 3
    assert "step" in capfd.readouterr().err


def test_frozen_weights_stay():
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 1))
    model[0].requires_grad_(False)
    before = weights(model[0])
    fit(model, X, Y, F.mse_loss, steps=5)
    assert torch.equal(weights(model[0]), before)


def test_the_model_is_left_in_evaluation_mode_with_statistics_of_the_data():
    model = nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 1))
    fit(model, X + 5, Y, F.mse_loss, epochs=30, batch_size=10)
    assert not model.training
    assert torch.allclose(model[0].running_mean, (X + 5).mean(0), atol=0.3)


def test_pixel_cross_entropy_treats_pixels_as_classes():
    logits = torch.randn(3, 1, 4, 5, generator=GENERATOR)
    targets = torch.tensor([0, 7, 19])
    expected = -logits.flatten(1).log_softmax(1)[[0, 1, 2], targets].mean()
    assert torch.allclose(pixel_cross_entropy(logits, targets), expected)
    with pytest.raises(ValueError, match=r"\(N, 1, H, W\)"):
        pixel_cross_entropy(logits.flatten(1), targets)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"steps": None}, ValueError, "either steps or epochs"),
        ({"epochs": 1}, ValueError, "either steps or epochs"),
        ({"steps": 0}, ValueError, "steps must be at least 1"),
        ({"steps": 2.5}, TypeError, "steps must be an integer"),
        ({"steps": None, "epochs": 0}, ValueError, "epochs must be positive"),
        ({"steps": None, "epochs": float("nan")}, ValueError, "epochs must be"),
        ({"batch_size": 0}, ValueError, "batch_size must be at least 1"),
        ({"lr": 0}, ValueError, "lr must be positive"),
        ({"lr": float("nan")}, ValueError, "lr must be positive"),
        ({"weight_decay": -1}, ValueError, "weight_decay must not be negative"),
        ({"schedule": "step"}, ValueError, "schedule must be one of"),
        ({"inputs": X[:3]}, ValueError, "same number of samples"),
        ({"inputs": X[:0], "targets": Y[:0]}, ValueError, "at least one"),
        ({"inputs": X.numpy()}, TypeError, "inputs must be a tensor"),
        ({"targets": [1]}, TypeError, "targets must be a tensor"),
        ({"model": F.relu}, TypeError, r"nn\.Module"),
        ({"model": nn.ReLU()}, ValueError, "no parameters to train"),
        ({"loss": lambda y, t: y - t}, ValueError, "single number"),
        ({"inputs": X / 0}, FloatingPointError, "at step 1"),
        ({"seed": 0.5}, TypeError, "seed must be an integer"),
    ],
)
def test_what_cannot_be_trained_says_why(change, error, message):
    arguments = {
        "model": line(),
        "inputs": X,
        "targets": Y,
        "loss": F.mse_loss,
        "steps": 2,
        **change,
    }
    positional = [arguments.pop(k) for k in ("model", "inputs", "targets", "loss")]
    with pytest.raises(error, match=message):
        fit(*positional, **arguments)
