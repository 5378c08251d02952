"""Does an outcome depend on the group that a sample is in?"""

import numpy as np
from numpy.typing import ArrayLike

from coordlib.arguments import check_integer, check_numbers


def explained(values: ArrayLike, groups: ArrayLike) -> float:
    """The share of the variance of values, (N,), that lies between groups, (N,)."""
    values, groups = check_numbers("values", values), _row("groups", groups)
    if len(values) != len(groups):
        raise ValueError(
            f"groups must be one for each of {len(values)} values, got {len(groups)}"
        )
    parted = np.unique(groups, return_inverse=True, return_counts=True)
    inverse, counts = parted[1:]
    means = np.bincount(inverse, values) / counts
    between = np.sum(counts * (means - values.mean()) ** 2)
    return float(between / (len(values) * values.var()))


def permutation_p(
    values: ArrayLike, groups: ArrayLike, draws: int = 1000, seed: int = 0
) -> float:
    """The p-value of a permutation test.

    It is the share of shuffles, with the true order as one of them, by which the groups
    explain at least as much of the variance.
    """
    check_integer("draws", draws, at_most=10**6)
    check_integer("seed", seed, at_least=0)
    values, generator = check_numbers("values", values), np.random.default_rng(seed)
    real = explained(values, groups)
    shuffled = (generator.permutation(values) for _ in range(draws))
    as_well = sum(explained(draw, groups) >= real for draw in shuffled)
    return (1 + as_well) / (1 + draws)


def _row(name: str, given: ArrayLike) -> np.ndarray:
    """One thing after another that can be told apart: numbers, words, flags."""
    try:
        row = np.asarray(given)
    except ValueError:
        row = np.empty(())
    if row.ndim != 1 or row.dtype.kind not in "biufU":
        raise ValueError(f"{name} must be a group for each value, got {given!r}")
    return row
