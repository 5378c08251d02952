"""Rows that a plan is to decide: each can be judged by what its experiments write.

An experiment is measured for hours, and its rule stands before. So that no name in the
rule is one that the experiment does not know, each is run here for a moment, and its
rows are judged as those of a whole run will be.
"""

import re
from dataclasses import replace
from functools import cache

import pytest
import short_runs

from coordlib.lab import experiments
from coordlib.lab.experiments.plans import PLANS, PRESET, rows_decided
from coordlib.lab.record import expression, ledger, results
from coordlib.lab.record.claims import Claim, Reading
from coordlib.lab.record.halving import grid_of, task_of
from coordlib.lab.record.judging import Entry, decide
from coordlib.lab.record.verdicts import NOT_TESTED, VERDICTS

SEEDS = {block.experiment: block.seeds for block in PLANS["decisive"]}
CLAIMS = {claim.id: claim for claim in ledger.read_claims()}
DECIDED = {name: ids for name, ids in rows_decided().items() if name in SEEDS}
RULES = sorted(set().union(*DECIDED.values()))
every_rule = pytest.mark.parametrize("name", RULES)


@pytest.fixture(scope="module")
def where(tmp_path_factory):
    return tmp_path_factory.mktemp("results")


@pytest.fixture(scope="module")
def planned(where):
    """From an experiment of the plan to what it writes there."""
    with pytest.MonkeyPatch.context() as patch:
        short_runs.stand_ins(patch)
        yield cache(lambda name: short_runs.measured(name, SEEDS[name], where))


@pytest.fixture(scope="module")
def judge(where, planned):
    """From a claim to what the ledger makes of it, once the plan is measured."""

    def judged(claim: Claim) -> Entry:
        there = {
            name: planned(name) if name in SEEDS else results.best(name)
            for name in claim.experiments
        }
        return decide(claim, there, where)

    return judged


def readings(claim: Claim) -> list[Reading]:
    return [claim.reading, *claim.also.values()]


def test_the_plan_measures_all_evidence_that_is_waited_for():
    waiting = {
        (claim.id, name)
        for claim in CLAIMS.values()
        for name in claim.experiments
        if results.best(name) is None
    }
    assert waiting <= {(row, name) for name, ids in DECIDED.items() for row in ids}


@every_rule
def test_every_number_of_a_rule_is_one_that_its_experiments_write(name, judge):
    entry = judge(CLAIMS[name])
    assert entry.preferred is None and entry.verdict in VERDICTS
    assert {other.verdict for other in entry.also.values()} <= set(VERDICTS)
    assert entry.measured and "nan" not in entry.measured
    assert f'id="{name}"' in ledger.to_html([entry])
    assert ledger.to_json([entry]) and ledger.to_csv([entry])


@every_rule
def test_every_clause_and_every_gate_of_a_rule_can_be_judged(name, judge):
    for reading in readings(CLAIMS[name]):

        def with_gates(gates, reading=reading):
            return judge(replace(CLAIMS[name], reading=replace(reading, gates=gates)))

        clauses = with_gates({}).judged.clauses
        assert len(clauses) == len(reading.clauses)
        for clause, found in clauses.items():
            assert found.verdict in set(VERDICTS) - {NOT_TESTED}, clause
        for gate, condition in reading.gates.items():
            entry = with_gates({gate: condition})
            assert entry.verdict != NOT_TESTED or entry.because.startswith("gate: ")


@every_rule
def test_the_plan_has_the_seeds_that_a_rule_asks_for(name, judge):
    for reading in readings(CLAIMS[name]):
        entry = judge(replace(CLAIMS[name], reading=replace(reading, gates={})))
        for clause, found in entry.judged.clauses.items():
            few = re.search(r"(^|; )\d+ of \d+ seeds($|;)", found.because)
            assert not few, f"{clause}: {found.because}"


@pytest.mark.parametrize("name", DECIDED)
def test_an_experiment_of_the_plan_alone_decides_its_rows_and_breaks_no_other(
    name, planned, where, tmp_path
):
    """Beside what is stored, as a plan leaves it whose time was up."""
    planned(name)
    own = results.path(name, PRESET, where)
    for file in {f.name: f for f in (*results.folder().iterdir(), own)}.values():
        (tmp_path / file.name).symlink_to(file)
    entries = {entry.claim.id: entry for entry in ledger.ledger(where=tmp_path)}
    assert {entry.verdict for entry in entries.values()} <= set(VERDICTS)
    for row in DECIDED[name]:
        assert entries[row].preferred is None
        assert entries[row].preset == PRESET or entries[row].claim.experiment != name


@every_rule
def test_what_a_row_says_of_the_size_is_read_from_the_measurement(name):
    """For the plan has another size than the results that are stored."""
    assert not re.search(r"[0-9] (pictures|canvases|epochs)", CLAIMS[name].measured)


def bounds() -> list[tuple[str, str, dict]]:
    """Of every bound that a search decides, the search, the split and the clause."""
    found = []
    for claim in map(CLAIMS.get, RULES):
        for clause in (c for reading in readings(claim) for c in reading.clauses):
            for of in expression.names(clause.of) if clause.kind == "bound" else ():
                axes = claim.quantities[of]
                name = axes.get("experiment", claim.experiment)
                if name in SEEDS:
                    found.append((name, axes["split"], clause.options))
    return found


@pytest.mark.parametrize(("name", "split", "options"), bounds())
def test_a_bound_knows_its_cases_and_the_grid_of_the_source(name, split, options):
    search = experiments.find(name)
    task = task_of(search, {"size": search.config(PRESET)["size"]})
    assert options["cases"] == len(task.splits(0)[split][1])
    grid = grid_of(search.config("paper"))
    assert options["grid"] == sum(entry["split"] == split for entry in grid)
