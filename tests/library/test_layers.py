"""What holds for every layer, wherever it is and of whatever type."""

import inspect

import pytest
import torch
from elsewhere import Elsewhere, There, back, sent
from every_layer import CHANNELS, ROWS, made
from torch import nn
from torch.testing import assert_close

from coordlib import layers

HALF = {torch.bfloat16: 3e-2, torch.float16: 4e-3}


@pytest.mark.parametrize("row", ROWS)
def test_on_the_meta_device_it_gives_the_shape_of_its_output(row):
    layer, (x, *_) = made(row)
    output = layer.to("meta")(x.to("meta"))
    assert output.is_meta
    assert output.shape == made(row)[0](x).shape


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("dtype", HALF)
def test_in_half_precision_it_computes_nearly_the_same(row, dtype, device):
    layer, (x, *_) = made(row)
    layer, x = layer.to(device, dtype), x.to(device, dtype).requires_grad_()
    output = layer(x)
    output.float().sum().backward()
    assert output.dtype == dtype and x.grad.dtype == dtype
    exact = layer.float()(x.detach().float())
    assert_close(output.float(), exact, rtol=HALF[dtype], atol=HALF[dtype])


@pytest.mark.parametrize("row", ROWS)
def test_on_every_device_it_computes_what_it_does_on_a_cpu(row, device):
    layer, (x, *_) = made(row)
    x.requires_grad_()
    found = []
    for where in torch.device("cpu"), device:
        output = layer.to(where)(x.to(where))
        assert output.device.type == where.type
        (slope,) = torch.autograd.grad(output.sin().sum(), x)
        found.append((output.cpu(), slope))
    assert_close(*found, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("row", ROWS)
def test_no_tensor_of_a_layer_stays_on_the_cpu(row):
    layer, (x, *_) = made(row)
    with Elsewhere():
        output = sent(layer)(sent(x))
    assert isinstance(output, There)
    assert_close(back(output), layer(x))


def made_with_tensors():
    """The rows whose layers have parameters or buffers by their options alone."""
    plain = [name for name in ROWS if "temperatures" not in name]
    return [name for name in plain if [*made(name)[0].parameters()] or buffers(name)]


def buffers(name):
    return [*made(name)[0].buffers()]


@pytest.mark.parametrize("row", made_with_tensors())
def test_it_takes_a_device_and_a_type(row, device):
    _, kind, args, options = ROWS[row]
    layer = kind(*args, **options, device=device, dtype=torch.float16)
    for tensor in [*layer.parameters(), *layer.buffers()]:
        assert tensor.dtype == torch.float16 and tensor.device.type == device.type
    assert all(t.is_meta for t in kind(*args, **options, device="meta").buffers())


@pytest.mark.parametrize("row", made_with_tensors())
def test_it_can_be_made_without_initialisation(row):
    _, kind, args, options = ROWS[row]
    assert {"device", "dtype"} <= inspect.signature(kind).parameters.keys()
    layer = nn.utils.skip_init(kind, *args, **options)
    reference, (x, *_) = made(row)
    if "Blur" not in row:  # whose filter nobody would load
        layer.load_state_dict(reference.state_dict())
    assert torch.equal(layer(x), reference(x))


@pytest.mark.parametrize(
    "kind", [layers.FourierFeatures, layers.SinusoidalEncoding, layers.LearnedEncoding]
)
def test_encodings_can_be_made_on_the_meta_device_and_materialised(kind):
    with torch.device("meta"):
        layer = kind()
    layer = layer.to_empty(device="cpu")
    torch.manual_seed(0)
    layer.reset_parameters()
    torch.manual_seed(0)
    x = torch.rand(5, 2)
    torch.manual_seed(0)
    assert torch.equal(layer(x), kind()(x))


@pytest.mark.parametrize("dtype", [torch.int64, torch.uint8])
def test_a_filter_of_integers_is_refused(dtype):
    for make in layers.BlurPool2d, lambda dtype: layers.MaxBlurPool2d(2, dtype=dtype):
        with pytest.raises(TypeError, match="dtype must be a floating point type"):
            make(dtype=dtype)


def test_the_table_leaves_no_layer_out():
    kinds = {kind for _, kind, *_ in ROWS.values()}
    every = {getattr(layers, name) for name in layers.__all__}
    assert {kind for kind in every if isinstance(kind, type)} <= kinds
    assert CHANNELS == made("AddCoords-2")[1][0].shape[1]
