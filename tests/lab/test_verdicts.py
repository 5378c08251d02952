"""Verdicts: on simulated data they are right and wrong as often as theory says."""

import math
import re

import numpy as np
import pytest
from scipy import integrate
from scipy.stats import chi, nct, norm, t

from coordlib.lab.record import verdicts
from coordlib.lab.record.intervals import detectable, holm, interval, needed, wilson
from coordlib.lab.record.verdicts import (
    judge_difference,
    judge_equivalence,
    together,
)

TIMES = 10_000
# Four standard errors of a share of so many: one test in sixteen thousand fails.
OFF = 4 * 0.5 / math.sqrt(TIMES)


def draw(effect, seeds, spread=1.0, times=TIMES, seed=0):
    """Simulated experiments, shape (times, seeds)."""
    generator = np.random.default_rng([seed, seeds, round(1000 * abs(effect))])
    return generator.normal(effect, spread, (times, seeds))


def shares(found):
    """How often each verdict was given."""
    names, counts = np.unique(found, return_counts=True)
    return dict(zip(map(str, names), counts / len(found), strict=True))


def over_spreads(probability, seeds):
    """Average what holds at a given sample spread over the spreads that may come."""
    freedom = seeds - 1

    def weighted(root):
        return probability(root / math.sqrt(freedom)) * chi.pdf(root, freedom)

    return integrate.quad(weighted, 0, 12 * math.sqrt(freedom), limit=200)[0]


def theory(effect, delta, seeds):
    """How often each verdict on a difference comes, at a spread of 1."""
    reach = t.ppf(0.975, seeds - 1)
    error = 1 / math.sqrt(seeds)

    def between(low, high):
        """The mean lies between two points that move with the sample spread."""

        def probability(spread):
            a, b = low(reach * spread * error), high(reach * spread * error)
            return max(
                0, norm.cdf((b - effect) / error) - norm.cdf((a - effect) / error)
            )

        return over_spreads(probability, seeds)

    found = {
        "supported": 1 - nct.cdf(reach, seeds - 1, (effect - delta) / error),
        "contradicted (direction)": nct.cdf(-reach, seeds - 1, effect / error),
        "direction holds, too small to matter": between(
            lambda r: r, lambda r: delta - r
        ),
        "contradicted (size)": between(lambda r: -r, lambda r: min(r, delta - r)),
        "direction only": between(lambda r: max(r, delta - r), lambda r: delta + r),
    }
    return found | {"undecided": 1 - sum(found.values())}


CASES = [
    (effect, seeds) for effect in (-1.0, 0.0, 0.5, 1.0, 2.0) for seeds in (5, 10, 40)
]


@pytest.mark.parametrize(("effect", "seeds"), CASES)
def test_verdicts_on_a_difference_come_as_often_as_theory_says(effect, seeds):
    low, high = interval(draw(effect, seeds))
    found = shares(judge_difference(low, high, 1.0))
    for verdict, share in theory(effect, 1.0, seeds).items():
        assert found.get(verdict, 0) == pytest.approx(share, abs=OFF), verdict


@pytest.mark.parametrize("seeds", [5, 10, 20])
def test_an_effect_that_matters_is_rarely_contradicted_and_none_rarely_supported(
    seeds,
):
    for effect in (1.0, 1.5, 3.0):
        found = shares(judge_difference(*interval(draw(effect, seeds)), 1.0))
        wrong = sum(v for k, v in found.items() if "contradicted" in k or "small" in k)
        assert wrong <= 0.025 + OFF
    for effect in (-1.0, 0.0, 0.99):
        found = shares(judge_difference(*interval(draw(effect, seeds)), 1.0))
        assert found.get("supported", 0) <= 0.025 + OFF


def equivalent(effect, delta, seeds):
    """How often two one-sided tests say that there is no difference."""
    reach, error = t.ppf(0.95, seeds - 1), 1 / math.sqrt(seeds)

    def probability(spread):
        inside = delta - reach * spread * error
        if inside <= 0:
            return 0
        ends = (inside - effect) / error, (-inside - effect) / error
        return norm.cdf(ends[0]) - norm.cdf(ends[1])

    return over_spreads(probability, seeds)


