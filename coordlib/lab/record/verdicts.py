"""Verdicts: what numbers, one a seed, say of a claim. Pure functions, no files.

A claim says before it is measured: what is estimated, signed in the claim's direction;
the smallest effect that matters (``delta``); what must hold before it may be judged
(gates); how many seeds decide. Scale is no part of a verdict.

=============  ==================================================================
kind           verdicts
=============  ==================================================================
difference     supported, direction only, direction holds but too small to
               matter, contradicted (direction), contradicted (size), undecided
no difference  supported (two one-sided tests), contradicted, undecided
no worse       supported, contradicted, undecided
bound          contradicted, not exceeded, undecided
always, some   supported, contradicted, undecided
exact          holds, fails
games          supported, contradicted, undecided
any            not tested, where a gate fails; opinion, if nothing measurable
=============  ==================================================================

Fewer seeds than the design names decide nothing. A seed that diverged is an outcome
and counts. An interval is Student's t, of the seeds or of their paired differences.
A claim of several clauses holds if all do, so no correction is due for *supported*;
one clause that is contradicted contradicts the claim, at 2.5 % a clause.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from coordlib.arguments import (
    check_flags,
    check_instance,
    check_integer,
    check_number,
    check_numbers,
    check_pair,
    check_positive,
)
from coordlib.lab.record.intervals import (
    detectable,
    holm,
    interval,
    needed,
    prediction_reach,
    wilson,
)
from coordlib.lab.record.verdict import (
    CONTRADICTED,
    DIRECTION_ONLY,
    FAILS,
    HOLDS,
    NOT_EXCEEDED,
    NOT_TESTED,
    OPINION,
    SUPPORTED,
    TOO_SMALL,
    UNDECIDED,
    UNITS,
    VERDICTS,
    WRONG_DIRECTION,
    WRONG_SIZE,
    Verdict,
    amount,
    exact,
    opinion,
    together,
    untested,
)

__all__ = [
    "CONTRADICTED",
    "DIRECTION_ONLY",
    "FAILS",
    "HOLDS",
    "NOT_EXCEEDED",
    "NOT_TESTED",
    "OPINION",
    "SUPPORTED",
    "TOO_SMALL",
    "UNDECIDED",
    "UNITS",
    "VERDICTS",
    "WRONG_DIRECTION",
    "WRONG_SIZE",
    "Verdict",
    "always",
    "bound",
    "difference",
    "equivalence",
    "exact",
    "figure",
    "games",
    "judge_difference",
    "judge_equivalence",
    "noninferiority",
    "opinion",
    "some",
    "together",
    "untested",
]

LEAST_SEEDS = 5
"""Fewer decide nothing, whatever they say."""
FULLY_TRAINED = 0.99
"""What training must reach before a bound can count as not exceeded."""
LEAST_GRID = 0.25
"""Share of the source's grid that must be searched before it can."""
LEAST_GAMES = 9
"""Fewer games decide nothing: five heads in five throws happen once in sixteen."""


def judge_difference(low: np.ndarray, high: np.ndarray, delta: float) -> np.ndarray:
    """The verdicts on differences whose 95 % intervals these are, one or many."""
    low, high = np.asarray(low), np.asarray(high)
    return np.select(
        [low >= delta, high < 0, (low > 0) & (high < delta), high < delta, low > 0],
        [SUPPORTED, WRONG_DIRECTION, TOO_SMALL, WRONG_SIZE, DIRECTION_ONLY],
        UNDECIDED,
    )


def judge_equivalence(
    inner: tuple[np.ndarray, np.ndarray],
    outer: tuple[np.ndarray, np.ndarray],
    delta: float,
) -> np.ndarray:
    """The verdicts on "no difference" by 90 % and by 95 % intervals, one or many."""
    (low90, high90), (low95, high95) = map(np.asarray, inner), map(np.asarray, outer)
    return np.select(
        [(low90 > -delta) & (high90 < delta), (low95 > delta) | (high95 < -delta)],
        [SUPPORTED, CONTRADICTED],
        UNDECIDED,
    )


