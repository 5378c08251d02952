"""The race in a browser: its networks learn as torch's do, from the same weights."""
# Long because it holds both networks to torch, and then the figure around them.

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
import torch
from browsing import Tab, computed, drag, press, show
from race import KERNEL as STORED
from race import PAGE, assembled, module
from torch import nn

from coordlib.grid import to_unit
from coordlib.lab.data.squares import quadrant_split, splits, squares
from coordlib.lab.experiments.coordinates.raced import rebuilt
from coordlib.lab.figures import interactive
from coordlib.lab.figures.interactive.race import ENGINE, KERNEL
from coordlib.lab.measures import pixel_accuracy
from coordlib.lab.models.painters import CoordConvPainter, DeconvPainter
from coordlib.lab.training import fit
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


def test_the_home_page_has_the_present_figure():
    assert PAGE.read_text("utf-8") == module(), "run tools/race.py"


def test_the_kernel_is_built_from_its_text():
    pytest.importorskip("wasmtime")
    assert STORED.read_bytes() == assembled()


# The figure.


@pytest.fixture
def tab(browser) -> Iterator[Tab]:
    tab = Tab(browser)
    yield tab
    tab.close()


def step(tab: Tab, times: int) -> None:
    """Let both networks take single steps from their start, one after another."""
    for n in range(1, times + 1):
        tab.page.get_by_role("button", name="One step").click()
        tab.page.wait_for_function(
            "n => [...document.querySelectorAll('.cf-count')]"
            ".every((e) => e.textContent.includes(`, step ${n} of`))",
            arg=n,
        )


def counts(tab: Tab) -> list[str]:
    return tab.page.locator(".cf-count").all_text_contents()


def taken(tab: Tab) -> str:
    """The Python cell that the button gives."""
    tab.page.get_by_role("button", name="Take it with you").click()
    link = tab.page.get_by_role("link", name="Save the Python cell")
    link.wait_for()
    assert link.get_attribute("download") == "race.py"
    read = "async (link) => (await fetch(link.href)).text()"
    return link.evaluate(read)


def executed(cell: str) -> list[tuple[float, float]]:
    """What a cell measures of its painters."""
    names: dict = {}
    exec(cell, names)
    return names["shares"]


def computed_for(page, **options) -> dict:
    return computed(page, interactive.Race(**options))


def test_a_quarter_is_what_the_laboratory_holds_out(page):
    got = computed_for(page, split="quadrant")["hidden"]
    held = torch.tensor(got).nonzero()[:, 0]
    assert torch.equal(held, quadrant_split(WORLD)[1])


def test_one_dot_in_five_is_drawn_by_the_seed(page):
    one, again, other = (
        computed_for(page, split="uniform", seed=seed)["hidden"] for seed in (1, 1, 2)
    )
    assert one == again != other
    assert sum(one) == sum(other) == round(576 / 5)


def test_what_a_reader_hides_is_hidden(page):
    mask = np.zeros((24, 24), bool)
    mask[3:5, 7] = True
    assert (
        computed_for(page, hidden=mask)["hidden"] == mask.astype(int).ravel().tolist()
    )


def test_steps_are_the_same_after_a_rewind_and_others_from_another_seed(tab):
    show(tab, interactive.Race())
    step(tab, 2)
    first = taken(tab)
    tab.page.get_by_role("button", name="Rewind").click()
    assert counts(tab) == ["not started"] * 2
    step(tab, 2)
    assert taken(tab) == first
    tab.page.get_by_role("button", name="Another seed").click()
    assert counts(tab) == ["not started"] * 2
    step(tab, 2)
    assert taken(tab) != first


def test_it_runs_pauses_and_goes_on(tab):
    line = show(tab, interactive.Race())
    assert "121 of 576 dots are hidden" in line.text_content()
    tab.page.get_by_role("button", name="Start").click()
    assert line.get_attribute("aria-live") == "off"  # not every step is read aloud
    tab.page.wait_for_function(
        "() => [...document.querySelectorAll('.cf-count')]"
        ".every((e) => / step [1-9]\\d+ of/.test(e.textContent))"
    )
    tab.page.get_by_role("button", name="Pause").click()
    assert line.get_attribute("aria-live") == "polite"
    tab.page.wait_for_timeout(300)  # until what is under way is told
    before = counts(tab)
    tab.page.wait_for_timeout(300)
    assert counts(tab) == before
    tab.page.get_by_role("button", name="Go on").click()
    tab.page.wait_for_function(
        "before => document.querySelector('.cf-count').textContent !== before",
        arg=before[0],
    )
    # A page that nobody looks at stops.
    tab.page.evaluate(
        """() => {
        Object.defineProperty(document, "hidden", { get: () => true });
        document.dispatchEvent(new Event("visibilitychange"));
    }"""
    )
    assert tab.page.get_by_role("button", name="Go on").count() == 1


