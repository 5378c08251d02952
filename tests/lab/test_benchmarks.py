"""The benchmarks: that timing is fair, and that what is stored can be trusted."""

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from statistics import median

import pytest
import torch

from benchmarks import NAMES, __main__, classification, coordconv, decoder
from benchmarks.bounds import (
    ON_DEVICES,
    Bound,
    GivenUp,
    bounds,
    given_up,
    lines,
    stored,
)
from benchmarks.run import processes, run
from benchmarks.timing import confirmed, paired, ratio
from coordlib.lab.models.common import parameter_count
from coordlib.lab.models.painters import CoordConvPainter
from coordlib.lab.record import results
from coordlib.lab.record.result import Result
from coordlib.layers import CoordConv2d

ROOT = Path(__file__).parents[2]
STORED_IN = results.folder()
STORED = sorted(STORED_IN.glob("speed-*.json"))


class Clock:
    """A clock that only calls move, on a machine whose speed changes as we say."""

    def __init__(self):
        self.now = 0.0
        self.calls = []
        self.slowness = lambda: 1.0

    def __call__(self):
        return self.now

    def task(self, name, seconds):
        def call():
            self.calls.append(name)
            self.now += seconds * self.slowness()

        return call


def test_a_call_beside_itself_takes_exactly_as_long():
    clock = Clock()
    call = clock.task("same", 0.003)
    times = paired({"a": call, "b": call}, clock=clock)
    found = ratio(times, "a", "b")
    assert found.median == found.low == found.high == pytest.approx(1)


def test_a_ratio_is_that_of_the_times():
    clock = Clock()
    tasks = {"quick": clock.task("quick", 0.001), "slow": clock.task("slow", 0.05)}
    times = paired(tasks, clock=clock)
    assert ratio(times, "slow", "quick").median == pytest.approx(50)
    assert ratio(times, "quick", "slow").median == pytest.approx(0.02)


def test_a_machine_that_slows_down_changes_no_ratio():
    clock = Clock()
    clock.slowness = lambda: 1 + clock.now  # ever slower
    tasks = {name: clock.task(name, 0.02) for name in "ab"}
    times = paired(tasks, rounds=12, clock=clock)
    assert times["a"][-1] > 1.5 * times["a"][0]
    assert ratio(times, "a", "b").median == pytest.approx(1, abs=0.02)


def test_the_candidates_take_turns_and_none_is_always_first():
    clock = Clock()
    tasks = {name: clock.task(name, 1.0) for name in "abc"}
    paired(tasks, rounds=4, clock=clock)
    warmed = "".join(clock.calls)[6:]
    assert warmed == "abc" + "bca" + "cab" + "abc"


def test_quick_calls_are_repeated_until_the_clock_can_tell():
    clock = Clock()
    paired({"a": clock.task("a", 0.001)}, rounds=2, seconds=0.02, clock=clock)
    assert len(clock.calls) == 2 + 2 * 20


def test_the_spread_holds_the_middle_half_of_the_rounds():
    times = {"a": [1.0, 2.0, 3.0, 4.0, 5.0], "b": [1.0] * 5}
    found = ratio(times, "a", "b")
    assert (found.low, found.median, found.high) == (2, 3, 4)


def test_what_seems_too_slow_is_timed_again_and_that_time_counts():
    for slow, runs in (1.0, 2), (1.2, 2 + 4 * 2):
        clock = Clock()
        tasks = {"a": clock.task("a", 0.02 * slow), "b": clock.task("b", 0.02)}
        times = confirmed(tasks, "a", "b", rounds=2, clock=clock)
        assert len(times["a"]) == (2 if slow == 1 else 8)
        # Before the rounds, twice: to warm up, and to tell how often.
        assert clock.calls.count("a") == runs + (2 if slow == 1 else 4)


def test_only_the_second_time_of_what_seemed_slow_counts():
    clock = Clock()
    clock.slowness = lambda: 1.0
    once = iter([1.2] * 4)  # slow until its first timing is over
    slow = clock.task("a", 0.02)

    def call():
        slow()
        clock.now += 0.02 * (next(once, 1.0) - 1)

    tasks = {"a": call, "b": clock.task("b", 0.02)}
    times = confirmed(tasks, "a", "b", rounds=2, clock=clock)
    assert ratio(times, "a", "b").median == pytest.approx(1)


def test_nothing_to_time_is_an_error():
    with pytest.raises(ValueError, match="rounds must be at least 2, got 1"):
        paired({"a": lambda: None}, rounds=1)
    with pytest.raises(ValueError, match="at least one callable"):
        paired({})