def difference(
    values: Sequence[float],
    delta: float,
    *,
    seeds: int = LEAST_SEEDS,
    possible: tuple[float, float] | None = None,
    unit: str = "",
) -> Verdict:
    """Whether an effect is there and matters.

    Parameters
    ----------
    values : sequence of float
        The effect, one number a seed, positive where the claim says so.
    delta : float
        The smallest effect that matters; positive.
    seeds : int
        How many decide.
    possible : tuple of two floats, optional
        Between what the effect must lie: an interval beyond is not given.
    unit : str
        One of ``UNITS``, in which the reason gives delta and an interval.

    Raises
    ------
    ValueError
        If a number is not finite, or ``delta`` is not positive.
    """
    values, few = _checked(values, delta, seeds)
    if few:
        return _too_few(values, delta, seeds)
    low, high = interval(values)
    verdict = str(judge_difference(low, high, delta))
    found = _outcome(verdict, _reason(verdict, delta, unit), values, delta, possible)
    return replace(found, margin=float(low) / delta - 1)


def equivalence(
    values: Sequence[float],
    delta: float,
    *,
    seeds: int = LEAST_SEEDS,
    possible: tuple[float, float] | None = None,
    unit: str = "",
) -> Verdict:
    """Whether there is no difference that matters: two one-sided tests at 5 %.

    Parameters and errors as in :func:`difference`. That an interval contains 0 is
    never evidence: it does so the more easily the fewer seeds there are.
    """
    values, few = _checked(values, delta, seeds)
    if few:
        return _too_few(values, delta, seeds, equal=True)
    low, high = map(float, interval(values, 0.9))
    verdict = str(judge_equivalence((low, high), interval(values), delta))
    inner = f"{UNITS[unit] * low:.3g} to {amount(high, unit, '.3g')}"
    inner, margin = f"the 90 % interval, {inner},", f"±δ = ±{amount(delta, unit)}"
    reason = {
        SUPPORTED: f"{inner} lies within {margin}",
        CONTRADICTED: f"the 95 % interval lies beyond {margin}",
        UNDECIDED: f"{inner} reaches beyond {margin}",
    }[verdict]
    found = _outcome(verdict, reason, values, delta, possible, equal=True)
    return replace(found, inner=(low, high), margin=1 - max(-low, high) / delta)


def noninferiority(
    values: Sequence[float],
    delta: float,
    *,
    seeds: int = LEAST_SEEDS,
    possible: tuple[float, float] | None = None,
    unit: str = "",
) -> Verdict:
    """Whether something is surely not worse by as much as matters.

    Parameters and errors as in :func:`difference`. Supported if the whole 95 % interval
    lies above ``-delta``, contradicted if it lies below that.
    """
    values, few = _checked(values, delta, seeds)
    if few:
        return _too_few(values, delta, seeds)
    low, high = map(float, interval(values))
    if low > -delta:
        verdict, where = SUPPORTED, "whole 95 % interval lies above"
    elif high < -delta:
        verdict, where = CONTRADICTED, "whole 95 % interval lies below"
    else:
        verdict, where = UNDECIDED, "95 % interval contains"
    reason = f"the {where} −δ = −{amount(delta, unit)}"
    found = _outcome(verdict, reason, values, delta, possible)
    return replace(found, margin=low / delta + 1)