def test_the_page_answers_while_the_networks_learn(tab):
    show(tab, interactive.Race())
    tab.page.get_by_role("button", name="Start").click()
    watch = """() => new Promise((done) => {
        const long = [];
        const seen = (list) => long.push(...list.getEntries().map((e) => e.duration));
        const observer = new PerformanceObserver(seen);
        observer.observe({ type: "longtask" });
        setTimeout(() => (observer.disconnect(), done(long)), 1500);
    })"""
    # On a busy machine a task can be long because another program ran.
    assert any(not tab.page.evaluate(watch) for _ in range(4))


def test_dots_are_hidden_by_keys_and_by_hand(tab):
    line = show(tab, interactive.Race(hidden=np.zeros((24, 24)), i=10, j=10))
    assert line.text_content().startswith("0 of 576 dots are hidden.")
    press(tab, "ArrowDown", "ArrowRight", " ")
    told = "9 of 576 dots are hidden. Asked for row 11, column 11 (hidden)"
    assert line.text_content().startswith(told)
    press(tab, "ArrowRight", " ")
    assert line.text_content().startswith("3 of 576 dots are hidden.")
    tab.page.get_by_label("hides dots").check()
    drag(tab, (8, 8), (8, 20), (32, 32))
    hidden = int(line.text_content().split()[0])
    assert hidden >= 18 and "row 8, column 20 (hidden)" in line.text_content()
    tab.page.get_by_label("shows dots").check()
    drag(tab, (8, 20), (8, 20), (32, 32))
    assert line.text_content().startswith(f"{hidden - 9} of 576")
    assert tab.page.get_by_label("what I paint").is_checked()
    tab.page.get_by_label("a quarter").check()
    assert line.text_content().startswith("121 of 576")


def test_a_small_race_which_has_no_way_back_keeps_what_it_hides(tab):
    line = show(tab, interactive.Race(small=True))
    before = line.text_content()
    press(tab, " ")
    assert line.text_content() == before
    label = tab.page.locator(".cf-grab").first.get_attribute("aria-label")
    assert "space bar" not in label


def test_after_a_rewind_no_cell_of_other_networks_is_offered(tab):
    show(tab, interactive.Race())
    for name in ("One step", "Take it with you"):
        tab.page.get_by_role("button", name=name).click()
    offered = tab.page.get_by_role("link", name="Save the Python cell")
    offered.wait_for()
    tab.page.get_by_role("button", name="Rewind").click()
    assert offered.count() == 0


def test_nothing_learns_from_nothing(tab):
    line = show(tab, interactive.Race(hidden=np.ones((24, 24))))
    tab.page.get_by_role("button", name="Start").click()
    assert "some dots to learn from" in line.text_content()
    assert counts(tab) == ["not started"] * 2


def test_it_says_where_a_page_may_not_work_in_the_background(tab):
    line = show(tab, interactive.Race())
    tab.page.evaluate("() => { globalThis.Worker = () => { throw new Error(); }; }")
    tab.page.get_by_role("button", name="Start").click()
    assert "may not work in the background" in line.text_content()


@pytest.mark.parametrize("normalised", [False, True])
def test_the_cell_measures_what_the_page_measured(page, normalised):
    code = """async ([text, kernel, normalised]) => {
        const blob = new Blob([text], { type: "text/javascript" });
        const { compute, pythonCell } = await import(URL.createObjectURL(blob));
        const { hidden } = compute({ split: "uniform", seed: 4 });
        const runners = [];
        for (const kind of ["deconv", "coordconv"]) {
            const bytes = Uint8Array.from(atob(kernel), (c) => c.charCodeAt(0));
            const steps = engine.NETWORKS[kind].steps;
            engine.NETWORKS[kind].steps = 60;
            const start = { kind, normalised, seed: 4, hidden, kernel: bytes };
            const training = await engine.makeTraining(start);
            engine.NETWORKS[kind].steps = steps;
            while (!training.step());
            const { right } = training.report(0);
            const numbers = new Uint8Array(training.weights().buffer);
            let weights = "";
            for (const byte of numbers) weights += String.fromCharCode(byte);
            const { seen, unseen } = compute({ split: "uniform", seed: 4, right });
            runners.push({ kind, normalised, weights: btoa(weights), seen, unseen });
        }
        const told = runners.map(({ seen, unseen }) => [seen, unseen]);
        return [pythonCell(runners, hidden, 4), told];
    }"""
    module = str(interactive.Race._esm)
    cell, told = page.evaluate(code, [module, KERNEL, normalised])
    measured = executed(cell)
    np.testing.assert_allclose(measured, told, atol=0.003)  # a dot at a tie
    assert normalised or max(np.ravel(told)) > 0.03


