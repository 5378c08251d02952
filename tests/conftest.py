"""What all tests share: a thread a worker, full precision, the same laws, devices."""

import os
from collections.abc import Iterator
from multiprocessing import get_context
from multiprocessing.context import BaseContext

import pytest
import torch
from browsing import missing
from chromium import FLAGS, executable
from hypothesis import settings

# pytest-xdist runs a worker a core; more threads would only get in each other's way.
torch.set_num_threads(1)
# Convolve in full single precision on a GPU too, as a CPU does.
torch.backends.cudnn.allow_tf32 = False

settings.register_profile(
    "coordlib", derandomize=True, deadline=None, max_examples=40, database=None
)
settings.load_profile("coordlib")


def present_devices() -> Iterator:
    """Name the kinds of device this machine has, one parameter each."""
    yield "cpu"
    if torch.cuda.is_available():
        yield pytest.param("cuda", marks=pytest.mark.gpu)
    if torch.backends.mps.is_available():
        yield pytest.param("mps", marks=pytest.mark.gpu)


@pytest.fixture(scope="session", params=present_devices())
def device(request: pytest.FixtureRequest) -> torch.device:
    """Give each device that is present: a test that asks for one runs on all."""
    return torch.device(request.param)


@pytest.fixture
def copies() -> BaseContext:
    """Give a context whose processes begin as copies of this one."""
    if not hasattr(os, "fork"):
        pytest.skip("no processes to fork")
    if len(list(present_devices())) > 1:
        pytest.skip("autograd refuses a copy where there is a GPU")
    return get_context("fork")


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