def bound(
    values: Sequence[float],
    limit: float,
    *,
    cases: int,
    trained: Sequence[float],
    runs: int,
    grid: int,
    seeds: int = LEAST_SEEDS,
) -> Verdict:
    """Whether "no network exceeds the limit" survives one recipe.

    Parameters
    ----------
    values : sequence of float
        What one recipe reached, one number a fresh seed: one that had no part in
        choosing the recipe.
    limit : float
        In [0, 1].
    cases : int
        On how many held-out cases each number rests. It must exceed the limit by
        1.96 times the sampling error of a share, which bounds that of any mean of
        numbers in [0, 1].
    trained : sequence of float
        What training reached.
    runs, grid : int
        Recipes tried, and those that the source tried.
    seeds : int
    """
    values, few = _checked(values, 1, seeds)
    reached = float(np.max(check_numbers("trained", trained, finite=True)))
    check_integer("cases", cases)
    check_integer("runs", runs)
    check_integer("grid", grid)
    check_number("limit", limit)
    if not 0 <= limit <= 1:
        raise ValueError(f"limit must lie in [0, 1], got {limit}")
    margin = 1.96 * math.sqrt(limit * (1 - limit) / cases)
    above = int((values > limit + margin).sum())
    what = f"{above} of {len(values)} seeds exceed {limit:g} by more than {margin:.3f}"
    if not few and above == len(values):
        return _outcome(CONTRADICTED, what, values, None, (0, 1))
    if above == 0 and reached >= FULLY_TRAINED and runs >= LEAST_GRID * grid:
        return _outcome(NOT_EXCEEDED, f"in {runs} runs", values, None, (0, 1))
    reasons = [f"{len(values)} of {seeds} seeds"] if few else []
    if above:
        reasons.append(what)
    else:
        if reached < FULLY_TRAINED:
            reasons.append(f"training reached {reached:.3f}, below {FULLY_TRAINED:g}")
        if runs < LEAST_GRID * grid:
            reasons.append(f"{runs} of the source's {grid} runs, fewer than a quarter")
    found = _outcome(UNDECIDED, "; ".join(reasons), values, None, (0, 1))
    # More seeds can only exceed it: that they do if all did so far.
    return replace(found, needed=seeds if few and above == len(values) else None)


def always(reached: Sequence[bool], *, seeds: int = 10) -> Verdict:
    """Whether every training gets there, or does so perfectly.

    Supported if at least 8 of 10 do, contradicted if at most 2 do; of more seeds the
    same shares.
    """
    reached = _yes_or_no(reached, seeds)
    k, n = int(reached.sum()), len(reached)
    points, most = tuple(map(float, reached)), max(seeds, 10)
    margin = k / n - 0.8
    found = Verdict(UNDECIDED, _share(k, n), points, k / n, margin=margin)
    if n < most:
        why = f"{found.because}; {n} of {most} seeds"
        return replace(found, because=why, needed=most)
    likely = CONTRADICTED if k <= 0.2 * n else UNDECIDED
    return replace(found, verdict=SUPPORTED if margin >= 0 else likely)


def some(reached: Sequence[bool], *, seeds: int = 10) -> Verdict:
    """Whether some training gets there: one is enough, none in ten is against it."""
    reached = _yes_or_no(reached, seeds)
    k, n = int(reached.sum()), len(reached)
    verdict = SUPPORTED if k else CONTRADICTED if n >= max(seeds, 10) else UNDECIDED
    found = Verdict(verdict, _share(k, n), tuple(map(float, reached)), k / n)
    return replace(found, needed=max(seeds, 10) if verdict == UNDECIDED else None)


def figure(values: Sequence[float], claimed: float) -> str:
    """Whether a figure fits: *met* in the 95 % prediction interval of another seed.

    Apart from the direction, and from whether the effect matters. Fewer than five
    seeds would let almost any figure pass: *too few seeds*.
    """
    values = check_numbers("values", values, finite=True)
    check_number("claimed", claimed)
    if len(values) < LEAST_SEEDS:
        return "too few seeds"
    # Numbers that are all the same have an interval without width, but for rounding.
    reach = prediction_reach(values) + 1e-9 * abs(values.mean())
    return "met" if abs(values.mean() - claimed) <= reach else "not met"