def test_the_button_gives_a_cell_that_runs(tab):
    show(tab, interactive.Race(deconv=True))
    step(tab, 1)
    cell = taken(tab)
    assert 'rebuilt("deconv", True,' in cell and 'rebuilt("coordconv", False,' in cell
    assert np.shape(executed(cell)) == (2, 2)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (("dense", True, ""), "kind must be one of"),
        (("deconv", 1, ""), "normalised must be True or False"),
        (("deconv", True, b""), "weights must be text in base64"),
        (("deconv", True, "AAAA?AAA"), "weights must be numbers in base64"),
        (("deconv", True, "AAAAA"), "weights must be numbers in base64"),
        (("deconv", True, "AAAAAAAA"), "weights must be numbers in base64"),
        (("deconv", True, "AAAAAAAAAAAAAAAA"), r"the \d+ numbers of 'deconv', got 3"),
    ],
)
def test_a_cell_that_was_copied_in_part_is_refused(call, told):
    with pytest.raises((TypeError, ValueError), match=told):
        rebuilt(*call)


def race(page, kind: str, split: str, seed: int, normalised: bool = False) -> list:
    """Train one network in the page to the end: seen, hidden, steps."""
    code = """async ([kernel, kind, split, seed, normalised]) => {
        const bytes = Uint8Array.from(atob(kernel), (c) => c.charCodeAt(0));
        const hidden = engine.hiddenDots(split, seed, "");
        const start = { kind, normalised, seed, hidden, kernel: bytes };
        const training = await engine.makeTraining(start);
        while (!training.step());
        const { right, at } = training.report(0);
        const share = (side) => {
            const those = [...right].filter((_, n) => hidden[n] === side);
            return those.filter(Boolean).length / those.length;
        };
        return [share(0), share(1), at];
    }"""
    return page.evaluate(code, [KERNEL, kind, split, seed, normalised])


def test_coordconv_reaches_the_quarter_that_is_hidden(page):
    seen, unseen, _steps = race(page, "coordconv", "quadrant", 0)
    assert seen == unseen == 1


def in_python(kind: str, split: str, seed: int) -> list[float]:
    """The same recipe with the laboratory's loop: seen, hidden."""
    recipe = {"deconv": (8, 2400, 0.01), "coordconv": (2, 300, 0.02)}[kind]
    batch_size, steps, lr = recipe
    torch.manual_seed(seed)
    model = PAINTERS[kind](size=32, normalisation="none")
    parts = splits(WORLD, seed)[split]
    options = {"batch_size": batch_size, "steps": steps, "lr": lr, "seed": seed}
    data = INPUTS[parts[0]], TARGETS[parts[0]]
    fit(model, *data, pixel_cross_entropy, schedule="one-cycle", **options)
    with torch.no_grad():
        outputs = torch.cat([model(some) for some in INPUTS.split(64)])
    return [pixel_accuracy(outputs[part], TARGETS[part]) for part in parts]


@pytest.mark.races
@pytest.mark.parametrize("split", ["uniform", "quadrant"])
@pytest.mark.parametrize("kind", PAINTERS)
def test_five_seeds_end_as_they_do_in_python(page, kind, split):
    here = np.array([race(page, kind, split, seed)[:2] for seed in range(5)])
    there = np.array([in_python(kind, split, seed) for seed in range(5)])
    print(kind, split, here.round(3).tolist(), there.round(3).tolist())
    for ends in (here, there):
        assert ends[:, 0].min() > 0.97
        reached = ends[:, 1].mean()
        assert (
            reached > 0.85 if (kind, split) != ("deconv", "quadrant") else reached < 0.4
        )
    assert abs(here.mean(0) - there.mean(0)).max() < 0.1
