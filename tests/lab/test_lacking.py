"""What the ledger makes of numbers that are not there."""

import pytest
from claimed import FIVE, MATTERS, QUANTITIES, claim, result
from made import result_rows

from coordlib.lab.record import ledger, ledger_html, results
from coordlib.lab.record.claims import Clause
from coordlib.lab.record.judging import decide
from coordlib.lab.record.ledger_figure import row_figure
from coordlib.lab.record.ledger_overview import overview
from coordlib.lab.record.result import Result, rows


def test_a_quantity_that_was_not_measured_is_an_error():
    bare = Result("trial", "cpu", {}, result_rows({0: {"a": 1.0}}))
    with pytest.raises(KeyError, match="no number of each seed with metric 'b'"):
        decide(claim(Clause("more", "difference", "a - b", MATTERS)), {"trial": bare})


def test_a_seed_without_a_number_that_may_lack_is_left_out():
    quantities = QUANTITIES | {"c": {"metric": "c", "sparse": True}}
    clause = Clause("more", "difference", "c - b", MATTERS)
    measured = result(FIVE)
    measured.rows += [row | {"metric": "c"} for row in measured.select(metric="a")[1:]]
    entry = decide(claim(clause, quantities=quantities), {"trial": measured})
    assert entry.seeds == 4
    assert entry.because == "4 of 5 seeds"


def test_where_every_seed_lacks_a_number_that_may_lack_nothing_is_judged():
    quantities = QUANTITIES | {
        "kept": {"metric": "kept", "sparse": True},
        "c": {"metric": "b", "sparse": True},
    }
    clause = Clause("more", "difference", "kept - b", MATTERS)
    asked = claim(clause, quantities=quantities, gates={"floor": "a >= 0.5"})
    entry = decide(asked, {"trial": result(FIVE)})
    assert (entry.verdict, entry.because) == ("not tested", "no seed has kept")
    assert entry.command == "" and "no seed has kept" in ledger.to_html([entry])
    apart = result(FIVE)
    apart.rows = [row for row in apart.rows if row["metric"] != "a" or row["seed"] < 2]
    apart.rows = [row for row in apart.rows if row["metric"] != "b" or row["seed"] > 2]
    other = {name: axes | {"sparse": True} for name, axes in QUANTITIES.items()}
    entry = decide(claim(clause, quantities=other), {"trial": apart})
    assert entry.because == "no seed has all that it speaks of"


@pytest.mark.parametrize("lacking", [{3}, {0, 1, 2, 3, 4}])
def test_a_seed_that_lacks_a_number_because_it_diverged_is_told_as_a_gate(lacking):
    trained = {"trained": "b", "limit": 0.5, "cases": 9, "runs": 1, "grid": 1}
    clauses = (
        Clause("more", "difference", "a - b", MATTERS),
        Clause("none", "bound", "a", trained),
        Clause("some", "some", "b > -1", {}),
    )
    asked = claim(*clauses, claimed={"of": "b", "figure": 1}, gates={"floor": "a > 1"})
    measured = result(FIVE)
    bad = [row for row in measured.rows if row["metric"] == "b"]
    bad = [row for row in bad if row["seed"] in lacking]
    measured.rows = [row for row in measured.rows if row not in bad]
    with pytest.raises(KeyError, match="no number of each seed with metric 'b'"):
        decide(asked, {"trial": measured})
    measured.rows += [
        row for seed in lacking for row in rows({"diverged": 1}, seed=seed, arm="x")
    ]
    entry = decide(asked, {"trial": measured})
    assert (entry.verdict, entry.figure, entry.seeds) == ("not tested", "", 5)
    assert entry.because == "more: gate: every seed gave a number"
    ledger.to_html([entry])
    assert "nan" not in row_figure(entry) + ledger.to_json([entry])


def test_the_page_shows_the_rules_of_what_is_not_measured(tmp_path):
    entries = ledger.ledger(where=tmp_path)
    ids = [entry.claim.id for entry in entries]
    shown = ledger.to_html(entries)
    assert "gate: the training dots are learned" in shown
    assert all(f'id="{name}"' in shown for name in ids)
    assert all(f'href="#{name}"' in overview(entries) for name in ids)
    assert ledger_html.open_rows(entries).count("no result of") == len(ids)


NAIVE = """- {id: X1, source: s, title: t, claim: c, figure: f, where: w, page: p,
  evidence: {
  experiment: pictures, scale: reduced, design: "5 seeds, paired", decided: before,
  quantities: {before: {metric: gain, way: before}}, measured: "{before:+.0%}",
  clauses: [{difference: {harm: -before}, delta: 0.1, reason: much}]}}
"""


def test_a_row_is_judged_by_the_largest_result_that_has_its_arms(tmp_path):
    def save(preset, way, value):
        told = Result("pictures", preset, {})
        for seed in range(5):
            told.add(seed, rows({"gain": value}, way=way))
        results.save(told, tmp_path)

    file = tmp_path / "claims.yml"
    file.write_text(NAIVE)
    save("cpu", "before", 0.1)
    for way, preset, measured in (("before", "decisive", "+20%"), ("x", "cpu", "+10%")):
        save("decisive", way, 0.2)
        (entry,) = ledger.ledger(file, tmp_path)
        assert (entry.preset, entry.measured) == (preset, measured)
