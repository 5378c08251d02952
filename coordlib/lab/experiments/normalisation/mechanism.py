"""How far a dot's activations move when its company changes, and no dot does (B08)."""

import copy
from collections.abc import Callable
from itertools import product

import torch
from torch import Tensor, nn

from coordlib.lab.data.squares import Squares, squares, uniform_split
from coordlib.lab.experiments.normalisation.painters import (
    HALF_SIZE,
    PAINTERS,
    half_size_arm,
)
from coordlib.lab.experiments.normalisation.painters import task as task_of
from coordlib.lab.measures import pixel_accuracy
from coordlib.lab.record.arrays import Kept
from coordlib.lab.record.experiment import Setting, Trial
from coordlib.lab.record.result import Row, rows
from coordlib.lab.training.loop import fit
from coordlib.lab.training.losses import pixel_cross_entropy

FAST = {"deconv": 0.05, "coordconv": 0.1}
KINDS = {"batch": "batch", "fast": "batch", "none": "none"}
"""The normalisation of each arm; "fast" has batch normalisation and learns at the
rate of :data:`FAST`. That arm was added when high rates turned out to help, with the
prediction that its company moves it less."""
COMPANY = 32
DOTS, COMPANIES, DRAWN = 24, 6, 30

PRESETS = {"cpu": HALF_SIZE}


def measure(seed: int, setting: Setting, *, size: int, side: int) -> list[Row]:
    """Train both painters with batch normalisation and without; move their company.

    Returns
    -------
    list of Row
        By painter and kind:

        ``moved``, by layer and time: how far the output of that rectifier moves when
        the other dots of the batch are drawn anew, as a multiple of how far it moves
        when the dot goes to the next pixel and its company stays; at the "start", after
        a "tenth" and at the "end" of the training.

        ``exact``, by dots and statistics: the share of exact dots among those "trained"
        and "held_out", by "running" statistics and by those of a random "batch".

        Kept is, by painter and kind, the ``cloud``: the last hidden layer of nine
        neighbouring dots in thirty companies each, on its two principal axes; shape
        (9, 30, 2).
    """
    world = squares(size, side)
    train, test = uniform_split(world, seed=seed)
    found = []
    for painter, kind in product(PAINTERS, KINDS):
        axes = {"painter": painter, "kind": kind}
        network, moved = _trained(world, painter, kind, train, seed, setting.device)
        for time, by_layer in moved.items():
            for layer, ratio in enumerate(by_layer, 1):
                found += rows({"moved": ratio}, **axes, layer=layer, time=time)
        for dots, index in (("trained", train), ("held_out", test)):
            for statistics in ("running", "batch"):
                share = _exact(network, world, index, train, seed, statistics)
                found += rows(
                    {"exact": share}, **axes, dots=dots, statistics=statistics
                )
        cloud = _cloud(network, world, train, seed)
        setting.kept.append(Kept(axes, {"cloud": cloud}))
    return found


