"""Numbers, one a seed: where their mean lies, and what so many of them can show.

All of it is Student's t, from scipy; statsmodels has the same powers and Holm's
correction, and would bring two more packages.
"""

import math
from collections.abc import Mapping

import numpy as np

from coordlib.arguments import (
    check_choice,
    check_flag,
    check_integer,
    check_not_negative,
    check_positive,
)

_SHARES = {False: (0.975, 0.8), True: (0.95, 0.9)}
"""What must not happen by chance, and what shall: both tests of an equivalence must
find it, and each may miss one time in ten."""


def interval(values: np.ndarray, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Where the mean lies, by Student's t along the last axis.

    Parameters
    ----------
    values : array, shape (..., seeds)
        At least two seeds.
    level : float

    Returns
    -------
    low, high : arrays, shape (...)
    """
    from scipy.stats import t  # slow to import, and few need it

    values = np.asarray(values, dtype=float)
    seeds = values.shape[-1]
    middle = values.mean(-1)
    error = values.std(-1, ddof=1) / math.sqrt(seeds)
    reach = t.ppf((1 + level) / 2, seeds - 1) * error
    return middle - reach, middle + reach


def prediction_reach(values: np.ndarray) -> float:
    """How far from the mean another seed may lie, 95 times in a hundred."""
    from scipy.stats import t

    n = len(values)
    return float(t.ppf(0.975, n - 1) * values.std(ddof=1) * math.sqrt(1 + 1 / n))


def detectable(
    spread: float, seeds: int, arms: int = 1, *, equal: bool = False
) -> float:
    """The smallest effect that so many seeds show four times in five.

    Parameters
    ----------
    spread : float
        Standard deviation of the seeds, or of their paired differences.
    seeds : int
        At least two, in each arm.
    arms : {1, 2}
        1 for a mean and for paired differences, 2 for two arms that are not paired.
    equal : bool
        The other way round: within which they show, by two one-sided tests, that there
        is no effect, if there is none.
    """
    from scipy.stats import t

    check_not_negative("spread", spread)
    check_integer("seeds", seeds, at_least=2)
    check_choice("arms", arms, (1, 2))
    check_flag("equal", equal)
    freedom = arms * (seeds - 1)
    both = sum(t.ppf(share, freedom) for share in _SHARES[equal])
    return float(both * spread * math.sqrt(arms / seeds))


def needed(spread: float, delta: float, arms: int = 1, *, equal: bool = False) -> int:
    """The seeds (in each arm) with which an effect of delta shows four times in five.

    If ``equal``, those with which it shows as often that there is none as large.
    Parameters as in :func:`detectable`.
    """
    from scipy.stats import norm

    check_not_negative("spread", spread)
    check_positive("delta", delta)
    check_choice("arms", arms, (1, 2))
    check_flag("equal", equal)
    both = sum(map(norm.ppf, _SHARES[equal]))
    if both * spread > 1e9 * delta:
        raise ValueError(f"delta must not vanish beside spread {spread}, got {delta}")
    # Student's t asks for a few more than the normal distribution; so count from there.
    seeds = max(2, math.ceil(arms * (both * spread / delta) ** 2))
    while detectable(spread, seeds, arms, equal=equal) > delta:
        seeds += 1
    return seeds


def wilson(k: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share, by Wilson: k of n."""
    from scipy.stats import binomtest

    low, high = binomtest(k, n).proportion_ci(method="wilson")
    return float(low), float(high)


def holm(p: Mapping[str, float], level: float = 0.05) -> set[str]:
    """Which of some tests, by name, find something after Holm's correction."""
    found = set()
    for rank, name in enumerate(sorted(p, key=p.__getitem__)):
        if not p[name] <= level / (len(p) - rank):
            break
        found.add(name)
    return found
