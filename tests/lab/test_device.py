import pytest
import torch

from coordlib.lab.record.device import best_device
from coordlib.lab.training.device import device_seconds


@pytest.fixture
def machine(monkeypatch):
    """Pretend to be a machine with these accelerators."""

    def pretend(cuda=0, mps=False):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)

    return pretend


def test_a_machine_without_accelerators_gets_the_cpu(machine):
    """A port tests the function ``is_available`` itself, which is always true."""
    machine()
    assert best_device() == torch.device("cpu")


def test_cuda_comes_before_mps_and_mps_before_the_cpu(machine):
    machine(cuda=1, mps=True)
    assert best_device() == torch.device("cuda")
    machine(mps=True)
    assert best_device() == torch.device("mps")


def test_a_device_asked_for_is_given_if_it_is_there(machine):
    machine(cuda=2)
    for request in ["cpu", "cuda", "cuda:1", torch.device("cuda", 1)]:
        assert best_device(request) == torch.device(request)


@pytest.mark.parametrize("request_", ["cuda", "mps", "cuda:0", torch.device("cuda")])
def test_a_device_that_is_not_there_is_refused(machine, request_):
    machine()
    with pytest.raises(ValueError, match=r"not on this machine.*accepted: auto, cpu"):
        best_device(request_)


def test_a_device_number_that_is_too_high_is_refused(machine):
    machine(cuda=1)
    with pytest.raises(ValueError, match=r"'cuda:1' .* 1 cuda device"):
        best_device("cuda:1")


def test_a_request_that_names_no_device_is_refused(machine):
    machine(cuda=1)
    with pytest.raises(ValueError, match="one of auto, cuda, cpu; got 'gpu'"):
        best_device("gpu")
    with pytest.raises(TypeError, match=r"string or a torch.device, got int"):
        best_device(0)


@pytest.mark.parametrize("kind", ["cuda", "mps"])
def test_the_clock_waits_for_a_gpu_where_torch_has_no_accelerator_module(
    kind, monkeypatch
):
    waited = []
    monkeypatch.delattr(torch, "accelerator")
    monkeypatch.setattr(
        getattr(torch, kind), "synchronize", lambda *device: waited.append(kind)
    )
    assert device_seconds(torch.device(kind)) >= 0
    assert waited == [kind]


def test_the_clock_never_goes_backwards(device):
    first = device_seconds(device)
    torch.ones(8, device=device).sum()
    assert device_seconds(device) >= first
