"""Random numbers that depend on a seed and the number of a step alone."""

import torch

SEED_STEP = 1_000_003
"""Between the seeds of neighbouring steps: a prime so large that seeds never meet."""


def step_generator(seed: int, step: int) -> torch.Generator:
    """Give the generator of one step, the same however the steps before it went.

    A training that is resumed draws with it what it would have drawn.
    """
    return torch.Generator().manual_seed(seed + SEED_STEP * step)
