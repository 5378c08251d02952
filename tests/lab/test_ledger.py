"""The ledger: verdicts follow from measurements, and no claim disappears."""

import csv
import io
import json
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from claimed import FIVE, MATTERS, claim, judge, result
from made import result_rows

from coordlib.__main__ import main
from coordlib.lab import experiments
from coordlib.lab.record import derived, ledger, ledger_html, results
from coordlib.lab.record.arrays import Kept
from coordlib.lab.record.claims import Claim, Clause, Reading
from coordlib.lab.record.ledger import decide
from coordlib.lab.record.ledger_figure import MARKS, row_figure
from coordlib.lab.record.ledger_overview import overview
from coordlib.lab.record.result import Result, rows
from coordlib.lab.record.verdicts import VERDICTS

IDS = (
    [f"L{n:02}" for n in range(1, 21)]
    + [f"P{n:02}" for n in range(1, 7)]
    + [f"Z{n:02}" for n in range(1, 12)]
    + [f"B{n:02}" for n in range(1, 11)]
)


@pytest.fixture(scope="module")
def entries():
    return ledger.ledger()


def test_every_claim_of_the_sources_has_its_row(entries):
    assert [claim.id for claim in ledger.read_claims()] == IDS
    assert [entry.claim.id for entry in entries] == IDS


def test_a_difference_is_judged_seed_by_seed():
    entry = judge((12.0, 2.1, 5.2, 7.3, 9.4), np.array((10.0, 0.0, 3.0, 5.0, 7.0)))
    assert entry.verdict == "supported"
    assert entry.measured == "7.2" and entry.seeds == 5
    assert judge(FIVE, 2.0).verdict == "direction holds, too small to matter"


def test_scale_and_verdict_are_two_things():
    for scale in ledger.SCALES:
        assert judge(FIVE, scale=scale).verdict == "supported"
        shown = ledger.to_html([judge(FIVE, scale=scale)])
        assert f'data-label="scale">{scale.replace(chr(39), "&#x27;")}<' in shown


def test_fewer_seeds_than_the_design_names_are_not_enough():
    entry = judge(FIVE[:3])
    assert entry.verdict == "undecided" and entry.because == "3 of 5 seeds"


def test_every_command_that_a_row_names_can_be_run(entries):
    for entry in entries:
        for line in entry.command.splitlines():
            *_, name, _, preset, _, seeds = line.split()
            assert preset in experiments.find(name).presets
            assert int(seeds) > 0


def test_an_undecided_row_names_what_it_waits_for():
    few = {"trained": "a", "limit": 0.5, "cases": 100, "runs": 1, "grid": 100}
    one = claim(Clause("c", "bound", "a", few))
    search = replace(one, experiment="search", preset="decisive", otherwise=one)
    entry = decide(search, {"trial": result([0.4] * 5)})
    assert entry.verdict == "undecided"
    assert entry.command == "python -m coordlib run search --preset decisive --seeds 5"
    assert entry.command in re.sub("<[^>]+>", "", ledger_html.open_rows([entry]))


def test_a_gate_that_fails_is_named_and_nothing_is_judged():
    gates = {"the baseline is above its floor": "b >= 0.5"}
    assert judge(FIVE, 0.6, gates=gates).verdict == "supported"
    entry = judge(FIVE, 0.4, gates=gates)
    assert entry.verdict == "not tested"
    assert entry.because == (
        "gate: the baseline is above its floor (asked: at least 0.5; found: 0.4)"
    )
    assert {v.verdict for v in entry.judged.clauses.values()} == {"not tested"}
    assert "<svg" in row_figure(entry)


def test_a_gate_without_a_measurement_is_closed():
    entry = judge(FIVE, gates={"a control with ones": "not measured"})
    assert entry.because == "gate: a control with ones (not measured)"
    assert entry.command == ""


def test_what_waits_for_other_evidence_names_its_command():
    clause = Clause("more", "difference", "a - b", MATTERS)
    better = claim(clause, experiment="control", design="20 seeds, paired")
    waiting = claim(clause, gates={"a control with ones": "not measured"})
    entry = decide(replace(better, otherwise=waiting), {"trial": result(FIVE)})
    assert entry.verdict == "not tested"
    assert entry.command == "python -m coordlib run control --preset cpu --seeds 20"
    assert entry.command in re.sub("<[^>]+>", "", ledger_html.open_rows([entry]))