@pytest.mark.parametrize(("effect", "seeds"), CASES)
def test_verdicts_on_no_difference_come_as_often_as_theory_says(effect, seeds):
    values = draw(effect, seeds)
    inner, outer = interval(values, 0.9), interval(values)
    found = shares(judge_equivalence(inner, outer, 1.0))
    reach, root = t.ppf(0.975, seeds - 1), math.sqrt(seeds)
    beyond = 1 - nct.cdf(reach, seeds - 1, (effect - 1) * root)
    # Far out scipy's noncentral t gives NaN for what is 0.
    beyond += np.nan_to_num(nct.cdf(-reach, seeds - 1, (effect + 1) * root))
    supported = equivalent(effect, 1.0, seeds)
    assert found.get("supported", 0) == pytest.approx(supported, abs=OFF)
    assert found.get("contradicted", 0) == pytest.approx(beyond, abs=OFF)


def test_little_data_never_shows_that_there_is_no_difference():
    # A spread of four deltas, and intervals that contain 0 nine times in ten.
    values = draw(0.0, 5, spread=4.0)
    inner, outer = interval(values, 0.9), interval(values)
    found = shares(judge_equivalence(inner, outer, 1.0))
    assert ((outer[0] < 0) & (outer[1] > 0)).mean() > 0.9
    assert found.get("supported", 0) < 0.05


@pytest.mark.parametrize("effect", [1.0, 1.2, 2.0])
def test_a_verdict_flips_with_more_seeds_no_oftener_than_theory_gives(effect):
    looks = (5, 6, 8, 10, 15, 20, 40)
    values = draw(effect, max(looks))
    found = [judge_difference(*interval(values[:, :seeds]), 1.0) for seeds in looks]
    supported = np.zeros(TIMES, bool)
    flipped = np.zeros(TIMES, bool)
    for verdict in found:
        flipped |= supported & np.char.startswith(verdict.astype(str), "contradicted")
        supported |= verdict == "supported"
    # To be contradicted after it was supported, it must be contradicted at some look
    # after the first.
    most = sum(
        nct.cdf(-t.ppf(0.975, n - 1), n - 1, (effect - 1.0) * math.sqrt(n))
        for n in looks[1:]
    )
    assert flipped.mean() <= most + OFF
    assert flipped.mean() <= 0.03


def test_the_power_that_is_promised_is_there():
    for seeds in (5, 10, 30):
        effect = detectable(1.0, seeds)
        low, _ = interval(draw(effect, seeds))
        assert (low > 0).mean() == pytest.approx(0.8, abs=0.025)
        assert needed(1.0, effect) == pytest.approx(seeds, abs=1)
    # Paired, ten seeds show one standard deviation, and three need three.
    assert needed(1.0, 1.0) == 10
    assert detectable(1.0, 3) == pytest.approx(3.1, abs=0.1)
    # To show that there is no effect takes more than to show one.
    for seeds in (5, 10, 30):
        delta = detectable(1.0, seeds, equal=True)
        low, high = interval(draw(0.0, seeds), 0.9)
        shown = ((low > -delta) & (high < delta)).mean()
        assert shown == pytest.approx(0.8, abs=0.025)
        assert needed(1.0, delta, equal=True) == pytest.approx(seeds, abs=1)
    ratio = needed(1.0, 0.05, equal=True) / needed(1.0, 0.05)
    assert ratio == pytest.approx(8.56 / 7.85, abs=0.005)
    # .04 points at a spread of .1 between seeds, two arms that are not paired.
    assert needed(0.1, 0.04, arms=2) in (98, 99, 100)


def test_wilson_covers_and_figures_are_met_as_often_as_they_say():
    generator = np.random.default_rng(0)
    k, times = np.unique(generator.binomial(10, 0.8, TIMES), return_counts=True)
    covered = [low <= 0.8 <= high for low, high in (wilson(int(n), 10) for n in k)]
    assert (times * covered).sum() / TIMES == pytest.approx(0.95, abs=0.03)
    met = [
        verdicts.figure(values[:-1], values[-1]) == "met"
        for values in draw(0.0, 9, times=2000)
    ]
    assert np.mean(met) == pytest.approx(0.95, abs=0.03)


VALUES = [0.9, 1.4, 1.1, 1.6, 1.2]