def test_the_three_candidates_are_one_function():
    torch.manual_seed(0)
    candidates = coordconv.layers(3, 4, 3)
    ours, textbook = candidates["ours"], candidates["concatenated"]
    assert type(ours) is CoordConv2d
    textbook[1].load_state_dict(ours.state_dict())
    x = torch.randn(2, 3, 5, 6)
    torch.testing.assert_close(ours(x), textbook(x))
    assert candidates["plain"](x).shape == ours(x).shape


def test_the_least_of_layers_like_ours_is_one_if_its_bias_is_what_ours_adds():
    torch.manual_seed(0)
    candidates = coordconv.layers(3, 4, 3)
    ours, ready = candidates["ours"], candidates["ready"]
    with torch.no_grad():
        ready.weight.copy_(ours.weight[:, :3])
        ready.bias.copy_(ours.bias)
        x = torch.randn(2, 3, 5, 6)
        ready(x)
        assert ready.ready.shape == (1, 4, 5, 6)
        zeros = torch.zeros(1, 3, 5, 6)
        ready.ready.copy_(ours(zeros) - ours.bias[:, None, None])
        torch.testing.assert_close(ready(x), ours(x))


def test_a_training_step_gives_gradients_of_the_input_and_every_weight():
    x = torch.randn(2, 3, 8, 8, requires_grad=True)
    layer = coordconv.layers(3, 4, 3)["ours"]
    gradients = coordconv.training(layer, x)()
    assert [g.shape for g in gradients] == [
        x.shape,
        layer.weight.shape,
        layer.bias.shape,
    ]
    assert not coordconv.forward(layer, x)().requires_grad


def test_memory_is_counted_at_its_highest():
    def step():
        first = torch.empty(1000, dtype=torch.uint8)
        second = torch.empty(3000, dtype=torch.uint8)
        del first, second
        return torch.empty(2000, dtype=torch.uint8)

    assert 4000 <= coordconv.peak_memory(step) < 5000


def test_both_painters_have_the_layers_of_the_paper():
    ours, plain = CoordConvPainter(size=8), classification.concatenating_painter(8)
    assert parameter_count(plain) == parameter_count(ours) == 7553
    plain.load_state_dict(
        dict(zip(plain.state_dict(), ours.state_dict().values(), strict=True))
    )
    x = torch.rand(3, 2) * 2 - 1
    torch.testing.assert_close(plain(x), ours(x))


def test_a_small_measurement_is_stored_and_loads(tmp_path, monkeypatch):
    config = {"size": [7, 9], "batches": [3], "rounds": 2}
    monkeypatch.setattr(decoder, "CONFIG", config)
    monkeypatch.setattr(decoder, "PROCESSES", 2)
    result = results.load(results.save(run("decoder"), tmp_path))
    assert result.config == config and result.seeds == [0, 1]
    assert result.mean("ratio", batch=3, of="scipy/ours") > 0


def test_the_other_benchmarks_measure_what_they_say():
    grid = {
        "kernels": [1],
        "channels": [[2, 3]],
        "images": [[2, 4]],
        "formats": ["channels_last"],
    }
    timed = list(coordconv.measure(rounds=2, **grid))
    case = {"kernel": 1, "inputs": 2, "outputs": 3, "count": 2, "side": 4}
    assert all(row.items() >= case.items() for row in timed)
    told = {(row["work"], row["of"], row["metric"]) for row in timed}
    assert len(timed) == len(told) == 2 * (1 + 9) + 2
    found = Result("speed-classification", "cpu", {})
    recipes = {"epochs": 0.1, "batch_size": 4}, {"epochs": 2, "batch_size": 4}
    found.add(0, list(classification.measure(8, *recipes, 3, trainings=2)))
    for split in ("uniform", "quadrant"):
        for training in (0, 1):
            case = {"split": split, "training": training}
            assert found.mean("seconds", **case, arm="paper") > 0
            assert found.mean("epochs", **case, arm="paper") <= 2
            assert 0 <= found.mean("test_accuracy", **case, arm="ours") <= 1


