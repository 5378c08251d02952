"""A fresh machine for every test and every page: an empty cache, and no way out."""

import os
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent
OFFLINE = ROOT / "tests" / "offline"
# No doctests: a system may have a module called sitecustomize of its own, and
# the survey of timm's families needs timm.
collect_ignore = [str(OFFLINE), str(ROOT / "tools" / "families.py")]


def pytest_configure(config: pytest.Config) -> None:
    """Close the ways out, but for tests that are there to fetch (``make data``)."""
    if config.option.markexpr == "data":
        return
    if not hasattr(config, "workerinput"):  # a worker has what its parent set
        cache = tempfile.TemporaryDirectory(prefix="empty-cache-")
        config.add_cleanup(cache.cleanup)
        path = (str(OFFLINE), os.environ.get("PYTHONPATH"))
        os.environ |= {
            "COORDLIB_DATA": cache.name,
            "PYTHONPATH": os.pathsep.join(filter(None, path)),
        }
    import no_way_out  # noqa: F401
