"""Plans: experiments in an order, as far as the time there is goes.

A block of a plan is an experiment at a preset with some seeds. It starts only if it can
end in the time that is left; what was measured is skipped, what was begun is continued.
How long a block takes is a rough estimate for one H100, where none was measured yet;
it is corrected by how long the blocks took that are finished. Where it misleads, the
block is stopped when time is up, its state kept, and the next call goes on with it.
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from time import perf_counter

from coordlib.lab.experiments import run
from coordlib.lab.record import results
from coordlib.lab.record.device import best_device
from coordlib.lab.record.results import Where
from coordlib.lab.training.resume import TimeUp, stopping_after_a_step


@dataclass(frozen=True)
class Block:
    """One experiment of a plan.

    Attributes
    ----------
    experiment, preset : str
    seeds : int
        How many, from 0.
    seconds : float
        For all of them, on an H100.
    claims : str
        Rows of the ledger that it can decide.
    """

    experiment: str
    preset: str
    seeds: int
    seconds: float
    claims: str

    def left(self, where: Where) -> list[int]:
        """The seeds that are not measured yet."""
        file = results.path(self.experiment, self.preset, where)
        done = results.load(file).seeds if file.exists() else []
        return [seed for seed in range(self.seeds) if seed not in done]


# fmt: off
PLANS = {
    "decisive": [
        #     experiment                   preset seeds seconds claims
        Block("vae",                       "cpu",    10,    45, "L17"),
        Block("detection",                 "cpu",    10,    60, "L14"),
        Block("normalisation",             "cpu",    10,    60, "L03 L05 L10 L11"),
        Block("normalisation-rendering",   "cpu",    10,    30, "L01 L02 L09"),
        Block("coordinate-classification", "cpu",    10,   100, "L03 L08 L11"),
        Block("rendering",                 "cpu",    10,    60, "L01 L02 L09"),
        Block("pictures",                  "cpu",    10,   120, "Z05 Z10 Z11"),
        Block("robustness",                "cpu",    10,    40, "Z08 Z09"),
        Block("classification",            "cpu",    12,    40, "L15 P04 P05"),
        Block("classification-control",    "cpu",    12,    15, "L15 P04 P05"),
        Block("gan",                       "cpu",     5,   110, "L16"),
        Block("architectures",             "cpu",     6,   150, "Z06"),
        Block("padding-position",          "cpu",    10,    40, "P05"),
        Block("coordinate-regression",     "cpu",    10,    30, "L07 L12"),
    ],
}
"""Each block whole before the next."""
# fmt: on
DATA = {
    "detection": "mnist",
    "pictures": "cifar-10",
    "robustness": "cifar-10",
    "architectures": "cifar-10",
}
"""The complete data set that an experiment reads; others read none."""


def data_of(name: str) -> list[str]:
    """The complete data sets that a plan reads, by name."""
    return sorted({DATA[b.experiment] for b in PLANS[name] if b.experiment in DATA})


@dataclass
class Outcome:
    """What became of a block: its state, its seconds, the seeds that are left."""

    block: Block
    left: list[int]
    state: str = ""
    seconds: float | None = None


@dataclass
class Clock:
    """What is left of the time, and how far the estimates are from the truth."""

    seconds: float
    start: float
    estimated: float = 0.0
    measured: float = 0.0

    @property
    def left(self) -> float:
        """Seconds."""
        return self.seconds - (perf_counter() - self.start)

    def estimate(self, block: Block, left: list[int]) -> float:
        """How long the seeds of a block will take that are left."""
        correction = self.measured / self.estimated if self.measured else 1.0
        return correction * block.seconds * len(left) / block.seeds

    def learn(self, block: Block, seeds: list[int], seconds: float) -> None:
        """Take in how long some seeds took."""
        self.estimated += block.seconds * len(seeds) / block.seeds
        self.measured += seconds


def run_plan(
    name: str,
    minutes: float,
    *,
    where: Where = None,
    device: str = "auto",
    dry_run: bool = False,
    report: Callable[[str], None] = print,
) -> list[Outcome]:
    """Measure the blocks of a plan, in their order, as far as the time goes.

    Parameters
    ----------
    name : str
        One of :data:`PLANS`.
    minutes : float
    where : str or Path, optional
        The folder of results; that of the checkout if not given.
    device : str
    dry_run : bool
        Say what would be done, and do nothing.
    report : callable
        Takes one line of text at a time.

    Returns
    -------
    list of Outcome

    Raises
    ------
    ValueError
        If there is no such plan, or ``minutes`` is not positive.
    OSError
        If another process is at the plan in that folder.
    KeyboardInterrupt
        After a step whose state is kept, and a table of what was done.
    """
    if name not in PLANS:
        raise ValueError(
            f"plan must be one of {', '.join(map(repr, PLANS))}, got {name!r}"
        )
    if not 0 < minutes < float("inf"):
        raise ValueError(f"minutes must be positive and finite, got {minutes}")
    results.check_writable(where)
    clock = Clock(60 * minutes, perf_counter())
    outcomes = [Outcome(block, block.left(where)) for block in PLANS[name]]
    with ExitStack() as stack:
        if not dry_run:
            stack.enter_context(results.alone(f"plan-{name}", "cpu", where))
        try:
            _learn_from_before(clock, outcomes, where, device)
            planned = clock.left
            for outcome in outcomes:
                estimate = clock.estimate(outcome.block, outcome.left)
                if not outcome.left:
                    outcome.state = "done before"
                elif estimate > (planned if dry_run else clock.left):
                    outcome.state = "waits: too long for the time left"
                elif dry_run:
                    outcome.state, planned = "would run", planned - estimate
                else:
                    _run_block(outcome, clock, where, device, report)
        finally:
            for line in table(outcomes, clock):
                report(line)
    return outcomes


def _run_block(
    outcome: Outcome,
    clock: Clock,
    where: Where,
    device: str,
    report: Callable[[str], None],
) -> None:
    block, seeds, start = outcome.block, outcome.left, perf_counter()
    estimate = clock.estimate(block, seeds)
    report(
        f"{block.experiment}: {len(seeds)} seeds, about {estimate:.0f} s; "
        f"{clock.left:.0f} s are left"
    )
    how = {"where": where, "device": device, "report": report}
    outcome.state = "stopped: goes on with the next call"
    try:
        with stopping_after_a_step(clock.left):
            run(block.experiment, block.preset, seeds, **how)
        outcome.state = "done"
    except TimeUp:
        outcome.state = "time was up: goes on with the next call"
    # A block that cannot run, for want of data, of memory or of a package, or because
    # the folder holds another configuration, keeps no other from running.
    except (OSError, ValueError, ImportError, ArithmeticError, RuntimeError) as error:
        outcome.state = f"skipped: {str(error).splitlines()[0]}"
    finally:
        outcome.seconds = perf_counter() - start
        outcome.left = block.left(where)
        done = [seed for seed in seeds if seed not in outcome.left]
        if done and not outcome.left:
            clock.learn(block, done, outcome.seconds)


def _learn_from_before(
    clock: Clock, outcomes: list[Outcome], where: Where, device: str
) -> None:
    """Correct the estimates by the seeds that were measured on such a device."""
    name = results.device_name(best_device(device))
    for outcome in outcomes:
        block = outcome.block
        file = results.path(block.experiment, block.preset, where)
        proven = results.load(file).provenance if file.exists() else {}
        same = [p["seconds"] for p in proven.values() if p["device"] == name]
        if same:
            clock.learn(block, list(range(len(same))), sum(same))


def table(outcomes: list[Outcome], clock: Clock) -> list[str]:
    """What became of each block, one line each, with a title and what is left."""
    lines = [f"{'block':26s} {'seeds':>7s} {'estimate':>8s} {'took':>7s}  state"]
    for outcome in outcomes:
        block, left = outcome.block, outcome.left
        took = "" if outcome.seconds is None else f"{outcome.seconds:.0f} s"
        seeds = f"{block.seeds - len(left)}/{block.seeds}"
        whole = clock.estimate(block, list(range(block.seeds)))
        lines.append(
            f"{block.experiment:26s} {seeds:>7s} {whole:6.0f} s {took:>7s}  "
            f"{outcome.state or 'not reached'} ({block.claims})"
        )
    finished = sum(not outcome.left for outcome in outcomes)
    rest = sum(clock.estimate(one.block, one.left) for one in outcomes)
    lines.append(
        f"{finished} of {len(outcomes)} blocks are finished; about {rest:.0f} s of "
        "work are left"
    )
    return lines
