"""What a stack of networks holds, what it cannot, and what it leaves behind."""

import copy
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from small_trainings import Killed, same
from test_stacked import LABELS, PICTURES, made
from torch import nn
from torch.testing import assert_close

from coordlib.lab.models.cifar import ResNet
from coordlib.lab.training import CheckpointError, fit, fit_many
from coordlib.lab.training.augmentation import OnDevice
from coordlib.lab.training.stack import NetworkStack

X = torch.randn(12, 4, 6, 6, generator=torch.Generator().manual_seed(0))
Y = torch.randn(12, 1, generator=torch.Generator().manual_seed(1))
WORDS = torch.randint(0, 5, (12, 6), generator=torch.Generator().manual_seed(2))
RECIPE = {"steps": 5, "batch_size": 4}


def together(models, x=X, loss=F.mse_loss, **options):
    each = {"lr": [0.05] * len(models), "weight_decay": [0.1] * len(models)}
    each |= {"seed": list(range(len(models)))}
    return fit_many(models, x, Y, loss, **each | RECIPE | options)


def alone(models, x=X, **options):
    how = {"lr": 0.05, "weight_decay": 0.1} | RECIPE | options
    return [fit(m, x, Y, F.mse_loss, seed=k, **how) for k, m in enumerate(models)]


def ends_as_alone(make, x=X, **options):
    torch.manual_seed(0)
    models = [make(), make()]
    twins = copy.deepcopy(models)
    found, expected = together(models, x, **options), alone(twins, x, **options)
    for one, other in zip(found, expected, strict=True):
        assert_close(one.losses, other.losses, rtol=1e-4, atol=1e-5)
    for one, other in zip(models, twins, strict=True):
        assert_close(one.state_dict(), other.state_dict(), rtol=1e-3, atol=1e-4)


def ending(count=144):
    return nn.Flatten(), nn.Linear(count, 1)


class Counting(nn.Sequential):
    """Puts a new tensor in the place of its buffers in every pass."""

    def __init__(self):
        super().__init__(*ending())
        self.register_buffer("count", torch.zeros((), dtype=torch.long))
        self.register_buffer("seen", torch.zeros(4))

    def forward(self, x):
        self.count = self.count + 1
        self.seen = self.seen + x.sum((0, 2, 3))
        return super().forward(x)


class Idle(nn.Sequential):
    """Has a layer that takes no part."""

    def __init__(self):
        super().__init__(*ending())
        self.idle = nn.Linear(3, 3)

    def forward(self, x):
        return self[1](self[0](x))


def grouped():
    layers = nn.Conv2d(4, 4, 3, padding=1), nn.GroupNorm(2, 4), nn.Conv2d(4, 4, 1)
    return nn.Sequential(*layers, *ending()).to(memory_format=torch.channels_last)


def padded():
    return nn.Sequential(nn.Embedding(5, 3, padding_idx=1), *ending(18))


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("make", [Counting, Idle, grouped, padded])
def test_a_network_ends_in_a_stack_as_alone(make, shared):
    x = WORDS if make is padded else X
    if not shared:
        ends_as_alone(make, x)
        return
    models = [make(), make()]
    twins = copy.deepcopy(models)
    together(models, x, seed=0)
    for model, twin in zip(models, twins, strict=True):
        fit(twin, x, Y, F.mse_loss, lr=0.05, weight_decay=0.1, **RECIPE)
        assert_close(model.state_dict(), twin.state_dict(), rtol=1e-3, atol=1e-4)


def test_a_layer_that_takes_no_part_stays_as_it_was():
    models = [Idle(), Idle()]
    before = [model.idle.weight.clone() for model in models]
    together(models, method="sgd")
    assert torch.equal(models[0].idle.weight, before[0])
    assert torch.equal(models[1].idle.weight, before[1])


def test_a_buffer_keeps_its_shape():
    class Growing(Counting):
        def forward(self, x):
            self.seen = torch.cat([self.seen, self.seen])
            return nn.Sequential.forward(self, x)

    with pytest.raises(ValueError, match=r"shape in a stack; seen was \(4,\) and is"):
        together([Growing(), Growing()])


MIXED = {
    "prepare": {"prepare": lambda x: x - x.mean()},
    "change": {"augment": OnDevice(1, lambda x, n: x * (1 + n.mean()) - x.mean())},
}


@pytest.mark.parametrize("way", MIXED)
def test_what_looks_at_a_whole_batch_sees_that_of_one_network(way):
    ends_as_alone(lambda: nn.Sequential(*ending()), **MIXED[way])


class Forgetful(nn.Sequential):
    """Draws random numbers by a function, not by a layer."""

    def forward(self, x):
        return F.dropout(super().forward(x), 0.5, self.training)


def forgetful():
    return nn.Sequential(nn.Identity(), Forgetful(*ending()))


