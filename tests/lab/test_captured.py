"""A captured step: what is repeated, what it reads, what happens where it cannot be."""

import pytest
import torch
import torch.nn.functional as F
from small_trainings import X, Y, line

from coordlib.lab.training.captured import WARM_STEPS, Captured
from coordlib.lab.training.stacked import fit_many

CPU = torch.device("cpu")


class Recorder:
    """Captures as CUDA does: it reads and writes the same tensors at each replay."""

    def __init__(self):
        self.captured = 0
        self.replays = 0

    def __call__(self, step, inputs):
        self.captured += 1
        value = torch.zeros(())

        def replay():
            self.replays += 1
            value.copy_(step(*inputs))

        return replay, value


def test_a_step_is_taken_as_it_is_first_and_then_replayed_with_new_inputs():
    recorder = Recorder()
    step = Captured(lambda x: 2 * x, CPU, recorder)
    values = [float(step(torch.tensor(float(n)))) for n in range(10)]
    assert values == [2.0 * n for n in range(10)]
    assert (recorder.captured, recorder.replays) == (1, 10 - WARM_STEPS)


def test_a_replayed_step_reads_copies_and_leaves_its_inputs_alone():
    step = Captured(lambda x: x.sum(), CPU, Recorder())
    inputs = [torch.full((2,), float(n)) for n in range(8)]
    for x in inputs:
        step(x)
    assert [x.tolist() for x in inputs] == [[n, n] for n in range(8)]


def test_a_step_that_cannot_be_captured_goes_on_as_it_is_with_a_warning():
    def refuse(step, inputs):
        raise RuntimeError("operation not permitted when stream is capturing\nmore")

    taken = []
    step = Captured(lambda x: taken.append(float(x)) or x, CPU, refuse)
    with pytest.warns(UserWarning, match="cannot be captured .operation not permitted"):
        for n in range(8):
            step(torch.tensor(float(n)))
    assert taken == list(range(8))


def test_too_little_memory_is_not_mistaken_for_a_step_that_cannot_be_captured():
    def exhausted(step, inputs):
        raise torch.OutOfMemoryError("no room")

    step = Captured(lambda x: x, CPU, exhausted)
    for _ in range(WARM_STEPS):
        step(torch.zeros(()))
    with pytest.raises(torch.OutOfMemoryError):
        step(torch.zeros(()))


def test_on_a_cpu_nothing_is_captured():
    assert Captured(lambda x: x, CPU).capture is None


class Repeated(Recorder):
    """The same for a step that gives one number a network."""

    def __call__(self, step, inputs):
        value = torch.zeros(2)
        return lambda: value.copy_(step(*inputs)), value


def test_a_training_that_is_replayed_ends_as_one_that_is_not(monkeypatch):
    options = {"lr": [0.05, 0.02], "weight_decay": [0.1, 0.0], "seed": [0, 1]}
    options |= {"steps": 30, "schedule": "one-cycle", "batch_size": 7}
    drawn = {"augment": lambda x, g: x + torch.rand(x.shape, generator=g)}
    for more in ({}, drawn, {"seed": [0, 0]}):
        plain, replayed = ([line(), line()] for _ in "ab")
        first = fit_many(plain, X, Y, F.mse_loss, **options | more)
        with monkeypatch.context() as patch:
            recording = lambda step, device: Captured(step, device, Repeated())  # noqa: E731
            patch.setattr("coordlib.lab.training.stacked.Captured", recording)
            second = fit_many(replayed, X, Y, F.mse_loss, **options | more)
        assert [h.losses for h in first] == [h.losses for h in second]
        assert torch.equal(plain[1].weight, replayed[1].weight)


def test_a_training_on_a_device_ends_where_a_cpu_would_take_it(device):
    options = {"lr": [0.05, 0.02], "weight_decay": [0.1, 0.0], "seed": [0, 1]}
    options |= {"steps": 30, "schedule": "one-cycle", "batch_size": 7}
    here, there = [line(), line()], [line().to(device), line().to(device)]
    first = fit_many(here, X, Y, F.mse_loss, **options)
    second = fit_many(there, X, Y, F.mse_loss, **options)
    for one, other in zip(first, second, strict=True):
        assert one.losses == pytest.approx(other.losses, rel=1e-3)
