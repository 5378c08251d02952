"""What all tests share: a thread a worker, the same examples for laws, a browser."""

from collections.abc import Iterator

import pytest
import torch
from browsing import missing
from chromium import FLAGS, executable
from hypothesis import settings

# pytest-xdist runs a worker a core; more threads would only get in each other's way.
torch.set_num_threads(1)

settings.register_profile(
    "coordlib", derandomize=True, deadline=None, max_examples=40, database=None
)
settings.load_profile("coordlib")


@pytest.fixture(scope="session")
def browser() -> Iterator:
    """Give a headless Chromium."""
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        missing("no playwright: pip install playwright")
    path = executable()
    if path is None:
        missing("no Chromium: see 'Pages' in CONTRIBUTING.md")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield chromium
        chromium.close()