def test_the_clause_that_decides_is_named():
    clauses = (
        Clause("first", "difference", "a", MATTERS),
        Clause("second", "difference", "0 - a", MATTERS),
    )
    entry = judge(FIVE, clauses=clauses)
    assert entry.verdict == "contradicted (direction)"
    assert entry.because.startswith("second: ")


def test_other_readings_are_judged_apart():
    other = Reading({}, (Clause("less", "difference", "0 - a", MATTERS),))
    entry = judge(FIVE, also={"the other way": other})
    assert entry.verdict == "supported"
    assert entry.also["the other way"].verdict == "contradicted (direction)"
    assert "the other way" in ledger.to_html([entry])


def test_every_kind_of_clause_finds_its_judge():
    trained = {"trained": "a", "limit": 0.5, "cases": 100, "runs": 1, "grid": 4}
    for kind, of, options, verdict in (
        ("bound", "a", trained, "contradicted"),
        ("equivalence", "a", MATTERS | {"delta": 2.0}, "supported"),
        ("always", "a > 0.5", {}, "undecided"),
        ("some", "a > 0.5", {}, "supported"),
        ("exact", "a > 0.5", {}, "holds"),
        ("exact", "a > 0.9", {}, "fails"),
        ("opinion", "a matter of taste", {}, "opinion"),
    ):
        entry = judge((0.9,) * 5, clauses=(Clause("c", kind, of, options),))
        assert entry.verdict == verdict, kind


def test_a_figure_is_judged_apart_from_its_direction():
    claimed = {"of": "a", "figure": 2.2}
    assert judge(FIVE, claimed=claimed).figure == "met"
    assert judge(FIVE, claimed=claimed | {"figure": 9}).figure == "not met"
    assert judge(FIVE[:3], claimed=claimed).figure == "too few seeds"
    assert judge(FIVE).figure == ""


def test_games_are_judged_along_their_axis():
    found = Result("trial", "cpu", {})
    for seed in range(5):
        for game in range(9):
            more = {"gain": 1 + seed / 100 + game / 10}
            found.add(seed, rows(more, game=f"g{game}"))
    games = Clause("more games", "games", "gain", {"delta": 0.1, "reason": "r"})
    asked = claim(
        games, quantities={"gain": {"metric": "gain", "by": "game"}}, measured="m"
    )
    assert decide(asked, {"trial": found}).verdict == "supported"


def test_numbers_of_two_experiments_meet_by_their_seeds():
    quantities = {
        "a": {"metric": "a"},
        "b": {"experiment": "other", "metric": "b"},
    }
    clause = Clause("more", "difference", "a - b", MATTERS)
    other = result([0.0] * 7, np.arange(7.0))
    found = decide(
        claim(clause, quantities=quantities),
        {"trial": result([1.0 + n for n in range(5)]), "other": other},
    )
    assert found.seeds == 5
    assert found.judged.clauses["more"].points == (1.0,) * 5
    assert decide(claim(clause, quantities=quantities), {"trial": other}).because == (
        "no result of other"
    )


def test_an_experiment_kept_apart_keeps_all_its_seeds():
    b = {"experiment": "other", "metric": "b", "apart": True}
    clauses = (Clause("more", "difference", "b", MATTERS),)
    asked = claim(*clauses, quantities={"a": {"metric": "a"}, "b": b})
    measured = {"trial": result(FIVE[:3]), "other": result([0.0] * 7, 2.0)}
    found = decide(asked, measured)
    assert found.seeds == 3
    assert found.judged.clauses["more"].points == (2.0,) * 7
    assert "other" not in found.command


def test_a_claim_without_a_measurement_stays_open():
    asked = claim(Clause("more", "difference", "a", MATTERS))
    for measured in ({}, {"trial": Result("trial", "cpu", {})}):
        entry = decide(asked, measured)
        assert (entry.verdict, entry.because) == ("not tested", "no result of trial")
    open_ = Claim("X1", "source", "t", "c", "1", "somewhere", "page")
    assert decide(open_, {}).because == "nothing answers it yet"


