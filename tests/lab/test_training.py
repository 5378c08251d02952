"""The training loop: what it sees, what it changes, when it stops."""

import builtins
import subprocess
import sys
from platform import libc_ver

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from small_trainings import (
    GENERATOR,
    Killed,
    X,
    Y,
    line,
    paint,
    painters,
    same,
)
from torch import nn

from coordlib.lab.models.painters import DeconvPainter
from coordlib.lab.training.device import denormals_flushed
from coordlib.lab.training.loop import History, fit, shuffled
from coordlib.lab.training.losses import pixel_cross_entropy
from coordlib.lab.training.resume import CheckpointError
from coordlib.lab.training.schedules import schedule_factor


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
    # Before there is such a number: a run that came first in this process flushes.
    if not torch.set_flush_denormal(False):
        pytest.skip("this processor cannot flush denormals")
    tiny = torch.tensor(1e-39)
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


def test_a_spared_cpu_flushes_denormals_in_threads_and_keeps_what_is_freed():
    # In a process of its own: it is for good, and comes before there are threads.
    code = (
        "import resource, torch\n"
        "from coordlib.lab.training import spare_cpu\n"
        "torch.set_num_threads(2)\n"
        "flushes = torch.set_flush_denormal(False)\n"
        "spare_cpu()\n"
        "tiny = torch.full((10**6,), 1e-39)\n"
        "assert not flushes or (tiny * 0.5).count_nonzero() == 0\n"
        "big = [torch.ones(10**7) for _ in range(2)]\n"
        "del big\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "for _ in range(10):\n"
        "    torch.ones(10**7)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)\n"
    )
    command = [sys.executable, "-c", code]
    faults = subprocess.run(command, capture_output=True, text=True, check=True)
    if libc_ver()[0] == "glibc":
        # Ten blocks of 40 MB are 98,000 pages of 4 kB.
        assert int(faults.stdout) < 1000


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


def test_descent_with_nesterovs_momentum_is_the_textbooks():
    """Sutskever et al. (2013): the gradient, and what is left of all before it."""
    model, x, y = line(), X[:1], Y[:1]
    options = {"method": "sgd", "momentum": 0.5, "batch_size": 1, "lr": 0.1}
    weight, velocity = model.weight.detach().clone(), 0.0
    bias, pull = model.bias.detach().clone(), 0.0
    for _ in range(4):
        slope = 2 * (x @ weight.T + bias - y)
        velocity = 0.5 * velocity + slope * x + 0.3 * weight
        pull = 0.5 * pull + slope[0]
        weight = weight - 0.1 * (slope * x + 0.3 * weight + 0.5 * velocity)
        bias = bias - 0.1 * (slope[0] + 0.5 * pull)
    fit(model, x, y, F.mse_loss, steps=4, weight_decay=0.3, **options)
    assert torch.allclose(model.weight, weight, atol=1e-5)
    assert torch.allclose(model.bias, bias, atol=1e-5)


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
        ({"lr": float("nan")}, ValueError, "lr must be a number"),
        ({"weight_decay": -1}, ValueError, "weight_decay must not be negative"),
        ({"schedule": "step"}, ValueError, "schedule must be one of"),
        ({"method": "sgdm"}, ValueError, "method must be one of 'adam', 'sgd'"),
        ({"momentum": 1.0}, ValueError, "momentum must be between 0 and 1, got 1.0"),
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
