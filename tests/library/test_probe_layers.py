"""Layer by layer: where a network loses equivariance, and where it never does."""

from fractions import Fraction

import pytest
import torch
from torch import nn

from coordlib import MaxBlurPool2d, PolyphasePool2d, probe, probe_layers

SHIFTS = [(i, j) for i in range(3) for j in range(4)]


def picture(size=16):
    return torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(0))


def vgg(pool):
    """Three blocks on a ring, and a head."""
    torch.manual_seed(0)
    blocks = [
        part
        for n, m in ((3, 8), (8, 8), (8, 8))
        for part in (
            nn.Conv2d(n, m, 3, padding=1, padding_mode="circular"),
            nn.BatchNorm2d(m),
            nn.ReLU(inplace=True),
            pool(),
        )
    ]
    head = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(), nn.Linear(8, 5)
    return nn.Sequential(*blocks, *head)


def hooks(model):
    return [hook for module in model.modules() for hook in module._forward_hooks]


def test_max_pooling_loses_it_at_the_first_pool_and_polyphase_pooling_never():
    found = probe_layers(vgg(lambda: nn.MaxPool2d(2)), picture(), SHIFTS)
    assert found.first_inexact == "3"
    assert all(found.probes[name].is_exact for name in ("0", "1", "2"))
    assert not any(one.is_exact for name, one in found.probes.items() if int(name) > 2)
    even = [s for s in SHIFTS if s[0] % 2 == 0 and s[1] % 2 == 0]
    assert found.probes["3"].exact == even
    one = picture()[:1]  # each picture has a grid of its own
    kept = probe_layers(vgg(lambda: PolyphasePool2d(2)), one, SHIFTS)
    assert kept.first_inexact is None
    assert [p.kind for p in kept.probes.values()][-4:] == ["invariance"] * 4


def test_each_layer_is_found_as_if_it_were_the_last():
    model, x = vgg(lambda: nn.MaxPool2d(2)).eval(), picture()
    found = probe_layers(model, x, SHIFTS, between="linear")
    for n, name in enumerate(found.probes):
        alone = probe(model[: n + 1], x, SHIFTS, between="linear")
        assert torch.equal(found.probes[name].maps, alone.maps)
        assert found.probes[name].stride == alone.stride


def test_an_activation_in_place_changes_nothing_before_it():
    layers = nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.ReLU()
    model, x = nn.Sequential(*layers).eval(), picture()
    bias = torch.linspace(-1, 1, 16)
    layers[1].register_forward_hook(lambda module, given, output: output + bias)
    apart = probe_layers(model, x, [(0, 3)])
    layers[2].inplace = True
    in_place = probe_layers(model, x, [(0, 3)])
    for name in "0", "1", "2":
        assert torch.equal(apart.probes[name].errors, in_place.probes[name].errors)


def test_strides_add_up_where_borders_are_lost():
    convs = [nn.Conv2d(3, 3, 11, 4, 2), *(nn.MaxPool2d(3, 2) for _ in range(3))]
    found = probe_layers(nn.Sequential(*convs), picture(224), [(0, 32)])
    assert [p.stride[0] for p in found.probes.values()] == [4, 8, 16, 32]