def test_what_is_undecided_says_what_would_decide_it():
    entry = judge((-1.0, 2.0, 0.5))
    assert entry.next == 5
    assert entry.needed > 5
    assert entry.hours(5) == pytest.approx(0.2)
    assert entry.command == "python -m coordlib run trial --preset cpu --seeds 5"
    after = judge((-1.0, 2.0, 0.5, 3.0, -0.5))
    assert after.next == after.needed > 5
    assert judge(FIVE).next is None and judge(FIVE).command == ""


def test_where_more_seeds_do_not_decide_no_number_is_promised():
    trained = {"trained": "a", "limit": 0.5, "cases": 100, "runs": 1, "grid": 100}
    entry = judge([0.4] * 5, clauses=(Clause("c", "bound", "a", trained),))
    assert entry.verdict == "undecided" and entry.next is None
    assert "more seeds do not decide" in ledger_html.open_rows([entry])


def test_of_a_row_that_is_not_tested_the_page_says_what_is_missing(entries):
    shown = ledger_html.open_rows(entries)
    for entry in entries:
        open_ = entry.verdict in ("undecided", "not tested")
        assert (f'href="#{entry.claim.id}"' in shown) == open_
    assert "gate: a third arm with channels of ones" in shown


def test_every_rule_of_the_book_can_be_decided_by_the_results_there_are(entries):
    for entry in entries:
        assert entry.verdict in VERDICTS
        assert entry.claim.experiments
        for name in entry.claim.experiments:
            assert name in experiments.NAMES
        assert entry.because
        open_ = entry.verdict in ("undecided", "not tested")
        assert bool(entry.next or (open_ and entry.preferred)) == bool(entry.command)
        assert entry.next is None or entry.verdict == "undecided"


def test_every_difference_that_matters_has_its_reason_and_every_row_its_place():
    for asked in ledger.read_claims():
        assert asked.where and asked.decided
        readings = (asked.reading, *asked.also.values())
        for clause in (c for reading in readings for c in reading.clauses):
            if "delta" in clause.options:
                assert len(clause.options["reason"]) > 5


def test_no_verdict_on_fewer_seeds_than_five_but_of_what_is_exact(entries):
    for entry in entries:
        if entry.verdict in ("supported", "contradicted", "contradicted (size)"):
            assert entry.seeds >= 5, entry.claim.id
        if entry.verdict == "holds":
            assert entry.claim.design == "every case", entry.claim.id


def test_no_interval_is_printed_of_fewer_than_five_seeds(entries):
    for entry in entries:
        if entry.seeds < 5:
            assert "low(" not in entry.claim.measured, entry.claim.id
            assert "high(" not in entry.claim.measured, entry.claim.id
            for found in entry.judged.clauses.values():
                assert found.interval is None


def test_results_decide_the_verdict(tmp_path):
    entries = ledger.ledger(where=tmp_path)
    assert {entry.verdict for entry in entries} == {"not tested"}
    exact = {"exact_scipy": 1.0, "exact_batched": 1.0, "exact_pixels": 1.0}
    measured = exact | {"exact_squares": 0.9, "hidden_units": 4, "decoder_lines": 20}
    results.save(
        Result("handmade-decoder", "paper", {}, result_rows({0: measured})), tmp_path
    )
    found = {e.claim.id: e for e in ledger.ledger(where=tmp_path)}
    assert found["P01"].verdict == "holds"
    assert found["P03"].verdict == "fails"
    assert found["P03"].because == "every square: asked: exactly 1; found: 0.9"


def test_a_failing_count_shows_a_seed_that_fails(tmp_path):
    """Whose mean over the seeds would pass."""
    exact = {"exact_scipy": 1.0, "exact_batched": 1.0, "exact_pixels": 1.0}
    exact |= {"exact_squares": 1.0, "hidden_units": 4}
    counted = dict(enumerate([20, 20, 20, 60]))
    rows = {seed: exact | {"decoder_lines": lines} for seed, lines in counted.items()}
    results.save(Result("handmade-decoder", "paper", {}, result_rows(rows)), tmp_path)
    found = {e.claim.id: e for e in ledger.ledger(where=tmp_path)}
    assert found["P02"].because.endswith("asked: at most 50; found: 60")