def every_verdict(values):
    yield verdicts.difference(values, 0.5)
    yield verdicts.difference(values, 5.0)
    yield verdicts.equivalence(values, 2.0)
    yield verdicts.noninferiority(values, 0.5)
    shares = np.array(values) / 2
    options = {"cases": 100, "trained": shares, "runs": 1, "grid": 4}
    yield verdicts.bound(shares, 0.3, **options)
    yield verdicts.always([value > 1 for value in values])
    yield verdicts.some([value > 1 for value in values])
    yield verdicts.games({f"g{k}": np.array(values) + k for k in range(9)}, 0.1)
    yield verdicts.figure(values, 1.2)


def test_the_order_of_the_seeds_changes_nothing():
    generator = np.random.default_rng(0)
    as_they_came = list(every_verdict(VALUES))
    for _ in range(20):
        assert list(every_verdict(generator.permutation(VALUES))) == as_they_came


def test_fewer_seeds_than_the_design_names_decide_nothing():
    for values in ([9.0, 9.1, 9.2], VALUES):
        found = verdicts.difference(values, 0.5, seeds=10)
        assert found.verdict == "undecided"
        assert found.because == f"{len(values)} of 10 seeds"
    assert verdicts.equivalence([0, 0, 0.1], 1).verdict == "undecided"
    assert verdicts.difference([5.0], 1).verdict == "undecided"
    assert verdicts.figure([1, 1, 1], 1) == "too few seeds"
    assert verdicts.always([True] * 3).verdict == "undecided"
    with pytest.raises(ValueError, match="seeds must be at least 5, got 3"):
        verdicts.difference(VALUES, 1, seeds=3)


def test_with_fewer_than_five_seeds_the_points_are_given_and_no_interval():
    few = verdicts.difference([1.0, 3.0, 2.0], 0.5)
    assert few.interval is None and few.points == (1.0, 2.0, 3.0)
    assert verdicts.difference(VALUES, 0.5).interval is not None


def test_an_interval_that_leaves_what_is_possible_is_not_given():
    values = [0.4, 1.0, 1.0, 1.0, 0.8]
    assert interval(np.array(values))[1] > 1
    assert verdicts.difference(values, 0.1, possible=(0, 1)).interval is None
    assert verdicts.difference(values, 0.1).interval is not None


def test_what_is_undecided_says_what_it_could_have_shown_and_what_it_needs():
    found = verdicts.difference([-1.0, 2.0, 0.5, 3.0, -0.5], 1.0)
    assert found.verdict == "undecided"
    spread = np.std(found.points, ddof=1)
    factor = t.ppf(0.975, 4) + t.ppf(0.8, 4)
    assert found.detectable == pytest.approx(factor * spread / math.sqrt(5))
    assert (
        detectable(spread, found.needed) <= 1.0 < detectable(spread, found.needed - 1)
    )
    assert verdicts.difference(VALUES, 0.5).needed is None


def test_an_equivalence_names_the_seeds_that_show_equality():
    spread = np.std(VALUES, ddof=1)
    found = verdicts.equivalence(np.array(VALUES) - 1.2, spread)
    assert found.verdict == "undecided"
    within = pytest.approx(detectable(spread, 5, equal=True))
    assert found.detectable == within
    assert found.needed == needed(spread, spread, equal=True) > needed(spread, spread)
    few = verdicts.equivalence([-spread, spread], spread, seeds=5)
    within = pytest.approx(detectable(math.sqrt(2) * spread, 2, equal=True))
    assert few.detectable == within


@pytest.mark.parametrize(
    ("middle", "verdict", "because"),
    [
        (0.0, "supported", "the whole 95 % interval lies above −δ = −0.5"),
        (-0.5, "undecided", "the 95 % interval contains −δ = −0.5"),
        (-1.0, "contradicted", "the whole 95 % interval lies below −δ = −0.5"),
    ],
)
def test_what_is_not_worse_lies_above_minus_delta(middle, verdict, because):
    found = verdicts.noninferiority(middle + np.array([-0.2, -0.1, 0, 0.1, 0.2]), 0.5)
    assert (found.verdict, found.because) == (verdict, because)
    assert (found.margin > 0) == (verdict == "supported")
    assert verdicts.noninferiority([0.0, 0.1], 0.5).verdict == "undecided"