def _trained(
    world: Squares,
    painter: str,
    kind: str,
    train: Tensor,
    seed: int,
    device: torch.device,
) -> tuple[nn.Module, dict[str, list[float]]]:
    """A painter, trained, and how far its layers moved on the way."""
    task = task_of(world.size, world.side)
    faster = {"lr": FAST[painter]} if kind == "fast" else {}
    recipe = half_size_arm(painter, KINDS[kind], **faster)
    torch.manual_seed(seed)
    network = task.networks[painter](**recipe["network"]).to(device)
    options = {k: v for k, v in recipe["training"].items() if k != "measures"}
    steps = round(options["epochs"] * len(train) / options["batch_size"])
    when = {steps // 10: "tenth", steps: "end"}
    moved = {"start": _moved(network, world, train, seed)}

    def look(step: int, model: nn.Module) -> None:
        if step in when:
            moved[when[step]] = _moved(model, world, train, seed)

    inputs, targets = task.inputs[train], task.targets[train]
    loss = pixel_cross_entropy
    fit(network, inputs, targets, loss, seed=seed, callback=look, **options)
    return network, moved


def _moved(network: nn.Module, world: Squares, train: Tensor, seed: int) -> list[float]:
    """By layer, the movement with the company over that to the next pixel."""
    generator = torch.Generator().manual_seed(seed)
    inner = world.positions[train][:, 1] < world.positions[:, 1].max()
    dots = train[inner][torch.randperm(int(inner.sum()), generator=generator)][:DOTS]
    companies = [_company(train, generator) for _ in range(COMPANIES)]
    look = _layers_of(network, world)
    here = [[look(torch.cat((dot[None], c))) for c in companies] for dot in dots]
    next_door = [
        [look(torch.cat((dot[None] + 1, c))) for c in companies] for dot in dots
    ]
    ratios = []
    for layer in range(len(here[0][0])):
        a = torch.stack([torch.stack([c[layer] for c in row]) for row in here])
        b = torch.stack([torch.stack([c[layer] for c in row]) for row in next_door])
        # Two companies drawn independently differ by twice the variance.
        by_company = 2 * a.var(dim=1).sum(-1).mean()
        by_pixel = (b - a).square().sum(-1).mean()
        ratios.append(float((by_company / by_pixel).sqrt()))
    return ratios


def _company(train: Tensor, generator: torch.Generator) -> Tensor:
    chosen = torch.randint(len(train), (COMPANY - 1,), generator=generator)
    return train[chosen]


def _layers_of(network: nn.Module, world: Squares) -> Callable[[Tensor], list[Tensor]]:
    """A function from a batch of dots to the first one's rectified activations."""
    copied = copy.deepcopy(network).train()  # its running statistics may move
    seen: list[Tensor] = []
    for layer in copied.modules():
        if isinstance(layer, nn.ReLU):
            layer.register_forward_hook(
                lambda layer, inputs, output: seen.append(output[0].flatten())
            )
    places = task_of(world.size, world.side).inputs
    device = next(copied.parameters()).device

    @torch.no_grad()
    def look(batch: Tensor) -> list[Tensor]:
        seen.clear()
        copied(places[batch].to(device))
        return [activation.cpu() for activation in seen]

    return look


@torch.no_grad()
def _exact(
    network: nn.Module,
    world: Squares,
    index: Tensor,
    train: Tensor,
    seed: int,
    statistics: str,
) -> float:
    """The share of exact dots by running statistics, or by those of random batches.

    Half of each batch are trained dots, so that held-out ones meet usual company.
    """
    inputs, targets = task_of(world.size, world.side).inputs, world.targets()
    device = next(network.parameters()).device
    if statistics == "running":
        logits = network.eval()(inputs[index].to(device)).cpu()
        return pixel_accuracy(logits, targets[index])
    copied = copy.deepcopy(network).train()
    generator = torch.Generator().manual_seed(seed)
    order = index[torch.randperm(len(index), generator=generator)]
    right = 0.0
    for dots in order.split(COMPANY // 2):
        batch = torch.cat((dots, _company(train, generator)[: COMPANY // 2]))
        logits = copied(inputs[batch].to(device))[: len(dots)].cpu()
        right += len(dots) * pixel_accuracy(logits, targets[dots])
    return right / len(index)


def _cloud(network: nn.Module, world: Squares, train: Tensor, seed: int) -> Tensor:
    """Nine neighbours in the middle of the canvas, each in many companies."""
    generator = torch.Generator().manual_seed(seed)
    middle = world.size // 2
    near = (world.positions - middle).abs().amax(1) <= 1
    look = _layers_of(network, world)
    companies = [_company(train, generator) for _ in range(DRAWN)]
    points = torch.stack(
        [
            torch.stack([look(torch.cat((dot[None], c)))[-1] for c in companies])
            for dot in near.nonzero()[:, 0]
        ]
    )
    flat = points.flatten(0, 1)
    flat = flat - flat.mean(0)
    axes = torch.linalg.svd(flat, full_matrices=False).Vh[:2]
    return (flat @ axes.T).view(*points.shape[:2], 2)


EXPERIMENT = Trial(
    name="normalisation-mechanism", question=__doc__, presets=PRESETS, measure=measure
)
