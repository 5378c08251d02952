"""The file of claims: read whole, or refused by name."""

import pytest

from coordlib.lab.record import ledger
from coordlib.lab.record.claims import Clause, Reading

EVIDENCE = """- id: A
  source: s
  title: t
  claim: c
  figure: f
  where: not located
  page: p
  evidence:
    experiment: gan
    scale: reduced
    design: 5 seeds, paired
    decided: before
    measured: m
    quantities: {a: a}
    clauses:
      - difference: {more: a}
        delta: 1
        reason: r
"""


def test_a_claim_with_evidence_is_read(tmp_path):
    file = tmp_path / "claims.yml"
    file.write_text(EVIDENCE)
    (read,) = ledger.read_claims(file)
    assert read.experiment == "gan" and read.seeds == 5
    assert read.quantities == {"a": {"metric": "a"}}
    assert read.reading == Reading(
        {}, (Clause("more", "difference", "a", {"delta": 1, "reason": "r"}),)
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("  where: not located\n", "", "fields must have .*'where'"),
        ("page: p", "page: ''", "page must be a text that is not empty"),
        ("page: p", "page: p\n  more: 1", "fields must have"),
        ("experiment: gan", "experiment: [gan]", "experiment must be a text"),
        ("scale: reduced", "scale: small", "scale must be one of"),
        ("5 seeds, paired", "3 seeds, paired", "design must be .* got '3 seeds"),
        ("5 seeds, paired", "many", "design must be"),
        ("decided: before", "decided: soon", "decided must begin with"),
        ("measured: m", "measured: ", "measured must be a text"),
        ("measured: m", "measured: '{b}'", "measured speaks of b, which is no quant"),
        ("measured: m", "measured: '{a + }'", "measured: .* is no sum"),
        ("measured: m", "measured: m\n    rule: []", "evidence must have"),
        ("{a: a}", "{a: {arm: b}}", "quantity 'a' must have a metric"),
        ("{more: a}", "{more: a + c}", "'more' speaks of c, which is no quantity"),
        ("{more: a}", "{more: a.b}", "no sum, difference or quotient"),
        ("{more: a}", "{more: __import__('os')}", "no sum, difference or quotient"),
        ("{more: a}", "[a]", "difference must have names"),
        ("reason: r", "reason: r\n        unit: miles", "unit must be one of"),
        ("reason: r", "reason: r\n        how: h", "difference must have"),
        ("        reason: r\n", "", "difference must have .*'reason'"),
        ("delta: 1", "delta: much", "delta must be a number"),
        ("delta: 1", "delta: 0", "delta must be positive and finite"),
        ("delta: 1", "delta: .nan", "delta must be a number"),
        ("delta: 1", "delta: .inf", "delta must be positive and finite"),
        ("delta: 1", "delta: 1\n        seeds: 3", "seeds must be at least 5"),
        ("delta: 1", "delta: 1\n        possible: [1, 0]", "possible must rise"),
        ("delta: 1", "delta: 1\n        possible: [0, a]", "possible must be a number"),
        ("delta: 1", "delta: 1\n        delta: 2", "no YAML: delta twice from line 16"),
        ("  claim: c\n", "  claim: c\n  claim: d\n", "no YAML: claim twice"),
        ("title: t", "title: true", "title must be a text"),
        ("{more: a}", "{yes: a, true: a}", "must have names that are texts"),
        ("{more: a}", "{more: a + True}", "no sum, difference or quotient"),
        ("{a: a}", "{a: {metric: a, apart: 'no'}}", "apart must be True or False"),
        ("measured: m", "measured: m\n    claimed: []", "claimed must have names"),
        (
            "measured: m",
            "measured: m\n    claimed: {of: a, figure: .inf}",
            "figure must be finite",
        ),
        ("experiment: gan", "experiment: ../x", "experiment must be a name"),
        ("scale: reduced", "scale: reduced\n    preset: quick", "preset must be one"),
        ("title: t", "title: .nan", "title must be a text"),
        ("reason: r", "reason: 3", "reason must be a text"),
        ("{more: a}", "{more: 'mean(a, a)'}", "mean takes 1, got 2"),
        ("{more: a}", "{more: count(a)}", "count takes 2, got 1"),
        ("  evidence:", "  preferred:", "preferred needs an evidence"),
        ("delta: 1", "delta: 1\n        possible: 3", "possible must be a list"),
        ("- difference:", "- guess:", "clauses must be of one kind"),
        (
            "measured: m",
            "measured: m\n    also: {o: {decided: now, clauses: [{some: {a: a > 1}}]}}",
            "decided must begin with 'before'",
        ),
        (EVIDENCE, "- {id: A}", "fields must have"),
        (EVIDENCE, "- A", "must hold a list of claims"),
        (EVIDENCE, "", "must hold a list of claims"),
        (EVIDENCE, "- {id: A", "is no YAML"),
    ],
)
def test_a_malformed_claim_is_named(tmp_path, old, new, message):
    file = tmp_path / "claims.yml"
    assert old in EVIDENCE
    file.write_text(EVIDENCE.replace(old, new))
    with pytest.raises(ValueError, match=message) as caught:
        ledger.read_claims(file)
    assert str(file) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("clauses", "message"),
    [
        ("clauses: []", "clauses must be a list of groups"),
        ("clauses:\n      - exact: {all: a}", "not of the form 'quantity >= number'"),
        ("clauses:\n      - exact: {all: a > nan}", "not of the form"),
        ("clauses:\n      - bound: {b: a}", "bound must have"),
        (
            "clauses:\n      - bound: {b: a}\n        limit: 2\n        cases: 9\n"
            "        trained: a\n        runs: 1\n        grid: 9",
            "limit must be from 0 to 1",
        ),
        (
            "gates: {floor: high}\n    clauses:\n      - exact: {all: a > 1}",
            "gate 'floor': 'high' is not of the form",
        ),
        (
            "clauses:\n      - exact: {all: a > 1}\n      - exact: {all: a > 1}",
            "clauses must have names of their own",
        ),
    ],
)
def test_a_malformed_clause_is_named(tmp_path, clauses, message):
    file = tmp_path / "claims.yml"
    file.write_text(EVIDENCE[: EVIDENCE.index("clauses:")] + clauses + "\n")
    with pytest.raises(ValueError, match=message):
        ledger.read_claims(file)


