"""On every device present: what a CPU computes, and no tensor left behind."""

import copy

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from coordlib import layers, probe, surgery
from coordlib.lab.models import handmade
from coordlib.lab.training.loop import fit

# Each for pictures of three channels.
LAYERS = {
    "AddCoords": lambda: layers.AddCoords(),
    "CoordConv2d": lambda: layers.CoordConv2d(3, 4, 3, padding=1),
    "CoordConv2d on a ring": lambda: layers.CoordConv2d(
        3, 4, 3, padding=1, padding_mode="circular"
    ),
    "CoordConvTranspose2d": lambda: layers.CoordConvTranspose2d(3, 4, 4, 2, 1),
    "BlurPool2d": lambda: layers.BlurPool2d(3),
    "MaxBlurPool2d": lambda: layers.MaxBlurPool2d(2),
    "PolyphasePool2d": lambda: layers.PolyphasePool2d(2),
    "SoftArgmax2d": lambda: layers.SoftArgmax2d(),
}


def picture(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def network() -> nn.Sequential:
    """A small network with every kind of stride that surgery mends."""
    torch.manual_seed(0)
    return nn.Sequential(
        *(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.MaxPool2d(3, 2, 1)),
        *(nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2)),
        *(nn.Flatten(), nn.LazyLinear(5)),
    ).eval()


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_computes_there_what_it_computes_on_the_cpu(name, device):
    layer, x = LAYERS[name](), picture(2, 3, 12, 10)
    there = copy.deepcopy(layer).to(device)
    found = []
    for f, at in ((layer, "cpu"), (there, device)):
        leaf = x.to(at).requires_grad_()
        y = f(leaf)
        (y**2).sum().backward()
        assert y.device == leaf.device
        gradients = [leaf.grad, *(p.grad for p in f.parameters())]
        found.append([t.detach().cpu() for t in (y, *gradients)])
    assert_close(*found, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_is_made_on_the_default_device(name, device):
    with torch.device(device):
        layer = LAYERS[name]()
    assert layer(picture(1, 3, 8, 8).to(device)).device.type == device.type


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("change", [surgery.antialias, surgery.coordify])
def test_a_network_is_changed_where_it_is_and_as_it_is(change, dtype, device):
    model, x = network(), picture(2, 3, 32, 32)
    model(x)  # the last layer learns its size
    wanted = change(model)[0].eval()(x)
    changed = change(model.to(device, dtype))[0].eval()
    for tensor in (*changed.parameters(), *changed.buffers()):
        assert tensor.device.type == device.type
    got = changed(x.to(device, dtype))
    assert got.device.type == device.type and got.dtype == dtype
    if dtype == torch.float32:
        assert_close(got.cpu(), wanted, rtol=1e-3, atol=1e-4)


def test_the_probe_finds_there_what_it_finds_on_the_cpu(device):
    conv, x = nn.Conv2d(1, 1, 3, 2, 1).requires_grad_(False), picture(1, 1, 12, 12)
    here = probe(conv, x, [(0, 1), (2, 2)], stride=2)
    there = probe(conv.to(device), x.to(device), [(0, 1), (2, 2)], stride=2)
    assert_close(
        torch.as_tensor(there.errors).cpu(), torch.as_tensor(here.errors).cpu()
    )


def test_the_handmade_decoder_is_right_there(device):
    images = handmade.paint_pixel(torch.tensor([[3, 4], [0, 7]]), (9, 8)).to(device)
    wanted = torch.tensor([[3.0, 4.0], [0.0, 7.0]], device=device)
    assert_close(handmade.decode(images), wanted)


def test_a_network_is_trained_where_it_is(device):
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, 1)).to(device)
    x = picture(32, 1, 3, 4)
    history = fit(model, x, x.mean((1, 2, 3))[:, None], nn.MSELoss(), steps=50, lr=0.05)
    assert history.losses[-1] < history.losses[0]
    assert next(model.parameters()).device.type == device.type