def test_what_is_worse_by_just_delta_goes_wrong_one_time_in_forty_a_side():
    draws = draw(-0.5, 10, times=2000)
    found = shares([verdicts.noninferiority(values, 0.5).verdict for values in draws])
    for wrong in "supported", "contradicted":
        assert found[wrong] == pytest.approx(0.025, abs=4 * math.sqrt(0.025 / 2000))


def test_it_says_whether_more_seeds_would_decide():
    bound = {"cases": 627, "trained": [1.0], "runs": 1, "grid": 324}
    assert verdicts.bound([0.95] * 3, 0.86, **bound).needed == 5
    assert verdicts.bound([0.5] * 3, 0.86, **bound).needed is None
    assert verdicts.always([True] * 3).needed == 10
    assert verdicts.always([True] * 5 + [False] * 5).needed is None
    assert verdicts.some([False] * 3).needed == 10
    assert verdicts.difference([1.0], 1, seeds=7).needed == 7
    assert verdicts.games({"a": VALUES}, 0.1).needed is None
    assert verdicts.games({"a": VALUES}, 0.1, seeds=8).needed == 8


def test_each_verdict_on_a_difference_says_by_what():
    near = np.array([-0.02, -0.01, 0.0, 0.01, 0.02])
    for middle, verdict, because in (
        (2.0, "supported", "at least δ = 1"),
        (-2.0, "contradicted (direction)", "below 0"),
        (0.5, "direction holds, too small to matter", "between 0 and δ = 1"),
        (0.0, "contradicted (size)", "below δ = 1"),
        (1.0, "direction only", "contains δ = 1"),
    ):
        found = verdicts.difference(near + middle, 1.0)
        assert found.verdict == verdict and because in found.because


def test_a_bound_falls_to_one_recipe_whose_seeds_all_exceed_it():
    options = {"cases": 627, "trained": [1.0] * 5, "runs": 1, "grid": 324}
    above = verdicts.bound([0.95, 0.96, 0.97, 0.98, 0.99], 0.86, **options)
    assert above.verdict == "contradicted"
    # By no more than the sampling error of the held-out cases: not enough.
    near = verdicts.bound([0.95, 0.96, 0.97, 0.98, 0.87], 0.86, **options)
    assert near.verdict == "undecided" and "4 of 5 seeds exceed" in near.because
    few = verdicts.bound([0.95, 0.96, 0.97], 0.86, **options)
    assert few.verdict == "undecided" and "3 of 5 seeds" in few.because


def test_a_bound_stands_only_where_enough_was_tried_and_training_got_there():
    def judge(trained, runs):
        options = {"cases": 627, "trained": trained, "runs": runs, "grid": 324}
        return verdicts.bound([0.5] * 5, 0.86, **options)

    assert judge([0.9, 0.99], 81).verdict == "not exceeded"
    assert judge([0.9, 0.99], 81).because == "in 81 runs"
    assert judge([0.9, 0.98], 81).verdict == "undecided"
    assert "training reached 0.980" in judge([0.9, 0.98], 81).because
    assert judge([0.9, 0.99], 80).verdict == "undecided"
    assert "80 of the source's 324 runs" in judge([0.9, 0.99], 80).because


def test_perfect_is_eight_of_ten_and_some_is_one():
    def seeds(k, n=10):
        return [True] * k + [False] * (n - k)

    found = [verdicts.always(seeds(k)).verdict for k in range(11)]
    assert found == ["contradicted"] * 3 + ["undecided"] * 5 + ["supported"] * 3
    assert verdicts.always(seeds(16, 20)).verdict == "supported"
    assert "8 of 10 seeds get there (95 % interval of the share: 0.49 to 0.94)" == (
        verdicts.always(seeds(8)).because
    )
    assert verdicts.some(seeds(1, 3)).verdict == "supported"
    assert verdicts.some(seeds(0, 3)).verdict == "undecided"
    assert verdicts.some(seeds(0)).verdict == "contradicted"


def test_what_is_exact_holds_in_every_case_or_fails_by_name():
    assert verdicts.exact({"a": True, "b": True}).verdict == "holds"
    assert verdicts.exact({"a": True}).because == "computed exactly"
    assert verdicts.exact({"a": True}, "all were tried").because == "all were tried"
    found = verdicts.exact({"a": True, "b": False})
    assert found.verdict == "fails" and "b" in found.because