def with_layer(layer):
    return lambda: nn.Sequential(layer(), *ending())


def with_cell():
    return nn.Sequential(nn.Flatten(), nn.GRUCell(144, 1))


attending = partial(nn.MultiheadAttention, 4, 2, dropout=0.5)
HELD = {
    "dropout": (with_layer(nn.Dropout), r"'0' \(Dropout\), which draws random"),
    "rrelu": (with_layer(nn.RReLU), r"'0' \(RReLU\), which draws random"),
    "lstm": (with_layer(partial(nn.LSTM, 6, 6)), r"'0' \(LSTM\), which torch.vmap"),
    "cell": (with_cell, r"'1' \(GRUCell\), which torch.vmap"),
    "attention": (with_layer(attending), r"'0' \(MultiheadAttention\), which draws"),
    "average": (
        with_layer(partial(nn.BatchNorm2d, 4, momentum=None)),
        r"'0' \(BatchNorm2d\), which must have a momentum, not None",
    ),
    "function": (forgetful, r"work in a stack; '1' does not \(vmap: .*random"),
}


@pytest.mark.parametrize("kind", HELD)
def test_what_a_stack_cannot_hold_is_named_before_anything_is_trained(kind):
    make, message = HELD[kind]
    models = [make(), make()]
    before = copy.deepcopy([model.state_dict() for model in models])
    with pytest.raises(ValueError, match=message + r".*; train each alone, with fit$"):
        together(models)
    assert all(map(same, before, [model.state_dict() for model in models]))


def test_a_loss_that_does_not_work_in_a_stack_is_named():
    def loss(output, y):
        return F.mse_loss(output, y) * (1 if output.sum().item() > 0 else 2)

    with pytest.raises(ValueError, match=r"work in a stack; the loss does not \(vmap"):
        together([nn.Sequential(*ending()) for _ in "ab"], loss=loss)


def test_what_draws_in_training_only_may_stay_in_evaluation():
    class Still(nn.Sequential):
        def train(self, mode=True):
            super().train(mode)
            self[0].eval()
            return self

    ends_as_alone(lambda: Still(nn.Dropout(), *ending()))


def hooked(place):
    model = nn.Sequential(*ending())
    {
        "forward": lambda: model[1].register_forward_hook(lambda *_: None),
        "before": lambda: model.register_forward_pre_hook(lambda *_: None),
        "backward": lambda: model[1].register_full_backward_hook(lambda *_: None),
        "weight": lambda: model[1].weight.register_hook(lambda g: 2 * g),
    }[place]()
    return model


@pytest.mark.parametrize("place", ["forward", "before", "backward", "weight"])
def test_a_hook_of_any_network_is_refused(place):
    where = {"before": "the network itself", "weight": "'1.weight'"}.get(place, "'1'")
    plain = nn.Sequential(*ending())
    with pytest.raises(ValueError, match=f"no hooks .*, got one on {where}; train"):
        together([plain, hooked(place)])


class Scaled(nn.Sequential):
    """A network with an attribute that no weight holds, and its text does not tell."""

    def __init__(self, gain):
        super().__init__(*ending())
        self.gain = gain


def times(held):
    return lambda x: held * x


VALUES = {
    "numbers": (2.0, 3.0),
    "kinds": (2, 2.0),
    "lists": ([1, 2], [1, 3]),
    "names": ({"a": 1}, {"b": 1}),
    "tensors": (torch.ones(2), torch.zeros(2)),
    "functions": (F.relu, F.gelu),
    "classes": (nn.ReLU, nn.Tanh),
    "methods": (torch.Tensor.relu, torch.Tensor.tanh),
    "options": (partial(F.softmax, dim=0), partial(F.softmax, dim=1)),
    "held": tuple((lambda x, held=held: held * x) for held in (1, 2)),
    "enclosed": (times(1), times(2)),
}


@pytest.mark.parametrize("kind", VALUES)
def test_networks_that_hold_other_values_are_not_of_one_shape(kind):
    models = [nn.Sequential(Scaled(value)) for value in VALUES[kind]]
    with pytest.raises(ValueError, match=r"of one shape .*; gain of '0' differs"):
        together(models)


@pytest.mark.parametrize("kind", VALUES)
def test_networks_that_hold_equal_values_are_of_one_shape(kind):
    value = VALUES[kind][0]
    together([Scaled(value), Scaled(copy.deepcopy(value))], steps=1)


def test_networks_of_another_forward_are_not_of_one_shape():
    def make(gain):
        class Gained(nn.Sequential):
            def forward(self, x):
                return gain * self[1](self[0](x))

        return Gained(*ending())

    together([make(2.0), make(2.0)], steps=1)
    with pytest.raises(ValueError, match="forward of the network itself differs"):
        together([make(2.0), make(3.0)])


