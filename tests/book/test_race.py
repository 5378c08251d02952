"""The race in a browser: its networks learn as torch's do, from the same weights."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from coordlib.grid import to_unit
from coordlib.lab.data.squares import squares
from coordlib.lab.figures.interactive.race import ENGINE, KERNEL
from coordlib.lab.models.painters import CoordConvPainter, DeconvPainter
from coordlib.lab.training.losses import pixel_cross_entropy
from coordlib.lab.training.schedules import schedule_factors

PAINTERS = {"deconv": DeconvPainter, "coordconv": CoordConvPainter}
BATCH = {"deconv": 8, "coordconv": 2}
RATE = 0.01

WORLD = squares(32)
INPUTS = to_unit(WORLD.positions, (32, 32))
TARGETS = WORLD.targets()

each = pytest.mark.parametrize(
    ("kind", "normalisation", "kernel"),
    [
        (kind, normalisation, kernel)
        for kind in PAINTERS
        for normalisation in ("none", "batch")
        for kernel in ("wasm", "plain")
    ],
)


@pytest.fixture(scope="module")
def page(browser) -> Iterator:
    """A page with the engine of the race as ``engine``, and a way to make networks."""
    page = browser.new_page()
    page.goto("about:blank")
    page.evaluate(
        """async ([text, kernel]) => {
        globalThis.engine = new Function(`${text}; return engine();`)();
        globalThis.make = async (kind, normalised, plain, seed = 0) => {
            const code = Uint8Array.from(atob(kernel), (c) => c.charCodeAt(0));
            const memory = await engine.makeMemory(plain ? null : code);
            if (memory.fast === plain) throw new Error("not the product asked for");
            return engine.makeNetwork(
                memory, kind, normalised, engine.random(seed, kind));
        };
    }""",
        [ENGINE, KERNEL],
    )
    yield page
    page.close()


def painter(kind: str, normalisation: str) -> nn.Module:
    """A painter in which no bias is moved by rounding alone.

    A bias below a normalisation, or below the softmax, has no gradient but rounding,
    and Adam makes steps of any gradient.
    """
    torch.manual_seed(1)
    model = PAINTERS[kind](size=32, normalisation=normalisation)
    layers = list(model)
    for layer, after in pairwise(layers):
        if isinstance(after, nn.BatchNorm2d):
            layer.bias.register_hook(torch.zeros_like)
            nn.init.uniform_(after.weight, 0.5, 1.5)
            nn.init.normal_(after.bias, std=0.1)
    layers[-1].bias.register_hook(torch.zeros_like)
    return model


def numbers(model: nn.Module) -> list[float]:
    """All numbers of a network that are no counts, in the order of its state."""
    kept = [t for t in model.state_dict().values() if t.is_floating_point()]
    return torch.cat([tensor.flatten() for tensor in kept]).tolist()


def drawn(kind: str) -> list[list[int]]:
    """Ten batches of dots."""
    generator = torch.Generator().manual_seed(2)
    order = torch.randperm(len(WORLD), generator=generator)[: 10 * BATCH[kind]]
    return order.reshape(10, -1).tolist()


@each
def test_gradients_are_torchs(page, kind, normalisation, kernel):
    model = painter(kind, normalisation)
    dots = drawn(kind)[0]
    loss = pixel_cross_entropy(model(INPUTS[dots]), TARGETS[dots])
    start = numbers(painter(kind, normalisation))
    got = page.evaluate(
        """async ([kind, normalised, plain, numbers, dots]) => {
            const network = await make(kind, normalised, plain);
            network.load(numbers);
            const loss = network.differentiate(dots);
            return [loss, [...network.gradients()]];
        }""",
        [kind, normalisation == "batch", kernel == "plain", start, dots],
    )
    loss.backward()
    wanted = torch.cat([p.grad.flatten() for p in model.parameters()])
    assert got[0] == pytest.approx(loss.item(), abs=1e-4)
    np.testing.assert_allclose(got[1], wanted, atol=1e-4)
    assert wanted.abs().max() > 0.01


@each
def test_ten_steps_are_torchs(page, kind, normalisation, kernel):
    model = painter(kind, normalisation).train()
    start = numbers(model)
    optimizer = torch.optim.Adam(model.parameters(), betas=(0.9, 0.99))
    losses, rounding = [], [torch.zeros_like(p) for p in model.parameters()]
    for dots, factor in zip(
        drawn(kind), schedule_factors("one-cycle", 10), strict=True
    ):
        optimizer.param_groups[0]["lr"] = factor * RATE
        loss = pixel_cross_entropy(model(INPUTS[dots]), TARGETS[dots])
        optimizer.zero_grad()
        loss.backward()
        for tiny, p in zip(rounding, model.parameters(), strict=True):
            tiny += (p.ndim == 1) & (p.grad != 0) & (p.grad.abs() < 1e-7)
        optimizer.step()
        losses.append(loss.item())
    got = page.evaluate(
        """async ([kind, normalised, plain, numbers, batches, rate]) => {
            const network = await make(kind, normalised, plain);
            network.load(numbers);
            const losses = batches.map((dots, n) =>
                network.train(dots, rate * engine.oneCycle(n / 9)));
            const answers = network.answers([...Array(576).keys()]);
            return [losses, [...network.weights()], answers, [...network.paint(77)]];
        }""",
        [kind, normalisation == "batch", kernel == "plain", start, drawn(kind), RATE],
    )
    np.testing.assert_allclose(got[0], losses, atol=1e-4)
    # A unit that is active at every pixel moves all logits alike: the gradient of its
    # bias is rounding too, and no two sums agree on its sign.
    state = dict(zip(model.parameters(), rounding, strict=True))
    kept = [
        t for t in model.state_dict(keep_vars=True).values() if t.is_floating_point()
    ]
    blurred = torch.cat([state.get(t, torch.zeros_like(t)).flatten() for t in kept]) > 0
    assert blurred.float().mean() < 0.005
    off = (torch.tensor(got[1]) - torch.tensor(numbers(model))).abs()
    assert off[~blurred].max() < 1e-4
    with torch.no_grad():
        logits = model.eval()(INPUTS).flatten(1)
    painted = torch.tensor(got[3])
    wanted = logits[77] - logits[77].mean()
    np.testing.assert_allclose(painted - painted.mean(), wanted, atol=1e-3)
    assert (torch.tensor(got[2]) == logits.argmax(1)).float().mean() > 0.99


def test_the_schedule_is_the_laboratorys(page):
    got = page.evaluate(
        "() => Array.from({ length: 50 }, (_, n) => engine.oneCycle(n / 49))"
    )
    np.testing.assert_allclose(got, schedule_factors("one-cycle", 50), atol=1e-12)


@pytest.mark.parametrize("kind", PAINTERS)
def test_first_weights_are_cut_off_normals_of_hes_variance(page, kind):
    got = page.evaluate(
        "async (kind) => [...(await make(kind, false, false, 3)).weights()]", kind
    )
    model = PAINTERS[kind](size=32, normalisation="none")
    wanted = nn.utils.vector_to_parameters
    wanted(torch.tensor(got), model.parameters())
    weights = [p for p in model.parameters() if p.ndim > 1]
    for weight in weights[1:-1]:
        std = (2 / weight[0].numel()) ** 0.5
        assert weight.std().item() == pytest.approx(std, rel=0.06)
        assert weight.abs().max() < 2 * std / 0.8796
    assert all((p == 0).all() for p in model.parameters() if p.ndim == 1)


def test_the_same_seed_gives_the_same_numbers_and_another_others(page):
    code = """async () => {
        const run = async (seed) => {
            const network = await make("coordconv", false, false, seed);
            const draw = engine.random(seed, "order");
            const drawn = engine.batches([...Array(400).keys()], 2, draw);
            for (let n = 0; n < 3; n++) network.train(drawn.next().value, 0.01);
            return [...network.weights()];
        };
        return [await run(5), await run(5), await run(6)];
    }"""
    one, again, other = page.evaluate(code)
    assert one == again and one != other


def test_batches_are_rounds_of_all_dots_in_new_orders(page):
    code = """() => {
        const drawn = engine.batches([3, 1, 4, 15, 9], 2, engine.random(0, "order"));
        return Array.from({ length: 5 }, () => drawn.next().value).flat();
    }"""
    rounds = np.reshape(page.evaluate(code), (2, 5))
    assert (np.sort(rounds) == [1, 3, 4, 9, 15]).all()
    assert (rounds[0] != rounds[1]).any()


def test_the_kernel_is_built_from_its_text():
    pytest.importorskip("wasmtime")
    from race_kernel import TARGET, assembled

    assert TARGET.read_bytes() == assembled()
