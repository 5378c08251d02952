"""The ledger: verdicts follow from measurements, and no claim disappears."""

import pytest
from made import result_rows

from coordlib.lab import experiments
from coordlib.lab.record import ledger, results
from coordlib.lab.record.ledger import Claim, decide
from coordlib.lab.record.result import Result, rows

IDS = (
    [f"L{n:02}" for n in range(1, 21)]
    + [f"P{n:02}" for n in range(1, 7)]
    + [f"Z{n:02}" for n in range(1, 12)]
    + [f"B{n:02}" for n in range(1, 10)]
)
CLAIM = Claim(
    *("X1", "source", "claim", "1", "page", "trial"),
    measured="{a:.1f}",
    rule=("a >= 1", "b < 2"),
)


def claim(measured, *rule, source="s", **more):
    """A claim about the experiment "trial"."""
    told = {"measured": measured, "rule": rule} | more
    return Claim("X1", source, "c", "1", "page", "trial", **told)


def test_a_quantity_is_selected_by_its_axes():
    found = Result("trial", "cpu", {})
    for seed, middle in enumerate((1, 3)):
        for arm, more in (("conv", 0), ("coord", 10)):
            found.add(seed, rows({"iou": middle + more}, arm=arm))
    quantities = {
        "plain": {"metric": "iou", "arm": "conv"},
        "coords": {"metric": "iou", "arm": "coord"},
    }
    entry = decide(
        claim(
            "{plain:.0f}, {coords - plain:.0f}", "coords > 11", quantities=quantities
        ),
        found,
    )
    assert entry.measured == "2, 10"
    assert entry.verdict == "reproduced at smaller size"


def result(preset, a, b):
    found = result_rows({0: {"a": a[0], "b": b}, 1: {"a": a[1], "b": b}})
    return Result("trial", preset, {}, found)


def test_every_claim_of_the_sources_has_its_row():
    assert [claim.id for claim in ledger.read_claims()] == IDS


def test_a_rule_that_holds_at_the_sources_size_is_reproduced():
    entry = decide(CLAIM, result("paper", (0.5, 1.5), 1))
    assert entry.verdict == "reproduced"
    assert entry.measured == "1.0"
    assert entry.seeds == 2


def test_a_rule_that_holds_at_a_smaller_size_says_so():
    assert (
        decide(CLAIM, result("cpu", (1, 1), 1)).verdict == "reproduced at smaller size"
    )


def test_a_rule_may_ask_for_an_effect_beyond_its_interval():
    sure = claim("{low(a):.2f}", "low(a) > 0")
    assert decide(sure, result("cpu", (1, 1.1), 0)).measured == "0.41"
    assert decide(sure, result("cpu", (1, 1.1), 0)).verdict != "not reproduced"
    assert decide(sure, result("cpu", (0.1, 1), 0)).verdict == "not reproduced"


def test_a_rule_may_ask_for_every_seed():
    every = claim("{most(a):.1f}", "least(a) > 1")
    assert decide(every, result("cpu", (1.1, 9), 0)).verdict != "not reproduced"
    assert decide(every, result("cpu", (0.9, 9), 0)).verdict == "not reproduced"
    assert decide(every, result("cpu", (0.9, 9), 0)).measured == "9.0"


def test_a_misspelt_quantity_is_seen_behind_a_comparison_that_fails():
    two = claim("", "a >= 1", "gian > 0")
    with pytest.raises(KeyError, match="'gian'"):
        decide(two, result("cpu", (0, 0), 0))


def test_a_finding_of_the_book_holds_or_does_not():
    found = claim("", "a >= 1", source="ours")
    assert decide(found, result("cpu", (1, 1), 0)).verdict == "holds"
    assert decide(found, result("cpu", (0, 1), 0)).verdict == "does not hold"
    assert decide(found, None).verdict == "not yet measured"


def test_one_seed_has_no_interval_to_decide_by():
    sure = claim("{a:.1f}", "low(a) > 0")
    entry = decide(sure, Result("trial", "cpu", {}, result_rows({0: {"a": 1.0}})))
    assert entry.verdict == "not yet measured"
    assert entry.measured == "1.0"


def test_a_rule_may_compare_two_metrics_seed_by_seed():
    more = claim("{b - a:.2f}", "low(b - a) > 0")
    assert decide(more, result("cpu", (1, 1.1), 2)).measured == "0.95"
    assert decide(more, result("cpu", (1, 1.1), 2)).verdict != "not reproduced"
    assert decide(more, result("cpu", (0.1, 1), 1)).verdict == "not reproduced"


