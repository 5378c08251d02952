"""Where a measurement comes from: which code, versions and machine, when, how long."""

import math
import os
import platform
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch

import coordlib
from coordlib.arguments import check_instance, check_number
from coordlib.lab.data import storage


def provenance(device: torch.device, seconds: float) -> dict:
    """Describe the run that just ended: code, versions, machine, time."""
    check_number("seconds", seconds)
    if not 0 <= seconds < math.inf:
        raise ValueError(f"seconds must be finite and at least 0, got {seconds}")
    return {
        "commit": _commit(),
        "date": datetime.now(UTC).date().isoformat(),
        "device": device_name(device),
        "seconds": round(seconds, 1),
        "versions": versions(),
    }


def versions() -> dict[str, str]:
    """Which coordlib, numpy, Python and torch are in use."""
    return {
        "coordlib": coordlib.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def device_name(device: torch.device) -> str:
    """The device as a provenance names it."""
    check_instance("device", device, torch.device, "a torch.device")
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type} ({torch.get_num_threads()} threads)"


def _commit() -> str:
    """The commit of the checkout, marked where what is tracked differs from it.

    Results do not count: a seed that is added to a committed one changes its file, and
    not the code that measures the next. Nor does a repository around an installed copy.
    Where there is no git, or no checkout, it is what COORDLIB_COMMIT says.
    """
    unknown = os.environ.get("COORDLIB_COMMIT", "unknown")
    if shutil.which("git") is None:
        return unknown
    git = ["git", "-C", str(storage.ROOT)]
    silent = {"capture_output": True, "text": True, "check": False}
    top = subprocess.run([*git, "rev-parse", "--show-toplevel"], **silent).stdout
    if not top.strip() or Path(top.strip()).resolve() != storage.ROOT.resolve():
        return unknown
    found = subprocess.run([*git, "describe", "--always"], **silent).stdout.strip()
    if not found:
        return unknown
    code = ["--", ".", ":(exclude)results"]
    same = subprocess.run([*git, "diff", "--quiet", "HEAD", *code], **silent)
    return f"{found}-dirty" if same.returncode else found