def test_the_ledger_draws_no_random_numbers():
    state = torch.random.get_rng_state()
    ledger.ledger()
    assert torch.equal(torch.random.get_rng_state(), state)


def test_the_painters_of_the_sources_grid_are_counted_whole():
    ratios = derived.parameter_ratios(None, "normalisation", "cpu")
    assert len(ratios) == 9
    # By hand: 46,465 and 1,632,001 parameters, over 7,553.
    assert ratios.min() == pytest.approx(46465 / 7553)
    assert ratios.max() == pytest.approx(1632001 / 7553)


def test_what_a_configuration_fixes_can_be_told(tmp_path):
    results.save(Result("trial", "cpu", {"samples": 5000}), tmp_path)
    told = derived.configured(tmp_path, "trial", "cpu", "samples")
    assert told.tolist() == [5000.0]


def test_dots_inside_the_quadrant_are_counted_from_where_training_ended(tmp_path):
    dots = derived.dots()
    assert len(dots) == 3136 and dots[0] == 4 * 64 + 4 and dots[-1] == 59 * 64 + 59
    answers = torch.from_numpy(dots)
    # Wrong wherever a pixel lies in the last row, which is inside.
    answers = torch.where(answers // 64 == 59, 0, answers)
    kept = [
        Kept({"painter": "deconv"}, {"answers": answers}),
        Kept({"painter": "coordconv"}, {"answers": 0 * answers}),
    ]
    results.save_weights(kept, "trial", "cpu", tmp_path)
    share = derived.right_inside(tmp_path, "trial", "cpu", 4, painter="deconv")
    assert share == pytest.approx(23 / 24)


def test_the_summary_counts_every_claim_once(entries):
    told = ledger.summary(entries)
    total, *counts = map(int, re.findall(r"(\d+) ", told))
    assert total == sum(counts) == len(IDS)
    assert told.startswith(f"Of {len(IDS)} claims ") and told.endswith(".")
    assert ledger.summary([judge(FIVE)]) == "Of 1 claims 1 is supported."
    assert ledger.summary([]) == "Of 0 claims none is judged."


def test_the_downloads_hold_every_row_and_column(entries):
    as_json = json.loads(ledger.to_json(entries))
    as_csv = list(csv.DictReader(io.StringIO(ledger.to_csv(entries))))
    assert [row["id"] for row in as_json] == IDS == [row["id"] for row in as_csv]
    documented = set(re.findall(r"``?(\w+)``?|^(\w+) {2,}", ledger.__doc__, re.M))
    documented = {name for pair in documented for name in pair}
    for row, flat in zip(as_json, as_csv, strict=True):
        assert list(row) == list(flat)
        assert set(row) <= documented
        assert row["verdict"] == flat["verdict"]
        assert json.loads(flat["clauses"]) == row["clauses"]
    assert ledger.to_csv([]).startswith("id,source,title,claim")


def test_each_row_has_an_address_and_a_line_to_quote(entries):
    shown = ledger.to_html(entries)
    for entry in entries:
        assert shown.count(f'id="{entry.claim.id}"') == 1
        line = ledger_html.citation(entry)
        assert entry.claim.id in line and entry.verdict in line and entry.date in line
        assert ("not located" in entry.claim.where) == ("have not located" in line)
    assert "measured until 2026-" in ledger_html.citation(entries[0])


def test_no_short_form_keeps_silent_about_another_reading(entries):
    told, drawn = ledger.summary(entries), overview(entries)
    for entry in entries:
        line = ledger_html.citation(entry)
        for name, judged in entry.also.items():
            assert f"{name}: {judged.verdict}" in line
        assert (entry.claim.id in told) == bool(entry.differing)
        (row,) = re.findall(rf"<li>[^>]*#{entry.claim.id}\".*?</li>", drawn)
        for judged in entry.differing.values():
            assert MARKS[judged.verdict] in row.partition("another reading")[2]


def test_the_filters_know_every_verdict_source_and_chapter_of_a_row(entries):
    chosen, shown = ledger_html.filters(entries), ledger.to_html(entries)
    for name in ("verdict", "source", "chapter"):
        values = set(re.findall(rf'data-{name}="([^"]+)"', shown))
        assert values == set(re.findall(rf'not\(\[data-{name}="([^"]+)"', chosen))
        assert all(f'<option value="{value}">' in chosen for value in values)


def test_the_sources_figure_is_a_mark_on_the_line():
    claimed = {"of": "a - b", "figure": 2.0}
    assert "#D55E00" in row_figure(judge(FIVE, claimed=claimed))
    assert "#D55E00" not in row_figure(judge(FIVE))


def test_three_seeds_are_three_dots_and_five_are_an_interval():
    assert row_figure(judge(FIVE[:3])).count("<circle") == 3
    five = row_figure(judge(FIVE))
    assert five.count("<circle") == 1 and "<line" in five


def test_no_difference_is_drawn_with_the_interval_that_judges_it():
    same = (Clause("none", "equivalence", "a - b", MATTERS),)
    drawn = row_figure(judge((-0.2, 0.1, 0.0, 0.1, 0.0), clauses=same))
    ends = r'<line x1="([\d.]+)" x2="([\d.]+)"[^>]+stroke-width="{}"/>'
    (outer,), (inner,) = (re.findall(ends.format(width), drawn) for width in (2, 5))
    assert float(outer[0]) < float(inner[0]) < float(inner[1]) < float(outer[1])
    assert 'stroke-width="5"' not in row_figure(judge(FIVE))


def test_a_download_is_a_file_in_the_page_itself():
    link = ledger_html.download('a,"ä\n<b>', "x.csv", "text/csv")
    assert link.startswith('<a download="x.csv" href="data:text/csv;charset=utf-8,')
    assert "<b>" not in link and link.count('"') == 4


def test_the_terminal_prints_verdict_scale_and_what_comes_next(capsys):
    assert main(["ledger"]) == 0
    told = capsys.readouterr().out
    assert told.splitlines()[0].startswith("L01  ")
    assert all(f"\n{name}  " in told for name in IDS[1:])
    assert "next: " in told and ledger.summary(ledger.ledger()) in told
    assert main(["ledger", "--format", "json"]) == 0
    assert [row["id"] for row in json.loads(capsys.readouterr().out)] == IDS
    assert main(["ledger", "--format", "csv"]) == 0
    assert capsys.readouterr().out.startswith("id,source,title,claim")


def test_the_terminal_reads_another_folder(tmp_path, capsys):
    assert main(["ledger", "--results", str(tmp_path)]) == 0
    assert f"Of {len(IDS)} claims {len(IDS)} are not tested." in capsys.readouterr().out
    assert main(["ledger", "--results", str(tmp_path / "none")]) == 2


def test_preferred_evidence_counts_once_it_is_measured_with_five_seeds():
    clauses = (Clause("more", "difference", "a - b", MATTERS),)
    other = claim(*clauses)
    asked = claim(*clauses, experiment="preferred", otherwise=other)
    measured = {"trial": result((0.0,) * 5)}
    assert decide(asked, measured).claim is other
    for values, preset, taken in (
        (FIVE[:4], "cpu", other),
        (FIVE, "quick", other),
        (FIVE, "decisive", asked),
    ):
        found = result(values)
        found.experiment, found.preset = "preferred", preset
        entry = decide(asked, measured | {"preferred": found})
        assert entry.claim is taken
        assert (entry.verdict == "supported") == (taken is asked)


def test_where_delta_would_show_as_many_seeds_again_come_next():
    spread = np.tile([-0.8, 0.8], 6)
    same = Clause("no difference", "equivalence", "a - b", MATTERS)
    entry = judge(tuple(0.7 + spread), clauses=(same,))
    assert (entry.verdict, entry.needed, entry.next) == ("undecided", None, 24)
    assert "a narrower interval is needed" in ledger_html.open_rows([entry])
