"""Which asserts of a page hang on its seeds."""

from seeds import STEP, report, run

PAGE = [
    "import torch\n\nfrom coordlib.lab.training.loop import fit",
    "torch.manual_seed(3)\nfirst = float(torch.rand(()))\nprint('told')",
    "made = torch.rand((), generator=torch.Generator().manual_seed(3))\nprint(made)",
    "net = torch.nn.Linear(1, 1)\nx = torch.arange(8.0)[:, None]",
    "history = fit(net, x, x, torch.nn.functional.mse_loss, steps=1, batch_size=1)\n"
    "print(history.losses)",
]


def test_the_first_run_is_the_page_itself():
    assert run(PAGE, 0).printed == run(PAGE, 0).printed
    assert not run(
        [*PAGE, "torch.manual_seed(3)\nassert first == torch.rand(())"], 0
    ).failed


def test_first_weights_and_trainings_vary_and_data_does_not():
    page, other = run(PAGE, 0), run(PAGE, STEP)
    same = [a == b for a, b in zip(page.printed, other.printed, strict=True)]
    assert same == [True, True, True, True, False]


def test_the_order_of_batches_varies_with_the_weights_kept():
    kept = (
        "torch.nn.init.ones_(net.weight)\ntorch.nn.init.zeros_(net.bias)\nx[:] = x**2"
    )
    cells = [*PAGE[:4], kept, PAGE[4].replace("x, x", "x, 3 * x")]
    losses = {run(cells, STEP * k).printed[-1] for k in range(4)}
    assert len(losses) > 1


def test_a_failing_assert_is_noted_and_the_page_goes_on():
    cells = [
        "for n in range(3):\n    assert n < 2, 'too many'\nassert n == 2\nprint(n)"
    ]
    found = run(cells, 0)
    assert found.failed == {(1, "assert n < 2, 'too many'")}
    assert found.printed == ["2\n"] and not found.errors


def test_an_error_is_reported_with_its_cell():
    found = run(["1 / 0", "print('on')"], 0)
    assert found.errors == {1: "ZeroDivisionError: division by zero"}
    assert found.printed == ["", "on\n"]


def test_a_page_can_look_at_its_own_source():
    cells = [
        "def f():\n    return 1",
        "import inspect\nprint(inspect.getsource(f), end='')",
    ]
    assert run(cells, 0).printed[1].strip() == cells[0]


def test_the_seed_of_torch_is_left_as_it_was():
    import torch

    before, state = torch.manual_seed, torch.random.get_rng_state()
    run(PAGE, STEP)
    assert torch.manual_seed is before
    assert torch.equal(torch.random.get_rng_state(), state)


def test_the_report_names_assert_and_runs():
    cells = ["import torch", "torch.manual_seed(0)\nassert torch.initial_seed() == 0"]
    told = report(cells, [run(cells, STEP * k) for k in range(3)])
    assert "assert torch.initial_seed() == 0" in told
    assert "does not hold in 2 of 3 runs (1, 2)" in told
    quiet = report(["x = 1"], [run(["x = 1"], 0)])
    assert quiet.startswith("every assert holds in 1 runs")