def test_a_reason_is_given_in_the_unit_of_its_row():
    values = 0.01 * np.arange(5)
    told = {
        verdicts.difference: "the 95 % interval is above 0 and contains δ = 3 points",
        verdicts.noninferiority: "the whole 95 % interval lies above −δ = −3 points",
    }
    for judge, because in told.items():
        assert judge(values, 0.03, unit="points").because == because
        assert judge(values, 0.03).verdict == judge(values, 0.03, unit="%").verdict
    because = verdicts.equivalence(values, 0.03, unit="%").because
    assert re.fullmatch(
        r"the 90 % interval, 0\.4\d+ to 3\.5\d* %, reaches beyond ±δ = ±3 %", because
    )
    assert verdicts.difference(values + 1, 0.01, unit="points").because.endswith(
        "δ = 1 point"
    )


def test_games_are_counted_with_holms_correction_and_nine_of_them():
    spread = np.array([-0.02, -0.01, 0.0, 0.01, 0.02])
    better = {f"better{k}": spread + 1 for k in range(8)}
    similar = {"similar": spread}
    found = verdicts.games(better | similar, 0.1)
    assert found.verdict == "supported"
    assert found.because == "8 better, 1 similar, 0 worse, 0 open of 9 games"
    worse = {name: -values for name, values in better.items()}
    assert verdicts.games(worse | similar, 0.1).verdict == "contradicted"
    few = verdicts.games(better, 0.1)
    assert few.verdict == "undecided" and "fewer than 9" in few.because
    mixed = {f"g{k}": spread + (-1) ** k for k in range(9)}
    assert verdicts.games(mixed, 0.1).verdict == "undecided"


def test_holms_correction_stops_at_the_first_that_is_not_small_enough():
    assert holm({"a": 0.01, "b": 0.02, "c": 0.04}) == {"a", "b", "c"}
    assert holm({"a": 0.01, "b": 0.026, "c": 0.04}) == {"a"}
    assert holm({"a": 0.02, "b": 0.02, "c": 0.02}) == set()


def test_games_without_a_difference_are_rarely_decided():
    decided = 0
    generator = np.random.default_rng(0)
    for _ in range(300):
        gains = {f"g{k}": generator.normal(0, 1, 5) for k in range(9)}
        decided += verdicts.games(gains, 0.1).verdict != "undecided"
    assert decided / 300 <= 0.05


def test_a_claim_of_several_clauses_is_as_good_as_its_weakest():
    good = verdicts.difference(np.array(VALUES), 0.5)
    bad = verdicts.difference(-np.array(VALUES), 0.5)
    open_ = verdicts.difference([1.0, 2.0], 0.5)
    assert together({"a": good, "b": good}) == ("supported", "a")
    assert together({"a": good, "b": open_}) == ("undecided", "b")
    assert together({"a": open_, "b": bad}) == ("contradicted (direction)", "b")
    gate = verdicts.untested("a control")
    assert together({"a": bad, "b": gate}) == ("not tested", "b")
    assert gate.because == "gate: a control"
    assert verdicts.opinion().verdict == "opinion"


def test_of_equal_verdicts_the_one_with_the_least_margin_is_told():
    ten, eight = (verdicts.always([True] * k + [False] * (10 - k)) for k in (10, 8))
    assert together({"a": ten, "b": eight}) == ("supported", "b")
    large, small = (verdicts.difference(np.array(VALUES) + x, 0.5) for x in (9, 3))
    assert together({"a": large, "b": small}) == ("supported", "b")
    near, far = (verdicts.equivalence(np.array(VALUES) - x, 20) for x in (2, 8))
    assert together({"a": near, "b": far}) == ("supported", "b")
    assert verdicts.exact({"a": True}).margin == math.inf


@pytest.mark.parametrize(
    ("values", "delta", "message"),
    [
        ([1, math.nan], 1, "values must be finite"),
        ([], 1, "values must be numbers in a row"),
        ([[1, 2]], 1, "values must be numbers in a row"),
        (VALUES, 0, "delta must be positive"),
        (VALUES, math.inf, "delta must be positive"),
    ],
)
def test_what_cannot_be_judged_is_refused(values, delta, message):
    for judge in (verdicts.difference, verdicts.equivalence):
        with pytest.raises(ValueError, match=message):
            judge(values, delta)
