"""Plans: experiments in an order, as far as the time there is goes.

A block of a plan is an experiment with some seeds, at the preset "decisive". It starts
only if it can end in the time that is left; what was measured is skipped, what was
begun is continued. How long a block takes is a rough estimate for one H100, where none
was measured yet; it is corrected by how long the blocks took that are finished. Where
it misleads, the block is stopped when time is up, its state kept, and the next call
goes on with it.

All results of a plan lie in one archive beside them at the end, to be sent. What is
begun stays in the folders ``*.partial`` and ``decisive.beside``, apart.
"""

import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from coordlib.lab.data.pack import limit_in_bytes, pack, unpack
from coordlib.lab.experiments import beside, run
from coordlib.lab.record import results
from coordlib.lab.record.device import best_device
from coordlib.lab.record.ledger import read_claims
from coordlib.lab.record.results import Where
from coordlib.lab.training.resume import TimeUp, stopping_after_a_step

PRESET = beside.PRESET
ARCHIVE_BYTES = 16_000_000
ARCHIVE_ROOM = 20_000  # for what a zip archive says of its files


@dataclass(frozen=True)
class Block:
    """One experiment of a plan.

    Attributes
    ----------
    experiment : str
    seeds : int
        How many, from 0.
    seconds : float
        For all of them, on an H100, or on its host's idle cores.
    beside : bool
        Whether idle cores of the CPU measure it while an accelerator does the others.
    """

    experiment: str
    seeds: int
    seconds: float
    beside: bool = False

    def left(self, where: Where) -> list[int]:
        """The seeds that are not measured yet."""
        file = results.path(self.experiment, PRESET, where)
        done = results.load(file).seeds if file.exists() else []
        return [seed for seed in range(self.seeds) if seed not in done]


# fmt: off
PLANS = {
    "decisive": [
        #     experiment                  seeds seconds
        Block("vae-64",                      10,    200),
        Block("detection-control",           20,    120),
        Block("pictures",                    10,    200),
        Block("classification-ones",         12,    150),
        Block("robustness",                  10,    200),
        Block("pictures-naive",              10,    250),
        Block("dots-halving",                 5,     85),
        Block("squares-halving",              5,    140),
        Block("regression-long",              5,     30),
        Block("rendering-centre-raw",        10,     30),
        Block("classification-ring",         12,    300),
        Block("architectures",               10,    330),
        Block("gan-equal",                    5,    400),
        Block("play-tuned",                  10,  12600, beside=True),
        Block("play-q-long",                 10,  10800, beside=True),
    ],
    "painters": [
        #     experiment                  seeds seconds
        Block("dots-halving",                 5,     85),
        Block("squares-halving",              5,    140),
    ],
}
"""Each block whole before the next."""
# fmt: on
DATA = {
    "detection-control": "mnist",
    "pictures": "cifar-10",
    "pictures-naive": "cifar-10",
    "robustness": "cifar-10",
    "classification-ones": "cifar-10",
    "classification-ring": "cifar-10",
    "architectures": "cifar-10",
}
"""The complete data set that an experiment reads; others read none."""


def rows_decided() -> dict[str, list[str]]:
    """By experiment the rows of the ledger whose evidence it is, or a part of it.

    Of two evidences for a row the one that counts once it is measured.
    """
    found: dict[str, list[str]] = {}
    try:
        claims = read_claims()
    except FileNotFoundError:  # no checkout, no ledger
        return found
    for claim in claims:
        for name in claim.experiments:
            found.setdefault(name, []).append(claim.id)
    return found


def pack_data(file: str, limit: str, names: Iterable[str] = ()) -> None:
    """Write data sets into one file, those of the plan "decisive" if none is named."""
    pack(file, names or data_of("decisive"), limit_in_bytes(limit))


def unpack_data(file: str) -> None:
    """Put what such a file holds into the cache."""
    unpack(file)


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
        known = self.measured and not block.beside
        correction = self.measured / self.estimated if known else 1.0
        return correction * block.seconds * len(left) / block.seeds

    def learn(self, block: Block, seeds: list[int], seconds: float) -> None:
        """Take in how long some seeds took."""
        self.estimated += block.seconds * len(seeds) / block.seeds
        self.measured += seconds


@dataclass(frozen=True)
class Call:
    """One call of a plan: how long it may take, where it measures, and on what."""

    clock: Clock
    where: Path
    device: str
    dry_run: bool
    report: Callable[[str], None]


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
    where = results.folder() if where is None else Path(where)
    clock = Clock(60 * minutes, perf_counter())
    outcomes = [Outcome(block, block.left(where)) for block in PLANS[name]]
    with ExitStack() as stack:
        if not dry_run:
            stack.enter_context(results.alone(f"plan-{name}", PRESET, where))
        call = Call(clock, where, device, dry_run, report)
        try:
            with _beside([one for one in outcomes if one.block.beside], call):
                _run_blocks([one for one in outcomes if not one.block.beside], call)
        finally:
            for line in table(outcomes, clock):
                report(line)
            if not dry_run:
                report(archive(name, where))
    return outcomes