def test_parametrised_layers_are_of_one_shape():
    def normed():
        return nn.Sequential(
            nn.Flatten(), nn.utils.parametrizations.weight_norm(nn.Linear(144, 1))
        )

    ends_as_alone(normed)


def test_weights_of_two_types_make_no_stack():
    models = [nn.Sequential(nn.Linear(6, 6).double(), nn.Linear(6, 1)) for _ in "ab"]
    with pytest.raises(
        ValueError, match=r"one type .*, got torch.float32, torch.float"
    ):
        together(models)


@pytest.mark.parametrize("error", [Killed, KeyboardInterrupt])
def test_networks_own_what_they_have_learned_when_a_training_fails(error):
    def fails(step, models):
        if step == 3:
            raise error

    models, twins = (list(made(lambda: nn.Sequential(*ending()))) for _ in "ab")
    with pytest.raises(error):
        together(models, callback=fails)
    together(twins, steps=3)
    for model, twin in zip(models, twins, strict=True):
        assert same(model.state_dict(), twin.state_dict())
        assert all(p.untyped_storage().nbytes() == p.nbytes for p in model.parameters())


def test_networks_own_their_memory_when_a_checkpoint_is_refused(tmp_path):
    models = list(made(lambda: nn.Sequential(*ending())))
    file = tmp_path / "state.pt"
    file.write_bytes(b"no checkpoint")
    before = copy.deepcopy([model.state_dict() for model in models])
    with pytest.raises(CheckpointError):
        together(models, checkpoint=file)
    for model, state in zip(models, before, strict=True):
        assert same(model.state_dict(), state)
        assert all(p.untyped_storage().nbytes() == p.nbytes for p in model.parameters())


FIRST, LAST = torch.arange(8), torch.arange(4, 12)
CHANGES = {
    "inputs": ({"x": X + 1}, "inputs"),
    "targets": ({"y": Y + 1}, "targets"),
    "order": ({"samples": (LAST, LAST)}, "which samples"),
}


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("kind", CHANGES)
def test_a_checkpoint_of_other_samples_is_refused(kind, count, tmp_path):
    file = tmp_path / "state.pt"

    def train(x=X, y=Y, samples=(FIRST, FIRST)):
        models = [nn.Sequential(*ending()) for _ in range(count)]
        how = {"lr": [0.1] * count, "weight_decay": [0.0] * count}
        how |= {"samples": list(samples)[:count], "checkpoint": file}
        fit_many(models, x, y, F.mse_loss, **how, **RECIPE)

    change, name = CHANGES[kind]
    train()
    train()  # the same goes on
    with pytest.raises(CheckpointError, match=f"it differs in {name}; delete"):
        train(**change)


@pytest.mark.parametrize("name", ["inputs", "targets"])
def test_alone_too_a_checkpoint_of_other_samples_is_refused(name, tmp_path):
    def train(x=X, y=Y):
        how = {"lr": 0.1, "checkpoint": tmp_path / "state.pt"} | RECIPE
        fit(nn.Sequential(*ending()), x, y, F.mse_loss, **how)

    train()
    with pytest.raises(CheckpointError, match=f"it differs in {name}; delete"):
        train(**({"x": X + 1} if name == "inputs" else {"y": Y + 1}))


@pytest.mark.parametrize(
    ("kind", "tolerance"), [(torch.float32, 0.05), (torch.float64, 1e-6)]
)
def test_by_momentum_rounding_alone_leads_seven_resnets_apart(kind, tolerance):
    """By .002 of the loss in twenty steps of float32; more on another processor.

    So it does a network alone whose weights differ in the last bit. In float64 they
    stay together: a fault would show there.
    """
    x, how = PICTURES.to(kind), {"steps": 20, "batch_size": 4, "method": "sgd"}
    models, twins = (
        list(
            made(
                lambda: ResNet(width=0.125).to(kind, memory_format=torch.channels_last),
                7,
            )
        )
        for _ in "ab"
    )
    recipes = {"lr": [0.001] * 7, "weight_decay": [0.0] * 7, "seed": list(range(7))}
    found = fit_many(models, x, LABELS, F.cross_entropy, **recipes, **how)
    for k, (twin, history) in enumerate(zip(twins, found, strict=True)):
        one = fit(twin, x, LABELS, F.cross_entropy, lr=0.001, seed=k, **how)
        assert history.losses[0] == pytest.approx(one.losses[0], rel=1e-6)
        assert history.losses == pytest.approx(one.losses, rel=tolerance)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.complex64])
def test_weights_of_a_type_without_a_fused_step_are_refused(dtype):
    models = [nn.Linear(2, 2, dtype=dtype) for _ in range(2)]
    with pytest.raises(ValueError, match="float32 or float64 to be trained side by"):
        NetworkStack(models)
