"""Many networks side by side: each ends where it would alone."""

import itertools
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from small_trainings import DECAYS, RATES, Killed, X, Y, line, paint, painters, same
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from coordlib.lab.models.cifar import VGG, DenseNet, MobileNetV2, ResNet
from coordlib.lab.models.detector import Detector, detection_loss, draw_chances
from coordlib.lab.models.generators import VAE, evidence_bound, with_noise
from coordlib.lab.models.painters import (
    CoordConvPainter,
    DeconvPainter,
    EncodedPainter,
)
from coordlib.lab.models.regressors import ConvRegressor, CoordConvRegressor
from coordlib.lab.training.augmentation import OnDevice
from coordlib.lab.training.loop import fit
from coordlib.lab.training.losses import pixel_cross_entropy
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


@pytest.mark.parametrize("make", [DeconvPainter, CoordConvPainter])
def test_by_momentum_too_each_network_ends_where_it_would_alone(make):
    options = {"method": "sgd", "momentum": 0.8}
    alone, together = (list(painters(make)) for _ in range(2))
    for model, lr, decay in zip(alone, RATES, DECAYS, strict=True):
        paint(fit, model, lr=lr, weight_decay=decay, **options)
    paint(fit_many, together, lr=RATES, weight_decay=DECAYS, **options)
    for one, other in zip(alone, together, strict=True):
        assert same(kernels(one), kernels(other), 1e-9)


@pytest.mark.parametrize("count", [1, 2])
def test_a_training_by_momentum_that_was_cut_ends_the_same(
    count, tmp_path, monkeypatch
):
    monkeypatch.setattr("coordlib.lab.training.resume.CHECKPOINT_SECONDS", 0)
    options = {"lr": RATES[:count], "weight_decay": DECAYS[:count], "method": "sgd"}

    def cut(step, models):
        if step == 5:
            raise Killed

    def some():
        return list(itertools.islice(painters(CoordConvPainter), count))

    uncut, again, file = some(), some(), tmp_path / "state.pt"
    paint(fit_many, uncut, **options)
    with pytest.raises(Killed):
        paint(fit_many, some(), **options, checkpoint=file, callback=cut)
    paint(fit_many, again, **options, checkpoint=file)
    for one, other in zip(states(uncut), states(again), strict=True):
        assert same(one, other)


def test_a_stack_of_one_ends_with_the_numbers_of_one_alone():
    [alone], [stacked] = (list(painters(CoordConvPainter))[:1] for _ in range(2))
    one = paint(fit, alone, lr=0.01, weight_decay=0.002)
    [other] = paint(fit_many, [stacked], lr=[0.01], weight_decay=[0.002])
    assert same(alone.state_dict(), stacked.state_dict())
    assert (one.losses, one.rates) == (other.losses, other.rates)


DRAWN = torch.Generator().manual_seed(1)
POINTS = torch.rand(30, 2, generator=DRAWN) * 2 - 1
PIXELS = torch.randint(0, 64, (30,), generator=DRAWN)
PICTURES = torch.rand(30, 3, 16, 16, generator=DRAWN)
LARGER = torch.rand(30, 3, 32, 32, generator=DRAWN)
LABELS = torch.randint(0, 10, (30,), generator=DRAWN)
CANVASES = torch.rand(30, 1, 64, 64, generator=DRAWN)
BOXES = 10 + 20 * torch.rand(30, 2, 4, generator=DRAWN)
PAINTED = POINTS, PIXELS, pixel_cross_entropy
NAMED = PICTURES, LABELS, F.cross_entropy
PLACED = PICTURES[:, :1], POINTS, F.mse_loss
BYTES = (PICTURES * 255).to(torch.uint8)
BRIGHTER = OnDevice(1, lambda x, numbers: x + numbers[..., None, None])
KINDS = {
    "transposed": (partial(DeconvPainter, size=8), PAINTED, {}),
    "coordconv": (partial(CoordConvPainter, size=8), PAINTED, {}),
    "encoded": (partial(EncodedPainter, size=8), PAINTED, {}),
    "regressor": (ConvRegressor, PLACED, {}),
    "coordconv regressor": (CoordConvRegressor, PLACED, {}),
    "vae": (
        partial(VAE, width=8, size=16),
        (PICTURES, PICTURES, evidence_bound),
        {"augment": with_noise},
    ),
    "resnet": (partial(ResNet, width=0.25), NAMED, {}),
    "bytes": (
        partial(ResNet, width=0.25),
        (BYTES, LABELS, F.cross_entropy),
        {"prepare": lambda x: x / 255 - 0.5, "augment": BRIGHTER},
    ),
    "vgg": (partial(VGG, width=0.125), (LARGER, *NAMED[1:]), {}),
    "resnet, channels last": (
        lambda: ResNet(width=0.25).to(memory_format=torch.channels_last),
        *(NAMED, {}),
    ),
    # Its rounding, the largest of all, would hide what this is to hold.
    "vgg, channels last": (
        lambda: VGG(width=0.125).to(torch.double, memory_format=torch.channels_last),
        *((LARGER.double(), LABELS, F.cross_entropy), {}),
    ),
    "detector": (Detector, (CANVASES, BOXES, detection_loss), {"draw": draw_chances}),
}


