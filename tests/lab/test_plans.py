"""Plans: in their order, as far as the time goes, and nothing twice."""

import signal
import zipfile
from concurrent.futures import Future

import pytest
import torch
from small_trainings import X, Y, line
from torch.nn.functional import mse_loss

from coordlib.__main__ import main
from coordlib.lab import experiments
from coordlib.lab.experiments import beside, plans
from coordlib.lab.experiments.coordinates import cost
from coordlib.lab.experiments.plans import Block, run_plan
from coordlib.lab.record import results
from coordlib.lab.record.arrays import Kept
from coordlib.lab.record.experiment import Trial
from coordlib.lab.record.ledger import read_claims
from coordlib.lab.record.result import Result
from coordlib.lab.training.loop import fit
from coordlib.lab.training.resume import TimeUp, stopping_after_a_step

BLOCKS = [
    Block("first", 2, 20.0),
    Block("second", 1, 30.0),
    Block("third", 1, 5.0),
]


class Laboratory:
    """Experiments that take as long as we say, by a clock that only they move."""

    def __init__(self):
        self.now = 0.0
        self.takes = {"first": 10.0, "second": 30.0, "third": 5.0}  # a seed
        self.ran = []
        self.fails = {}

    def find(self, name):
        def measure(seed, setting):
            if name in self.fails:
                raise self.fails[name]
            self.ran.append((name, seed))
            self.now += self.takes[name]
            return [{"metric": "value", "value": 1.0}]

        return Trial(name=name, question="?", presets={"cpu": {}}, measure=measure)


@pytest.fixture
def laboratory(monkeypatch):
    made = Laboratory()
    monkeypatch.setattr(experiments, "find", made.find)
    monkeypatch.setattr(plans, "perf_counter", lambda: made.now)
    monkeypatch.setitem(plans.PLANS, "small", BLOCKS)
    monkeypatch.setattr(plans, "rows_decided", lambda: {"second": ["X02", "X04"]})
    return made


def states(outcomes):
    return [outcome.state for outcome in outcomes]


def test_the_blocks_run_in_their_order_if_there_is_time(laboratory, tmp_path):
    lines = []
    found = run_plan("small", 2, where=tmp_path, device="cpu", report=lines.append)
    assert laboratory.ran == [("first", 0), ("first", 1), ("second", 0), ("third", 0)]
    assert states(found) == ["done"] * 3
    assert lines[-2].startswith("3 of 3 blocks are finished")
    assert "first: 2 seeds, about 20 s; 120 s are left" in lines
    assert "first: 2 of 2 seeds in 20 s, 10 s a seed; 100 s are left" in lines


def test_a_block_starts_only_if_it_can_end(laboratory, tmp_path):
    options = {"where": tmp_path, "device": "cpu"}
    found = run_plan("small", 0.5, **options)  # 30 s: 20, then 10 are left
    assert laboratory.ran == [("first", 0), ("first", 1), ("third", 0)]
    assert states(found)[1].startswith("waits")
    again = run_plan("small", 1, **options)
    assert laboratory.ran[3:] == [("second", 0)]
    assert states(again) == ["done before", "done", "done before"]


def test_what_blocks_took_corrects_what_others_are_expected_to_take(
    laboratory, tmp_path
):
    laboratory.takes["first"] = 20.0  # twice as long as estimated
    # Of 95 s 55 are left, and the second block is now thought to take 60.
    found = run_plan("small", 95 / 60, where=tmp_path, device="cpu")
    assert laboratory.ran == [("first", 0), ("first", 1), ("third", 0)]
    assert states(found)[1].startswith("waits")


def test_a_dry_run_says_what_would_be_done_and_does_nothing(laboratory, tmp_path):
    lines = []
    options = {"where": tmp_path, "device": "cpu", "report": lines.append}
    found = run_plan("small", 0.5, dry_run=True, **options)
    assert laboratory.ran == [] and list(tmp_path.iterdir()) == []
    assert states(found) == [
        "would run",
        "waits: too long for the time left",
        "would run",
    ]
    assert len(lines) == 1 + 3 + 1 and lines[2].endswith("(X02 X04)")