@contextmanager
def _beside(outcomes: list[Outcome], call: Call) -> Iterator[None]:
    """Let idle cores measure blocks, if an accelerator does the others."""
    accelerated = best_device(call.device).type != "cpu"
    wanted = [(one.block.experiment, seed) for one in outcomes for seed in one.left]
    for outcome in outcomes:
        state = "would run" if call.dry_run else "goes on with the next call"
        outcome.state = state if accelerated else "waits: beside an accelerator only"
    try:
        if call.dry_run or not accelerated:
            yield
            return
        with beside.playing(wanted, call.clock.left, call.where, call.report):
            yield
    finally:
        for outcome in outcomes:
            before, outcome.left = outcome.left, outcome.block.left(call.where)
            if not outcome.left:
                outcome.state = "done" if before else "done before"


def _run_blocks(outcomes: list[Outcome], call: Call) -> None:
    """Measure block after block, each if it can end in the time that is left."""
    _learn_from_before(outcomes, call)
    clock, planned = call.clock, call.clock.left
    for outcome in outcomes:
        estimate = clock.estimate(outcome.block, outcome.left)
        if not outcome.left:
            outcome.state = "done before"
        elif estimate > (planned if call.dry_run else clock.left):
            outcome.state = "waits: too long for the time left"
        elif call.dry_run:
            outcome.state, planned = "would run", planned - estimate
        else:
            _run_block(outcome, call)


def _run_block(outcome: Outcome, call: Call) -> None:
    clock, where, report = call.clock, call.where, call.report
    block, seeds, start = outcome.block, outcome.left, perf_counter()
    estimate = clock.estimate(block, seeds)
    report(
        f"{block.experiment}: {len(seeds)} seeds, about {estimate:.0f} s; "
        f"{clock.left:.0f} s are left"
    )
    how = {"where": where, "device": call.device, "report": report}
    outcome.state = "stopped: goes on with the next call"
    try:
        with stopping_after_a_step(clock.left, report):
            run(block.experiment, PRESET, seeds, **how)
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
        rate = f", {outcome.seconds / len(done):.3g} s a seed" if done else ""
        report(
            f"{block.experiment}: {len(done)} of {len(seeds)} seeds in "
            f"{outcome.seconds:.0f} s{rate}; {clock.left:.0f} s are left"
        )


def _learn_from_before(outcomes: list[Outcome], call: Call) -> None:
    """Correct the estimates by the seeds that were measured on such a device."""
    name = results.device_name(best_device(call.device))
    for outcome in outcomes:
        block = outcome.block
        file = results.path(block.experiment, PRESET, call.where)
        proven = results.load(file).provenance if file.exists() else {}
        same = [p["seconds"] for p in proven.values() if p["device"] == name]
        if same:
            call.clock.learn(block, list(range(len(same))), sum(same))


def table(outcomes: list[Outcome], clock: Clock) -> list[str]:
    """What became of each block, one line each, with a title and what is left."""
    lines = [f"{'block':26s} {'seeds':>7s} {'estimate':>8s} {'took':>7s}  state"]
    decided = rows_decided()
    for outcome in outcomes:
        block, left = outcome.block, outcome.left
        took = "" if outcome.seconds is None else f"{outcome.seconds:.0f} s"
        seeds = f"{block.seeds - len(left)}/{block.seeds}"
        whole = clock.estimate(block, list(range(block.seeds)))
        lines.append(
            f"{block.experiment:26s} {seeds:>7s} {whole:6.0f} s {took:>7s}  "
            f"{outcome.state or 'not reached'} "
            f"({' '.join(decided.get(block.experiment, [])) or 'no row'})"
        )
    finished = sum(not outcome.left for outcome in outcomes)
    rest = sum(
        clock.estimate(one.block, one.left) for one in outcomes if not one.block.beside
    )
    lines.append(
        f"{finished} of {len(outcomes)} blocks are finished; about {rest:.0f} s of "
        "work are left"
    )
    return lines


def archive(name: str, where: Path) -> str:
    """Put the results of a plan into one archive beside them; say where it lies.

    Results come first, then weights as far as :data:`ARCHIVE_BYTES` go.
    """
    target, left_out = where / f"{name}.zip", []
    begun = target.with_suffix(".zip.partial")
    found = [results.path(block.experiment, PRESET, where) for block in PLANS[name]]
    found += [file.with_suffix(".npz") for file in found]
    with zipfile.ZipFile(begun, "w", zipfile.ZIP_DEFLATED) as whole:
        for file in filter(Path.exists, found):
            packed = zlib.compress(file.read_bytes())
            if whole.fp.tell() + len(packed) > ARCHIVE_BYTES - ARCHIVE_ROOM:
                left_out.append(file.name)
            else:
                whole.write(file, file.name)
    begun.replace(target)
    missing = f"; too large for it: {', '.join(left_out)}" if left_out else ""
    return f"results: {target}, {target.stat().st_size / 1e6:.2f} MB{missing}"
