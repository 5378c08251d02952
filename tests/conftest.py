"""What all tests share: one thread a worker, and laws tried on the same examples."""

import torch
from hypothesis import settings

# pytest-xdist runs a worker a core; more threads would only get in each other's way.
torch.set_num_threads(1)

settings.register_profile(
    "coordlib", derandomize=True, deadline=None, max_examples=40, database=None
)
settings.load_profile("coordlib")