def made(make, count=2):
    for seed in range(count):
        torch.manual_seed(seed)
        yield make()


@pytest.mark.parametrize("kind", KINDS)
def test_twenty_steps_of_every_kind_are_those_of_one_alone(kind):
    """To a thousandth of the loss, in float32, with their own order and samples.

    So near are two networks, by Adam at small rates, to a ten-thousandth on most
    processors and three on one; others drift further apart by rounding alone, see
    ``test_stackable``.
    """
    make, (x, y, loss), options = KINDS[kind]
    # Another file reads the kinds, too: its options stay as they are.
    options = options | {"steps": 20, "batch_size": 4, "schedule": "one-cycle"}
    own = [torch.arange(30), torch.arange(5, 29)]
    recipes = {"lr": [0.001, 0.0005], "weight_decay": [0.002, 0.0], "seed": [1, 2]}
    alone = [
        fit(model, x[i], y[i], loss, lr=lr, weight_decay=decay, seed=seed, **options)
        for model, i, lr, decay, seed in zip(
            made(make), own, *recipes.values(), strict=True
        )
    ]
    together = fit_many(list(made(make)), x, y, loss, samples=own, **recipes, **options)
    for one, other in zip(alone, together, strict=True):
        assert one.losses == pytest.approx(other.losses, rel=1e-3)
        assert one.rates == other.rates


class Layouts(TorchDispatchMode):
    """Whether the maps that each convolution is given are channels last."""

    def __init__(self):
        super().__init__()
        self.last = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func is torch.ops.aten.convolution.default:
            form = torch.channels_last
            self.last.append(args[0].is_contiguous(memory_format=form))
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("make", [VGG, ResNet, DenseNet, MobileNetV2])
def test_networks_that_are_channels_last_stay_so_in_a_stack(make, shared):
    models = [make(width=0.125).to(memory_format=torch.channels_last) for _ in "ab"]
    own = [torch.arange(30), torch.arange(30) if shared else torch.arange(5, 29)]
    recipes = {"lr": [0.1, 0.1], "weight_decay": [0.0, 0.0], "samples": own}
    x, y, loss = LARGER, LABELS, F.cross_entropy
    with Layouts() as seen:
        fit_many(models, x, y, loss, steps=1, batch_size=4, **recipes)
    assert seen.last
    assert all(seen.last)


def test_each_network_has_the_steps_of_its_own_samples():
    few = [torch.arange(len(X)), torch.arange(10)]
    options = {"epochs": 3, "batch_size": 5, "schedule": "cosine"}
    recipes = {"lr": [0.05, 0.02], "weight_decay": [0.1, 0.0], "seed": [4, 4]}
    # Statistics would go on moving if the network that is done were not let go.
    models, twins = (
        [nn.Sequential(nn.BatchNorm1d(3), line()).double() for _ in few] for _ in "ab"
    )
    look = {"measure": lambda m: {"bias": m[1].bias.item()}, "measures": 2}
    x, y = X.double(), Y.double()
    found = fit_many(
        models, x, y, F.mse_loss, samples=few, **recipes, **options, **look
    )
    assert [history.steps for history in found] == [24, 6]
    for k, own in enumerate(few):
        recipe = {name: values[k] for name, values in recipes.items()}
        history = fit(twins[k], x[own], y[own], F.mse_loss, **recipe, **options, **look)
        assert same(models[k].state_dict(), twins[k].state_dict(), 1e-9)
        assert found[k].rates == history.rates
        assert [p["step"] for p in found[k].curve] == [p["step"] for p in history.curve]
        assert found[k].curve[0]["bias"] == pytest.approx(history.curve[0]["bias"])


