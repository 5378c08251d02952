"""On an accelerator: what a CPU computes, and no tensor left behind.

Skipped where there is none; ``ON_DEVICE`` names a device, the CPU too.
"""

import copy
import os

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from coordlib import layers, probe, surgery
from coordlib.lab.models import handmade
from coordlib.lab.record.device import best_device
from coordlib.lab.training.loop import fit

DEVICE = best_device(os.environ.get("ON_DEVICE", "auto"))

pytestmark = pytest.mark.skipif(
    DEVICE.type == "cpu" and "ON_DEVICE" not in os.environ,
    reason="there is no accelerator",
)

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


@pytest.fixture(autouse=True)
def exact(monkeypatch):
    """Convolve in full single precision, as a CPU does."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)


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
def test_a_layer_computes_there_what_it_computes_on_the_cpu(name):
    layer, x = LAYERS[name](), picture(2, 3, 12, 10)
    there = copy.deepcopy(layer).to(DEVICE)
    found = []
    for f, at in ((layer, "cpu"), (there, DEVICE)):
        leaf = x.to(at).requires_grad_()
        y = f(leaf)
        (y**2).sum().backward()
        assert y.device == leaf.device
        gradients = [leaf.grad, *(p.grad for p in f.parameters())]
        found.append([t.detach().cpu() for t in (y, *gradients)])
    assert_close(*found, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_is_made_on_the_default_device(name):
    with torch.device(DEVICE):
        layer = LAYERS[name]()
    assert layer(picture(1, 3, 8, 8).to(DEVICE)).device.type == DEVICE.type


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("change", [surgery.antialias, surgery.coordify])
def test_a_network_is_changed_where_it_is_and_as_it_is(change, dtype):
    model, x = network(), picture(2, 3, 32, 32)
    model(x)  # the last layer learns its size
    wanted = change(model)[0].eval()(x)
    changed = change(model.to(DEVICE, dtype))[0].eval()
    for tensor in (*changed.parameters(), *changed.buffers()):
        assert tensor.device.type == DEVICE.type
    got = changed(x.to(DEVICE, dtype))
    assert got.device.type == DEVICE.type and got.dtype == dtype
    if dtype == torch.float32:
        assert_close(got.cpu(), wanted, rtol=1e-3, atol=1e-4)


def test_the_probe_finds_there_what_it_finds_on_the_cpu():
    conv, x = nn.Conv2d(1, 1, 3, 2, 1).requires_grad_(False), picture(1, 1, 12, 12)
    here = probe(conv, x, [(0, 1), (2, 2)], stride=2)
    there = probe(conv.to(DEVICE), x.to(DEVICE), [(0, 1), (2, 2)], stride=2)
    assert_close(
        torch.as_tensor(there.errors).cpu(), torch.as_tensor(here.errors).cpu()
    )


def test_the_handmade_decoder_is_right_there():
    images = handmade.paint_pixel(torch.tensor([[3, 4], [0, 7]]), (9, 8)).to(DEVICE)
    wanted = torch.tensor([[3.0, 4.0], [0.0, 7.0]], device=DEVICE)
    assert_close(handmade.decode(images), wanted)


def test_a_network_is_trained_where_it_is():
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, 1)).to(DEVICE)
    x = picture(32, 1, 3, 4)
    history = fit(model, x, x.mean((1, 2, 3))[:, None], nn.MSELoss(), steps=50, lr=0.05)
    assert history.losses[-1] < history.losses[0]
    assert next(model.parameters()).device.type == DEVICE.type