def test_one_comparison_that_fails_is_enough_not_to_reproduce():
    assert decide(CLAIM, result("paper", (1, 1), 2)).verdict == "not reproduced"


def test_a_claim_without_a_measurement_stays_open():
    assert decide(CLAIM, None).verdict == "not yet measured"
    assert decide(CLAIM, Result("trial", "cpu", {})).verdict == "not yet measured"


def test_a_rule_about_a_metric_that_was_not_measured_is_an_error():
    with pytest.raises(KeyError, match="no number of each seed with metric 'b'"):
        decide(CLAIM, Result("trial", "cpu", {}, result_rows({0: {"a": 1.0}})))


def test_every_rule_of_the_book_can_be_decided_by_the_results_there_are():
    entries = ledger.ledger()
    assert len(entries) == len(IDS)
    for entry in entries:
        assert entry.verdict in ledger.VERDICTS
        if entry.claim.experiment:
            assert entry.claim.experiment in experiments.NAMES
        else:
            assert entry.verdict == "not yet measured"


def test_results_decide_the_verdict(tmp_path):
    entries = ledger.ledger(where=tmp_path)
    assert {entry.verdict for entry in entries} == {"not yet measured"}
    exact = {"exact_scipy": 1.0, "exact_batched": 1.0, "exact_pixels": 1.0}
    measured = exact | {"exact_squares": 0.9, "hidden_units": 4, "decoder_lines": 20}
    results.save(
        Result("handmade-decoder", "paper", {}, result_rows({0: measured})), tmp_path
    )
    verdict = {e.claim.id: e.verdict for e in ledger.ledger(where=tmp_path)}
    assert verdict["P01"] == "reproduced"
    assert verdict["P03"] == "not reproduced"


EVIDENCE = (
    "- {id: A, source: s, claim: c, figure: f, page: p, evidence: "
    "{experiment: gan, measured: m, rule: ['a > 1']}}"
)


def test_a_claim_with_evidence_is_read(tmp_path):
    file = tmp_path / "claims.yml"
    file.write_text(EVIDENCE)
    (claim,) = ledger.read_claims(file)
    assert claim.experiment == "gan" and claim.rule == ("a > 1",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- {id: A}", "fields must be"),
        (
            "- {id: A, source: s, claim: c, figure: f, page: p, evidence: {rule: []}}",
            "evidence must be",
        ),
        (
            "- {id: A, source: s, claim: c, figure: f, page: p, evidence: "
            "{experiment: gan, measured: m, rule: ['a is big']}}",
            "not of the form",
        ),
        (
            "- {id: A, source: s, claim: c, figure: f, page: p, evidence: "
            "{experiment: gan, measured: m, rule: ['a > nan']}}",
            "not of the form",
        ),
        (
            "- {id: A, source: s, claim: c, figure: f, page: p, evidence: "
            "{experiment: gan, measured: '{lowest(a)}', rule: ['a > 1']}}",
            "measured names no quantity: lowest",
        ),
        (EVIDENCE.replace("gan", "[gan]"), "experiment must be the name of one"),
        (EVIDENCE.replace("['a > 1']", "[]"), "rule must be a list of comparisons"),
        (EVIDENCE.replace("['a > 1']", "a > 1"), "rule must be .* got 'a > 1'"),
        (EVIDENCE.replace("['a > 1']", ""), "rule must be .* got None"),
        (EVIDENCE.replace("['a > 1']", "[1]"), "rule 1 is not of the form"),
        (EVIDENCE.replace("measured: m", "measured: "), "measured must be a text"),
        (EVIDENCE.replace("{experiment", "{quantities: {a: b}, experiment"), "metric"),
        ("- {id: A, source: s, claim: c, figure: f, page: p, evidence: }", "leave it"),
        (
            "- {id: A, source: s, claim: c, figure: f, page: p, evidence: {}}",
            "leave it",
        ),
        ("- {id: A, source: s, claim: '', figure: f, page: p}", "claim must not be"),
        ("- A", "must hold a list of claims"),
        ("", "must hold a list of claims"),
        ("- {id: A", "is no YAML"),
        (
            "- &a {id: A, source: s, claim: c, figure: f, page: p}\n- *a",
            "listed twice: A",
        ),
    ],
)
def test_a_malformed_claim_is_named(tmp_path, text, message):
    file = tmp_path / "claims.yml"
    file.write_text(text)
    with pytest.raises(ValueError, match=message) as caught:
        ledger.read_claims(file)
    assert str(file) in str(caught.value) and "\n" not in str(caught.value)
