"""Fair ratios of times: the candidates take turns, in one process, round by round.

A machine is never the same twice: clocks change, neighbours come and go. So nothing
here says how long a thing takes; it says how much longer than another thing that was
timed a moment before and a moment after.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil
from statistics import median, quantiles
from time import perf_counter
from typing import Any

import torch

from coordlib.lab.record.result import Row, rows

__all__ = ["Ratio", "confirmed", "paired", "ratio"]

ROUNDS = 9
MOST = 1.05  # times as long: what counts as no slower
SECONDS = 0.02  # the least that one turn lasts: far above what a clock resolves


@dataclass(frozen=True)
class Ratio:
    """How long one candidate takes beside another, over the rounds.

    Attributes
    ----------
    median, low, high : float
        The median of the rounds' ratios and their quartiles.
    """

    median: float
    low: float
    high: float

    def rows(self, **axes: object) -> list[Row]:
        """The median as ``ratio``, and the quartiles with ``_low`` and ``_high``."""
        parts = {"ratio": self.median, "ratio_low": self.low, "ratio_high": self.high}
        return rows(parts, **axes)


def finished() -> float:
    """The time in seconds, once an accelerator has done what it was told to do."""
    if torch.accelerator.is_available():
        torch.accelerator.synchronize()
    return perf_counter()


def paired(
    candidates: Mapping[str, Callable[[], object]],
    *,
    rounds: int = ROUNDS,
    seconds: float = SECONDS,
    clock: Callable[[], float] = finished,
) -> dict[str, list[float]]:
    """Time candidates in turns.

    A round gives every candidate one turn, and each round begins with the next
    candidate, so that none always comes first. A turn repeats the call as often as it
    takes to last ``seconds``; a round before the first decides how often, and warms up.

    Parameters
    ----------
    candidates : mapping of str to callable
        What to call, by name.
    rounds : int
        Number of rounds, at least 2.
    seconds : float
        The least that one turn should last.
    clock : callable
        Tells the time in seconds.

    Returns
    -------
    dict of str to list of float
        Seconds a call, one number a round.

    Raises
    ------
    ValueError
        If there are fewer than two rounds, or no candidate.
    """
    if rounds < 2:
        raise ValueError(f"rounds must be at least 2, got {rounds}")
    if not candidates:
        raise ValueError("candidates must name at least one callable")

    def turn(call: Callable[[], object], times: int) -> float:
        start = clock()
        for _ in range(times):
            call()
        return (clock() - start) / times

    repeats = {}
    for name, call in candidates.items():
        turn(call, 1)  # the first call compiles, allocates, fills caches
        repeats[name] = max(ceil(seconds / max(turn(call, 1), 1e-9)), 1)
    names = list(candidates)
    times: dict[str, list[float]] = {name: [] for name in names}
    for n in range(rounds):
        first = n % len(names)
        for name in names[first:] + names[:first]:
            times[name].append(turn(candidates[name], repeats[name]))
    return times


def confirmed(
    candidates: Mapping[str, Callable[[], object]],
    of: str,
    *to: str,
    most: float = MOST,
    rounds: int = ROUNDS,
    **how: Any,
) -> dict[str, list[float]]:
    """Time candidates in turns; where one seems too slow, anew and four times as long.

    Of thirty candidates that take as long as what they stand beside, chance alone
    would make one seem slower in nearly every run. The second time counts, whatever it
    says.

    Parameters
    ----------
    candidates, rounds, how
        As in :func:`paired`.
    of, to : str
        Names of candidates: ``of`` seems too slow if it takes more than ``most`` times
        as long as one of the others.

    Returns
    -------
    dict of str to list of float
    """
    times = paired(candidates, rounds=rounds, **how)
    if all(ratio(times, of, other).median <= most for other in to):
        return times
    return paired(candidates, rounds=4 * rounds, **how)


def ratio(times: Mapping[str, list[float]], of: str, to: str) -> Ratio:
    """Divide the times of one candidate by those of another, round by round.

    Parameters
    ----------
    times : mapping of str to list of float
        What :func:`paired` returned.
    of, to : str
        Names of candidates: 2 means that ``of`` takes twice as long as ``to``.

    Returns
    -------
    Ratio
    """
    ratios = [a / b for a, b in zip(times[of], times[to], strict=True)]
    low, _, high = quantiles(ratios, n=4, method="inclusive")
    return Ratio(median(ratios), low, high)