def test_what_is_merged_may_have_the_names_of_what_it_is_merged_into(tmp_path):
    file = tmp_path / "claims.yml"
    merged = "{a: &base {metric: a}, b: &over {<<: *base, arm: x}, c: {<<: *over}}"
    file.write_text(EVIDENCE.replace("{a: a}", merged))
    (read,) = ledger.read_claims(file)
    assert read.quantities["c"] == {"metric": "a", "arm": "x"}


def test_a_claim_listed_twice_is_named(tmp_path):
    file = tmp_path / "claims.yml"
    file.write_text(EVIDENCE + EVIDENCE)
    with pytest.raises(ValueError, match="listed twice: A"):
        ledger.read_claims(file)


def test_preferred_evidence_stands_before_the_other(tmp_path):
    preferred = EVIDENCE.split("  evidence:\n")[1].replace("gan", "vae")
    file = tmp_path / "claims.yml"
    file.write_text(f"{EVIDENCE}  preferred:\n{preferred}")
    (read,) = ledger.read_claims(file)
    assert read.experiment == "vae" and read.otherwise.experiment == "gan"
    assert [one.experiment for one in read.alternatives] == ["vae", "gan"]
    file.write_text(f"{EVIDENCE}  preferred:\n{preferred.replace('{a: a}', '[a]')}")
    with pytest.raises(ValueError, match="quantities must have names"):
        ledger.read_claims(file)


def test_the_runs_of_a_bound_may_be_measured(tmp_path):
    asked = "- bound: {none: a}\n        limit: 1\n        cases: 9\n"
    asked += "        trained: a\n        grid: 9\n        runs: "
    evidence = EVIDENCE[: EVIDENCE.index("- difference")] + asked
    file = tmp_path / "claims.yml"
    file.write_text(f"{evidence}a\n")
    (read,) = ledger.read_claims(file)
    assert read.reading.clauses[0].options["runs"] == "a"
    file.write_text(f"{evidence}b\n")
    with pytest.raises(ValueError, match="runs speaks of b, which is no quantity"):
        ledger.read_claims(file)
