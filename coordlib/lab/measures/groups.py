"""Does an outcome depend on the group that a sample is in?"""

import numpy as np
from numpy.typing import ArrayLike


def explained(values: ArrayLike, groups: ArrayLike) -> float:
    """The share of the variance of values, (N,), that lies between groups, (N,)."""
    values = np.asarray(values, dtype=float)
    parted = np.unique(groups, return_inverse=True, return_counts=True)
    inverse, counts = parted[1:]
    means = np.bincount(inverse, values) / counts
    between = np.sum(counts * (means - values.mean()) ** 2)
    return float(between / (len(values) * values.var()))


def permutation_p(
    values: ArrayLike, groups: ArrayLike, draws: int = 1000, seed: int = 0
) -> float:
    """How often shuffled values are explained as well, the real ones counted in."""
    values, generator = np.asarray(values, dtype=float), np.random.default_rng(seed)
    real = explained(values, groups)
    shuffled = (generator.permutation(values) for _ in range(draws))
    as_well = sum(explained(draw, groups) >= real for draw in shuffled)
    return (1 + as_well) / (1 + draws)
