"""What counts as evidence, and when a rule was fixed."""

from claimed import FIVE, MATTERS, claim, result

from coordlib.lab.record import ledger
from coordlib.lab.record.claims import Clause
from coordlib.lab.record.judging import decide


def test_a_quick_run_is_no_evidence():
    asked, found = claim(Clause("more", "difference", "a - b", MATTERS)), result(FIVE)
    assert decide(asked, {"trial": found}).verdict == "supported"
    found.preset = "quick"
    entry = decide(asked, {"trial": found})
    assert entry.verdict == "not tested" and "but a quick one" in entry.because


def test_a_row_says_in_words_when_its_rule_was_fixed_and_folds_the_history():
    told = {"before: by all": "rule fixed before", "post hoc, 2026: why": "post hoc"}
    told |= {"rule changed 2026-11-27: then less": "rule changed after a measurement"}
    for decided, words in told.items():
        row = claim(Clause("more", "difference", "a - b", MATTERS), decided=decided)
        shown = ledger.to_html([decide(row, {"trial": result(FIVE)})])
        first, folded = shown.split("<details>")
        assert words in first and decided not in first
        assert decided.removeprefix("rule ") in folded