def test_strides_add_up_where_functions_change_the_size_unseen():
    class Pooled(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Conv2d(3, 3, 3), nn.Conv2d(3, 3, 3)

        def forward(self, x):
            for _ in range(2):
                x = nn.functional.max_pool2d(self.first(x), 2)
            return self.second(nn.functional.interpolate(x, scale_factor=2))

    found = probe_layers(Pooled(), picture(26), [(0, 4)])
    assert [p.stride[0] for p in found.probes.values()] == [1, 2, 2]


def test_an_upsampler_takes_the_stride_back():
    layers = nn.MaxPool2d(4), nn.Upsample(scale_factor=2), nn.Upsample(scale_factor=4)
    found = probe_layers(nn.Sequential(*layers), picture(), [(4, 8)])
    strides = [p.stride[0] for p in found.probes.values()]
    assert strides == [4, 2, Fraction(1, 2)]
    assert found.first_inexact is None


class Shared(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.act = nn.Conv2d(3, 3, 1), nn.ReLU()

    def forward(self, x):
        return {"out": self.act(self.conv(self.act(x))), "aux": x}


def test_a_blurred_pool_has_the_stride_of_the_pool():
    blurred = nn.Sequential(nn.Conv2d(3, 3, 3), MaxBlurPool2d(2), MaxBlurPool2d(2))
    found = probe_layers(blurred, picture(22), [(0, 4)])
    assert [p.stride[0] for p in found.probes.values()] == [1, 2, 4]


def test_a_module_that_is_called_twice_is_reported_twice():
    assert list(probe_layers(Shared(), picture(), [1]).probes) == [
        "act",
        "conv",
        "act (2)",
    ]


def test_named_layers_need_not_be_leaves():
    model = nn.Sequential(Shared().conv, nn.Sequential(nn.ReLU(), nn.MaxPool2d(2)))
    found = probe_layers(model, picture(), [(0, 1)], layers=["", "1"])
    assert list(found.probes) == ["1", "(the model)"]
    assert list(probe_layers(model, picture(), [1], layers=["1.*"]).probes) == [
        "1.0",
        "1.1",
    ]


def test_a_dict_is_skipped_or_a_part_of_it_selected():
    everything = {"layers": ["*"]}
    found = probe_layers(Shared(), picture(), [1], **everything)
    assert list(found.skipped) == ["(the model)"]
    assert "dict; select= picks" in found.skipped["(the model)"]
    found = probe_layers(Shared(), picture(), [1], select="out", **everything)
    assert not found.skipped
    assert found.probes["(the model)"].is_exact


def test_integers_are_skipped():
    class Labels(nn.Module):
        def forward(self, x):
            return x.argmax(1, keepdim=True)

    model = nn.Sequential(nn.Conv2d(3, 3, 1), Labels())
    skipped = probe_layers(model, picture(), [1]).skipped
    assert skipped == {"1": "it gives torch.int64, which is not floating point"}


def test_a_function_can_bring_tokens_back_into_a_picture():
    class Tokens(nn.Module):
        def forward(self, x):
            return x.flatten(2).mT

    found = probe_layers(
        nn.Sequential(Tokens(), nn.Linear(3, 3)),
        picture(),
        [(0, 1), (2, 0)],
        select=lambda y: y.mT.unflatten(2, (16, 16)),
    )
    assert found.first_inexact is None
    with pytest.raises(ValueError, match=r"layers must be modules .* \(2, 256, 3\)"):
        probe_layers(Tokens(), picture(), [1])


@pytest.mark.parametrize("training", [True, False])
def test_the_model_stays_as_it_was(training):
    model, x = vgg(lambda: nn.MaxPool2d(2)).train(training), picture()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    probe_layers(model, x, SHIFTS)
    assert all(module.training is training for module in model.modules())
    assert not hooks(model)
    for key, value in model.state_dict().items():
        assert torch.equal(value, before[key])


def test_no_hook_stays_when_the_model_raises():
    model = nn.Sequential(nn.Conv2d(3, 3, 1), nn.Linear(3, 3)).train()
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        probe_layers(model, picture(), [1])
    assert not hooks(model)
    assert model.training


def test_a_network_that_calls_other_layers_is_refused():
    class Fickle(Shared):
        def forward(self, x):
            return self.act(x) if x[0, 0, 0, 0] > 0.5 else self.conv(x)

    x = picture()
    x[0, 0, 0, 0], x[0, 0, 0, -1] = 0, 1
    with pytest.raises(ValueError, match=r"other modules for shift \(1,\)"):
        probe_layers(Fickle(), x, [1])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"layers": ["blocks.*"]}, "no module has a name like 'blocks"),
        ({"layers": "0"}, "layers must be a sequence of patterns"),
        ({"shifts": []}, "at least one shift"),
        ({"shifts": [(16, 0)], "mode": "zero"}, r"at 0, shift \(16, 0\) leaves no"),
        ({"select": 1.5}, "select must be a key"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    given = {"shifts": [(0, 1)]} | arguments
    with pytest.raises((ValueError, TypeError), match=message):
        probe_layers(vgg(lambda: nn.MaxPool2d(2)), picture(), **given)


def test_the_table_has_a_line_for_each_layer():
    model = nn.Sequential(nn.Conv2d(3, 3, 1), nn.MaxPool2d((2, 1)), nn.Flatten())
    table = str(probe_layers(model, picture(), [(0, 1), (0, 2), (1, 0)])).splitlines()
    assert table[0].split() == "layer module size stride exact mean error worst".split()
    assert table[1].split()[:6] == ["0", "Conv2d", "16", "x", "16", "1"]
    assert "MaxPool2d  8 x 16   2 x 1   2 of 3" in table[2]
    assert "Flatten    -        -       0 of 3" in table[3]
    assert table[-1] == "first inexact: 1"
    assert len({len(line.rstrip()) for line in table[:4]}) <= 2


class Centred(nn.Module):
    """Writes into what it is given."""

    def forward(self, x):
        x -= 0.5
        return x


@pytest.mark.parametrize("mode", ["circular", "cropped"])
def test_a_network_that_writes_into_its_input_leaves_the_picture_alone(mode):
    x = picture()
    before = x.clone()
    found = probe_layers(nn.Sequential(Centred()), x, [(0, 1), (1, 1)], mode=mode)
    assert found.first_inexact is None and torch.equal(x, before)


class Nothing(nn.Module):
    def forward(self, x):
        return x[:, :0]


def test_an_output_without_values_is_skipped():
    net = nn.Sequential(nn.Conv2d(3, 3, 1), Nothing())
    found = probe_layers(net, picture(), [(0, 1)])
    assert found.first_inexact is None
    assert "holds no values" in found.skipped["1"]


def test_the_borders_that_a_lenet_loses_hide_no_stride():
    lenet = nn.Sequential(
        *(nn.Conv2d(1, 6, 5), nn.Tanh(), nn.AvgPool2d(2)),
        *(nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2)),
    )
    found = probe_layers(lenet, torch.rand(1, 1, 36, 36), [(0, 4)], mode="cropped")
    assert found.first_inexact is None
    assert found.probes["5"].stride == (4, 4)


def test_layers_of_a_compiled_network_are_watched():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU()).eval()
    compiled = torch.compile(net, backend="eager")
    x = torch.rand(1, 1, 8, 8)
    with torch.no_grad():
        compiled(x)
    found = probe_layers(compiled, x, [(0, 1)], mode="cropped")
    assert len(found.probes) >= 2