def test_an_unknown_benchmark_is_answered_with_the_known_ones():
    command = [sys.executable, "-m", "benchmarks", "nonsense"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 2
    assert "name must be one of coordconv" in run.stderr
    assert "written" not in run.stdout
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize("file", STORED, ids=[file.stem for file in STORED])
def test_what_is_stored_was_measured_by_a_benchmark_that_exists(file):
    result = results.load(file)
    name, _, device = result.experiment.removeprefix("speed-").partition("-")
    assert name in NAMES
    assert not device or name in ON_DEVICES
    module = import_module(f"benchmarks.{name}")
    assert result.config == module.CONFIG
    assert result.seeds == [*range(processes(module))]
    assert min(row["value"] for row in result.rows) >= 0
    for row in result.select(metric="ratio"):
        if row.get("work") == "memory":
            continue  # the same every time
        axes = {k: v for k, v in row.items() if k not in ("metric", "value")}
        ends = (result.select(metric=f"ratio_{end}", **axes) for end in ("low", "high"))
        (low,), (high,) = ends
        assert low["value"] <= row["value"] <= high["value"]


def test_a_bound_says_by_how_much_it_is_missed():
    found = [Bound("reached", 0.9, "<=", 1), Bound("missed", 1, ">=", 2)]
    first, second, third = lines(found)
    assert first == "1 of 2 bounds are reached"
    assert second.endswith("0.9  reached")
    assert third.endswith("missed by a factor of 2")


def test_what_is_given_up_stands_below_with_the_reason():
    dropped = [GivenUp(Bound("old", 3, "<=", 1), "of both forms")]
    *_, first, second = lines([Bound("reached", 0.9, "<=", 1)], dropped)
    assert first.startswith("old ") and first.endswith("missed by a factor of 3")
    assert second.strip() == "measured: of both forms"


@pytest.mark.parametrize("one", list(given_up(stored)), ids=lambda one: one.best.name)
def test_what_is_given_up_no_form_that_was_measured_reaches(one):
    assert not one.best.reached


def test_the_bounds_are_those_that_the_layers_were_asked_for():
    rows = {one.name: (one.sense, one.bound) for one in bounds(stored)}
    assert len(rows) == len(list(bounds(stored)))
    for name, wanted in rows.items():
        if "ours / fastest" in name or "ours / checked" in name:
            assert wanted == ("<=", 1.05)
        if name.startswith("one pass / decoder"):
            assert wanted == (">=", 0.8)
    dropped = {one.best.name: one.best.bound for one in given_up(stored)}
    assert dropped["training, median"] == 1.10


def test_the_bounds_are_read_off_the_stored_results(capsys):
    assert __main__.main(["bounds"]) == 0
    printed = capsys.readouterr().out.splitlines()
    table = printed[: printed.index("")]
    assert len(table) == 1 + len(list(bounds(stored)))
    assert len(printed) == len(table) + 2 + 2 * len(list(given_up(stored)))
    assert not any("measuring" in line for line in printed)


def test_a_device_has_a_table_of_its_own(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(results, "folder", lambda: tmp_path)
    for name in ON_DEVICES:
        there = json.loads((STORED_IN / f"speed-{name}.cpu.json").read_text())
        there["experiment"] += "-cuda"
        (tmp_path / f"speed-{name}-cuda.cpu.json").write_text(json.dumps(there))
    assert __main__.main(["bounds", "--device", "cuda"]) == 0
    printed = capsys.readouterr().out
    assert "blur, batch" in printed and "decoder" not in printed
    for alone in ("concatenated / ours", "ours / plain, training, median"):
        assert alone in printed  # given up on a processor alone


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["bounds", "--device", "mtia"], "speed-coordconv-mtia.cpu.json"),
        (["bounds", "--device", "cat"], "device string: cat"),
        (["coordconv", "--device", "mtia"], "is not on this machine"),
    ],
)
def test_a_device_that_is_not_there_is_told_in_one_line(arguments, message, capsys):
    assert __main__.main(arguments) == 2
    told = capsys.readouterr().err
    assert message in told and told.count("\n") == 1


def test_what_is_about_a_processor_is_not_measured_elsewhere():
    with pytest.raises(ValueError, match="coordconv, compiled, pooling on meta, got"):
        run("decoder", "meta")


def test_a_layer_is_measured_on_any_device(device, monkeypatch):
    grid = {"kernels": [1], "channels": [[2, 3]], "images": [[2, 4]]}
    config = grid | {"formats": ["channels_last"], "rounds": 2}
    monkeypatch.setattr(coordconv, "CONFIG", config)
    result = run("coordconv", device.type)
    told = "speed-coordconv" if device.type == "cpu" else f"-{device.type}"
    assert result.experiment.endswith(told)
    assert min(row["value"] for row in result.rows) > 0


def test_the_readme_says_what_was_measured_of_the_layer():
    layer = stored("coordconv")

    def ratios(of, **axes):
        rows = layer.select(metric="ratio", of=of, **axes)
        return [row["value"] for row in rows if row["work"] != "memory"]

    plain = ratios("ours/plain", work="training")
    joined = ratios("concatenated/ours", work="training")
    in_training, without = (
        1 / min(ratios("concatenated/ours", work=work))
        for work in ("training", "forward")
    )
    words = " ".join((ROOT / "README.md").read_text().split())
    assert f"At the median of {len(plain)} cases on one processor core" in words
    assert f"takes {median(plain):.2f} times as long as one of `nn.Conv2d`" in words
    assert f"instead takes {median(joined):.2f} times as long as that" in words
    assert (
        f"appending is often faster: up to {in_training:.1f} times in training, and up "
        f"to {without:.1f} times without gradients"
    ) in words