def test_networks_own_their_memory_again_when_they_are_trained():
    models = list(painters(CoordConvPainter))
    strides = [p.stride() for model in models for p in model.parameters()]
    paint(fit_many, models, lr=RATES, weight_decay=DECAYS)
    parameters = [p for model in models for p in model.parameters()]
    assert [p.stride() for p in parameters] == strides
    assert all(p.untyped_storage().nbytes() == 8 * p.numel() for p in parameters)


def test_weights_that_are_frozen_stay_in_a_stack():
    models = [nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 1)) for _ in range(2)]
    for model in models:
        model[0].requires_grad_(False)
    before = states(models)
    recipes = {"lr": [0.1, 0.1], "weight_decay": [0.1, 0.1]}
    fit_many(models, X, Y, F.mse_loss, steps=3, **recipes)
    for old, model in zip(before, models, strict=True):
        assert torch.equal(old["0.weight"], model[0].weight)
        assert not torch.equal(old["1.weight"], model[1].weight)


@pytest.mark.parametrize("count", [1, 2])
def test_in_mixed_precision_a_pass_is_in_bfloat16_and_the_weights_are_not(count):
    kinds = set()
    models = [line() for _ in range(count)]

    def loss(output, y):
        kinds.add(output.dtype)
        return F.mse_loss(output, y)

    [history, *_] = fit_many(
        *(models, X, Y, loss),
        lr=count * [0.05],
        weight_decay=count * [0.0],
        steps=100,
        precision="bfloat16",
    )
    assert kinds == {torch.bfloat16}
    assert models[0].weight.dtype == torch.float32
    assert history.losses[-1] < 0.01 < history.losses[0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"precision": "float16"}, "precision must be one of"),
        ({"momentum": 0.0}, "momentum must be between 0 and 1, got 0.0"),
        ({"method": "newton"}, "method must be one of 'adam', 'sgd', got 'newton'"),
        ({"seed": [1]}, "seed must be one for all or one for each of 2 models, got 1"),
        ({"samples": [torch.arange(3)]}, "samples must be one tensor"),
        (
            {"samples": [torch.arange(3), torch.arange(20)], "batch_size": 8},
            "batch_size must be no more than the samples of any network, got 8 for 3",
        ),
    ],
)
def test_what_cannot_be_stacked_says_why(change, message):
    options = {"lr": [0.1, 0.1], "weight_decay": [0, 0], "steps": 1} | change
    with pytest.raises(ValueError, match=message):
        fit_many([line(), line()], X, Y, F.mse_loss, **options)


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


@pytest.mark.parametrize("stop", [4, 6, 15])
def test_a_stack_that_was_cut_before_or_after_one_was_done_ends_the_same(
    stop, tmp_path, monkeypatch
):
    monkeypatch.setattr("coordlib.lab.training.resume.CHECKPOINT_SECONDS", 0)

    def train(models, **more):
        return fit_many(
            *(models, X, Y, F.mse_loss),
            samples=[torch.arange(10), torch.arange(40)],
            **{"lr": [0.05, 0.02], "weight_decay": [0.1, 0.1], "seed": [0, 1]},
            **{"epochs": 3, "batch_size": 5, **more},
        )

    def some():
        return [nn.Sequential(nn.BatchNorm1d(3), line()) for _ in range(2)]

    def cut(step, models):
        if step == stop:
            raise Killed

    uncut, again, file = some(), some(), tmp_path / "state.pt"
    expected = train(uncut)
    with pytest.raises(Killed):
        train(some(), checkpoint=file, callback=cut)
    found = train(again, checkpoint=file)
    for one, other in zip(states(uncut), states(again), strict=True):
        assert same(one, other)
    assert [h.losses for h in found] == [h.losses for h in expected]


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