def games(
    gains: Mapping[str, Sequence[float]], delta: float, *, seeds: int = LEAST_SEEDS
) -> Verdict:
    """Whether more games are better than worse.

    A game is similar if its equivalence test passes. Else it is better or worse if its
    t-test, with Holm's correction over the games, finds a difference at 5 %; or it
    stays open. A sign test over the decided games decides, with nine games or more.

    Parameters
    ----------
    gains : mapping of str to sequence of float
        By game, one number a seed.
    delta : float
    seeds : int
    """
    from scipy.stats import binomtest, ttest_1samp

    check_instance("gains", gains, Mapping, "the gains by game")
    values = {game: _checked(gain, delta, seeds)[0] for game, gain in gains.items()}
    fewest = min(map(len, values.values()), default=seeds)
    if fewest < seeds:
        why = f"{fewest} of {seeds} seeds"
        return Verdict(UNDECIDED, why, delta=delta, needed=seeds)
    different = holm({g: ttest_1samp(x, 0).pvalue for g, x in values.items()})
    kind = dict.fromkeys(values, "open")
    for game, gain in values.items():
        if equivalence(gain, delta, seeds=seeds).verdict == SUPPORTED:
            kind[game] = "similar"
        elif game in different:
            kind[game] = "better" if gain.mean() > 0 else "worse"
    kinds = Counter(kind.values())
    count = ", ".join(f"{kinds[k]} {k}" for k in ("better", "similar", "worse", "open"))
    better, worse = kinds["better"], kinds["worse"]
    verdict, why = UNDECIDED, f"{count} of {len(values)} games"
    if len(values) < LEAST_GAMES:
        why += f", fewer than {LEAST_GAMES}"
    elif better + worse and binomtest(better, better + worse).pvalue < 0.05:
        verdict = SUPPORTED if better > worse else CONTRADICTED
    means = tuple(float(gain.mean()) for gain in values.values())
    return Verdict(verdict, why, means, float(np.mean(means)), delta=delta)


def _checked(
    values: Sequence[float], delta: float, seeds: int
) -> tuple[np.ndarray, bool]:
    """The values in an order of their own, and whether they are too few to decide."""
    values = check_numbers("values", values, finite=True)
    check_positive("delta", delta)
    check_integer("seeds", seeds, at_least=LEAST_SEEDS)
    # Sorted, so that not even rounding depends on the order of the seeds.
    return np.sort(values), len(values) < seeds


def _yes_or_no(reached: Sequence[bool], seeds: int) -> np.ndarray:
    check_integer("seeds", seeds)
    return np.sort(check_flags("reached", reached))


def _share(k: int, n: int) -> str:
    ends = "{:.2f} to {:.2f}".format(*wilson(k, n))
    return f"{k} of {n} seeds get there (95 % interval of the share: {ends})"


def _too_few(
    values: np.ndarray, delta: float, seeds: int, *, equal: bool = False
) -> Verdict:
    why, asked = f"{len(values)} of {seeds} seeds", {"at_least": seeds, "equal": equal}
    return _outcome(UNDECIDED, why, values, delta, None, **asked)


def _reason(verdict: str, delta: float, unit: str) -> str:
    least = f"δ = {amount(delta, unit)}"
    return {
        SUPPORTED: f"the whole 95 % interval is at least {least}",
        WRONG_DIRECTION: "the whole 95 % interval is below 0",
        TOO_SMALL: f"the 95 % interval lies between 0 and {least}",
        WRONG_SIZE: f"the whole 95 % interval is below {least}",
        DIRECTION_ONLY: f"the 95 % interval is above 0 and contains {least}",
        UNDECIDED: f"the 95 % interval contains 0 and {least}",
    }[verdict]


def _outcome(
    verdict: str,
    because: str,
    values: np.ndarray,
    delta: float | None,
    possible: tuple[float, float] | None,
    *,
    at_least: int = LEAST_SEEDS,
    equal: bool = False,
) -> Verdict:
    """A verdict with what is known of its numbers."""
    if possible is not None:
        check_pair("possible", possible)
    ends = None
    if len(values) >= LEAST_SEEDS:
        low, high = map(float, interval(values))
        if possible is None or (possible[0] <= low and high <= possible[1]):
            ends = (low, high)
    power = {}
    if verdict == UNDECIDED and delta is not None:
        power["needed"] = at_least
        if len(values) > 1:
            spread = float(values.std(ddof=1))
            power["detectable"] = detectable(spread, len(values), equal=equal)
            power["needed"] = max(needed(spread, delta, equal=equal), at_least)
    found = tuple(map(float, values)), float(values.mean()), ends, delta
    return Verdict(verdict, because, *found, **power)