@pytest.mark.parametrize(
    "error", [OSError("no data here"), ValueError("odd"), RuntimeError("device\nmore")]
)
def test_a_block_that_cannot_run_keeps_no_other_from_running(
    error, laboratory, tmp_path
):
    laboratory.fails["second"] = error
    found = run_plan("small", 5, where=tmp_path, device="cpu")
    said = str(error).splitlines()[0]
    assert states(found) == ["done", f"skipped: {said}", "done"]


def test_time_that_is_up_and_interruptions_leave_a_block_to_go_on_with(
    laboratory, tmp_path
):
    laboratory.fails["first"] = TimeUp()
    found = run_plan("small", 5, where=tmp_path, device="cpu")
    assert states(found)[0] == "time was up: goes on with the next call"
    laboratory.fails["first"] = KeyboardInterrupt()
    lines = []
    with pytest.raises(KeyboardInterrupt):
        run_plan("small", 5, where=tmp_path, device="cpu", report=lines.append)
    assert any("stopped: goes on with the next call" in line for line in lines)


def test_two_runs_of_a_plan_at_one_folder_are_one_too_many(laboratory, tmp_path):
    with (
        results.alone("plan-small", "decisive", tmp_path),
        pytest.raises(OSError, match="another process is measuring plan-small"),
    ):
        run_plan("small", 5, where=tmp_path, device="cpu")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--plan", "nonsense"], "plan must be one of"),
        (["--plan", "decisive", "--minutes", "0"], "minutes must be positive"),
        (["--plan", "decisive", "--minutes", "nan"], "minutes must be positive"),
        ([], "give the NAME of an experiment, or --plan PLAN"),
    ],
)
def test_bad_calls_are_one_clear_line(arguments, message, capsys, tmp_path):
    assert main(["run", *arguments, "--results", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_the_decisive_plan_names_presets_that_are_there():
    for block in plans.PLANS["decisive"]:
        experiments.find(block.experiment).config("decisive")
        assert block.seconds > 0 and block.seeds >= 5


def test_the_rows_that_a_block_decides_are_those_that_it_is_evidence_for():
    claims = {claim.id: claim for claim in read_claims()}
    decided = plans.rows_decided()
    for block in plans.PLANS["decisive"]:
        for name in decided.get(block.experiment, []):
            assert block.experiment in claims[name].experiments
    assert set().union(*decided.values()) == {
        c.id for c in claims.values() if c.experiment
    }
    assert "L17" in decided["vae-64"]
    # The blurs that Z11 asks for are measured by another one.
    assert "Z11" in decided["pictures-naive"] and "Z11" not in decided["pictures"]


def test_a_library_without_its_checkout_has_no_rows(monkeypatch):
    def missing():
        raise FileNotFoundError

    monkeypatch.setattr(plans, "read_claims", missing)
    assert plans.rows_decided() == {}


def archived(tmp_path):
    with zipfile.ZipFile(tmp_path / "small.zip") as whole:
        return set(whole.namelist())


def test_the_results_of_a_plan_lie_in_one_archive(laboratory, tmp_path, monkeypatch):
    lines = []
    run_plan("small", 2, where=tmp_path, device="cpu", report=lines.append)
    expected = {f"{block.experiment}.decisive.json" for block in BLOCKS}
    assert archived(tmp_path) == expected
    assert lines[-1].startswith(f"results: {tmp_path / 'small.zip'}, 0.0")
    noise = torch.Generator().manual_seed(0)
    weights = [Kept({}, {"weight": torch.rand(100_000, generator=noise)})]
    for name in ("first", "second"):
        results.save_weights(weights, name, "decisive", tmp_path)
    monkeypatch.setattr(plans, "ARCHIVE_BYTES", 500_000)
    said = plans.archive("small", tmp_path)
    assert archived(tmp_path) == expected | {"first.decisive.npz"}
    assert said.endswith("too large for it: second.decisive.npz")
    assert (tmp_path / "small.zip").stat().st_size <= 500_000


class AtOnce:
    """An executor that has no processes."""

    def __init__(self, *some, **more):
        pass

    def submit(self, call, *arguments):
        future = Future()
        try:
            future.set_result(call(*arguments))
        except Exception as error:
            future.set_exception(error)
        return future

    def shutdown(self, cancel_futures):
        pass


@pytest.fixture
def accelerated(laboratory, monkeypatch):
    """Take the CPU for an accelerator, beside which the third block is measured."""
    blocks = [*BLOCKS[:2], Block("third", 2, 5.0, beside=True)]
    monkeypatch.setitem(plans.PLANS, "small", blocks)
    monkeypatch.setattr(plans, "best_device", lambda name: torch.device("meta"))
    monkeypatch.setattr(beside, "ProcessPoolExecutor", AtOnce)
    return laboratory


def test_idle_cores_measure_beside_an_accelerator_and_their_seeds_are_joined(
    accelerated, tmp_path
):
    found = run_plan("small", 5, where=tmp_path, device="cpu", report=list)
    assert sorted(accelerated.ran) == [
        *(("first", 0), ("first", 1), ("second", 0), ("third", 0), ("third", 1)),
    ]
    assert states(found) == ["done"] * 3
    third = results.load(results.path("third", "decisive", tmp_path))
    assert third.seeds == [0, 1] and third.provenance.keys() == {"0", "1"}
    again = run_plan("small", 5, where=tmp_path, device="cpu", report=list)
    assert states(again) == ["done before"] * 3 and len(accelerated.ran) == 5


def test_what_fails_or_is_not_done_beside_waits_and_is_said(accelerated, tmp_path):
    accelerated.fails["third"] = ValueError("odd")
    lines, how = [], {"where": tmp_path, "device": "cpu"}
    found = run_plan("small", 5, report=lines.append, **how)
    assert states(found) == ["done", "done", "goes on with the next call"]
    assert "third seed 1: odd" in lines
    assert "beside: 0 of 2 seeds on the CPU are finished" in lines
    accelerated.fails["third"] = TimeUp()
    lines.clear()
    assert states(run_plan("small", 5, report=lines.append, **how))[2].startswith(
        "goes"
    )
    assert not any("third seed" in line for line in lines)


def test_without_an_accelerator_no_core_is_idle(laboratory, tmp_path, monkeypatch):
    monkeypatch.setitem(plans.PLANS, "small", [Block("third", 2, 5.0, beside=True)])
    [found] = run_plan("small", 5, where=tmp_path, device="cpu", report=list)
    assert found.state == "waits: beside an accelerator only"
    assert laboratory.ran == []


def test_a_process_beside_measures_a_seed_on_one_thread(tmp_path):
    folder, lines = tmp_path / "decisive.beside" / "cost-1", []
    folder.mkdir(parents=True)
    for name in cost.COORDINATE_TASKS:
        run = {"seed": 0, "seconds": 1.0}
        row = {"seed": 0, "metric": "value", "value": 1.0}
        read = Result(name, "cpu", {}, [row], runs=[run])
        results.save(read, folder)
    with beside.playing([("cost", 1)], 60, tmp_path, lines.append):
        pass
    assert lines == ["beside: 1 of 1 seeds on the CPU are finished"]
    result = results.load(results.path("cost", "decisive", tmp_path))
    assert result.provenance["1"]["device"] == "cpu (1 threads)"
    with pytest.raises(ValueError, match="of the same configuration"):
        result.join(Result("cost", "decisive", {"of": "paper"}))


def fitted(file, **more):
    model = line()
    history = fit(model, X, Y, mse_loss, steps=9, lr=0.05, checkpoint=file, **more)
    return model.weight.detach().clone(), history.losses


def test_an_interruption_waits_for_the_step_and_the_training_goes_on_from_there(
    tmp_path,
):
    expected, losses = fitted(None)
    steps = []

    def interrupt(step, model):
        steps.append(step)
        if step == 4:
            signal.raise_signal(signal.SIGINT)

    file = tmp_path / "state.pt"
    with pytest.raises(KeyboardInterrupt), stopping_after_a_step(60):
        fitted(file, callback=interrupt)
    assert steps == [1, 2, 3, 4]  # and the fifth is taken whole
    again = []
    found, same = fitted(file, callback=lambda step, model: again.append(step))
    assert again == [6, 7, 8, 9]
    assert torch.equal(found, expected) and same == losses


def test_a_second_interruption_does_not_wait():
    with pytest.raises(KeyboardInterrupt), stopping_after_a_step(60):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        pytest.fail("it waited")


def test_a_training_whose_time_is_over_is_kept(tmp_path):
    file = tmp_path / "state.pt"
    with pytest.raises(TimeUp), stopping_after_a_step(0):
        fitted(file)
    assert file.exists()
    again = []
    fitted(file, callback=lambda step, model: again.append(step))
    assert again == list(range(2, 10))
