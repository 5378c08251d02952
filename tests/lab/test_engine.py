"""What a step asks of a device: counted right, and nothing brought from the host."""

from collections import Counter
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from test_stacked import KINDS
from torch import nn

from benchmarks import engine, kernels
from coordlib.lab.models.cifar import VGG, ResNet
from coordlib.lab.training.loop import fit
from coordlib.lab.training.stacked import SideBySide


def counted(call, *tensors):
    with kernels.Counter() as counter:
        call(*tensors)
    return counter


def test_a_matrix_product_is_two_operations_a_term():
    [kernel] = counted(torch.mm, torch.ones(3, 4), torch.ones(4, 5)).kernels
    assert kernel.operations == 2 * 3 * 4 * 5
    assert kernel.bytes == 4 * (3 * 4 + 4 * 5 + 3 * 5)


@pytest.mark.parametrize("groups", [1, 2])
def test_a_convolution_and_both_of_its_gradients_are_counted(groups):
    conv = nn.Conv2d(4, 6, 3, groups=groups, bias=False, device="meta")
    x = torch.ones(2, 4, 8, 8, device="meta", requires_grad=True)
    forward = 2 * (2 * 6 * 6 * 6) * (4 // groups * 9)
    kernels = counted(lambda: conv(x).sum().backward()).kernels
    assert sorted(k.operations for k in kernels if k.operations) == 3 * [forward]


def test_each_gradient_of_a_convolution_moves_its_own_numbers_only():
    conv = nn.Conv2d(4, 6, 3, bias=False, device="meta")
    x = torch.ones(2, 4, 8, 8, device="meta", requires_grad=True)
    arriving, own, weight = 2 * 6 * 6 * 6, x.numel(), conv.weight.numel()
    of_x, of_weight = counted(lambda: conv(x).square().sum().backward()).kernels[-2:]
    assert of_x.bytes == of_weight.bytes == 4 * (arriving + own + weight)


def test_half_the_bytes_are_multiplied_in_half_the_time():
    h100 = kernels.H100
    whole, half = (kernels.Kernel("mm", 1e12, 0, size) for size in (4, 2))
    assert whole.seconds(h100) == 2 * half.seconds(h100)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("make", [VGG, ResNet])
def test_networks_without_numbers_take_the_kernels_of_those_with_them(make, precision):
    def taken(device):
        def made():
            with torch.device(device):
                return make(width=0.125).to(memory_format=torch.channels_last)

        x, y = torch.zeros(8, 3, 32, 32), torch.zeros(8, dtype=torch.long)
        data = [x.to(device), y.to(device), F.cross_entropy]
        trainer = engine.trainer_of(
            SideBySide, made, 2, data, batch=4, precision=precision
        )
        return engine.counted(trainer).kernels

    assert taken("meta") == taken("cpu")


def test_a_transposed_convolution_meets_its_weights_with_each_input():
    conv = nn.ConvTranspose2d(4, 6, 2, 2, bias=False)
    [kernel] = counted(conv, torch.ones(2, 4, 8, 8)).kernels
    assert kernel.operations == 2 * (2 * 4 * 8 * 8) * (6 * 4)


def test_an_optimiser_of_one_pass_reads_four_numbers_of_a_weight_and_writes_three():
    weights = [nn.Parameter(torch.ones(100)) for _ in range(40)]
    for weight in weights:
        weight.grad = torch.ones(100)
    optimizer = torch.optim.Adam(weights, fused=True)
    found = counted(optimizer.step).kernels
    moved = [kernel.bytes for kernel in found if kernel.name == "_fused_adam_"]
    assert len(moved) == 2 and sum(moved) == 7 * 40 * 100 * 4  # 36 tensors a kernel


def test_a_tensor_that_repeats_itself_is_read_once():
    [kernel] = counted(torch.relu, torch.ones(1, 1).expand(50, 50)).kernels
    assert kernel.bytes == 4 * (1 + 2500)


def test_numbers_from_the_host_are_noticed():
    far, near = torch.ones(2, device="meta"), torch.ones(2)
    assert counted(lambda: far + near.to("meta")).from_host


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_of_every_kind_brings_nothing_from_the_host(kind):
    """What it did could not be captured as a CUDA graph."""
    make, (x, y, loss), options = KINDS[kind]
    trainer = engine.trainer_of(
        *(SideBySide, partial(_made, make), 2),
        [x.to("meta"), y.to("meta"), loss],
        batch=4,
        **options,
    )
    tensors = trainer.rates[0], *trainer.batch(1)
    counted(trainer.taken, *tensors)  # what is brought once and kept is there then
    assert counted(trainer.taken, *tensors).from_host == []


def _made(make):
    with torch.device("meta"):
        return make()


@pytest.mark.parametrize("name", engine.small_cases())
def test_a_step_of_fit_computes_what_the_shortest_loop_does_and_keeps_the_loss(name):
    """What else it takes is a few lines of Python a step, whatever the network."""
    make, x, y, loss = engine.small_cases()[name]

    def a_step_more(train):
        runs = [counted(train, make(), steps).kernels for steps in (1, 2)]
        one, two = (Counter(kernel.name for kernel in run) for run in runs)
        return two - one

    ours = a_step_more(lambda m, n: fit(m, x, y, loss, steps=n, batch_size=2))
    hand = a_step_more(lambda m, n: engine.by_hand(m, x, y, loss, n, 2))
    assert ours - hand == {"copy_": 1} and not hand - ours


def test_the_table_tells_what_a_preset_needs(capsys):
    assert engine.main(["vae", "--preset", "quick"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[-2:] == ["ms", "s"]
    assert any(line.startswith("vae at quick size, one seed: ") for line in lines)


def test_what_is_no_sweep_has_no_table(capsys):
    assert engine.main(["gan"]) == 2
    assert "gan is no sweep" in capsys.readouterr().err


def test_the_rounds_of_a_search_are_counted(capsys):
    assert engine.main(["dots-halving", "--preset", "quick"]) == 0
    lines = capsys.readouterr().out.splitlines()
    # Two shapes in each round, then one recipe of each split with five seeds.
    assert len(lines) == 1 + 2 + 2 + 1 + 2
    assert lines[-3].split()[6] == "10"
