"""What was measured, with where and how: one small JSON file per experiment."""

import json
import math
import os
import platform
import subprocess
import tempfile
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean, stdev

import numpy as np
import torch

import coordlib

PRESETS = ("quick", "cpu", "paper")
"""Sizes of a run, from seconds on a page to the source's own."""

FORMAT = 1
_CHECKOUT = Path(__file__).parent.parent


class ResultError(ValueError):
    """A result file that cannot be read as one."""


@dataclass
class Result:
    """Measurements of one experiment at one preset.

    Attributes
    ----------
    experiment : str
    preset : {"quick", "cpu", "paper"}
    config : dict
        What the preset fixes.
    seeds : dict of str to dict of str to float
        The metrics of each seed, by name.
    provenance : dict of str to dict
        For each seed: commit, versions, device, seconds, date.
    """

    experiment: str
    preset: str
    config: dict
    seeds: dict[str, dict[str, float]] = field(default_factory=dict)
    provenance: dict[str, dict] = field(default_factory=dict)

    def values(self, metric: str) -> list[float]:
        """The values of one metric, in the order of the seeds.

        Raises
        ------
        KeyError
            If the metric was not measured; the message lists those that were.
        """
        try:
            return [measured[metric] for _, measured in sorted(self.seeds.items())]
        except KeyError:
            known = sorted({name for m in self.seeds.values() for name in m})
            raise KeyError(
                f"{self.experiment} ({self.preset}) has no metric {metric!r}; "
                f"it has {', '.join(known) or 'none'}"
            ) from None

    def mean(self, metric: str) -> float:
        """The mean of one metric over the seeds."""
        return mean(self.values(metric))

    def spread(self, metric: str) -> float:
        """The standard deviation over the seeds; 0 for a single seed."""
        values = self.values(metric)
        return stdev(values) if len(values) > 1 else 0.0


def folder() -> Path:
    """Where results live: ``results/`` of the checkout, or the installed copy."""
    beside = _CHECKOUT / "results"
    return beside if beside.is_dir() else Path(__file__).parent / "measured"


def path(experiment: str, preset: str, where: Path | None = None) -> Path:
    """The file of an experiment at a preset.

    Raises
    ------
    ValueError
        If the preset is unknown.
    """
    if preset not in PRESETS:
        raise ValueError(f"preset must be one of {PRESETS}, got {preset!r}")
    return (where or folder()) / f"{experiment}.{preset}.json"


def save(result: Result, where: Path | None = None) -> Path:
    """Write a result; a reader sees the old file or the new one, never half of one.

    Parameters
    ----------
    result : Result
    where : Path, optional
        The folder; :func:`folder` if not given. It is created if it is missing.

    Returns
    -------
    Path

    Raises
    ------
    ValueError
        If a metric is no finite number.
    OSError
        If the folder cannot be written.
    """
    for seed, measured in result.seeds.items():
        for name, value in measured.items():
            if not math.isfinite(value):
                raise ValueError(f"seed {seed}: metric {name!r} is {value}")
    target = path(result.experiment, result.preset, where)
    target.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"format": FORMAT, **asdict(result)}, indent=1, sort_keys=True)
    handle, temporary = tempfile.mkstemp(dir=target.parent, suffix=".partial")
    try:
        with os.fdopen(handle, "w") as stream:
            stream.write(text + "\n")
        os.chmod(temporary, 0o644)
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise
    return target


def load(file: Path) -> Result:
    """Read and validate a result file.

    Raises
    ------
    ResultError
        If the file is no JSON, no result, or of another format; the message
        names the file and the remedy.
    FileNotFoundError
        If there is no such file.
    """
    remedy = f"run the experiment again, or restore {file} from the repository"
    try:
        content = json.loads(Path(file).read_text())
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ResultError(f"{file} is no JSON ({error}); {remedy}") from None
    if not isinstance(content, dict) or content.pop("format", None) != FORMAT:
        raise ResultError(f"{file} is no result of format {FORMAT}; {remedy}")
    try:
        result = Result(**content)
        valid = result.preset in PRESETS and all(
            isinstance(value, int | float) and math.isfinite(value)
            for measured in result.seeds.values()
            for value in measured.values()
        )
    except (TypeError, AttributeError) as error:
        raise ResultError(f"{file} lacks or adds fields ({error}); {remedy}") from None
    if not valid:
        raise ResultError(f"{file} holds an unknown preset or a non-number; {remedy}")
    if Path(file).name != f"{result.experiment}.{result.preset}.json":
        raise ResultError(
            f"{file} holds {result.experiment} at {result.preset}; {remedy}"
        )
    return result


def best(experiment: str, where: Path | None = None) -> Result | None:
    """The result at the largest preset that was run, or None."""
    for preset in reversed(PRESETS):
        file = path(experiment, preset, where)
        if file.exists():
            return load(file)
    return None


def provenance(device: torch.device, seconds: float) -> dict:
    """Describe the run that just ended: code, versions, machine, time."""
    return {
        "commit": _commit(),
        "date": datetime.now(UTC).date().isoformat(),
        "device": _device_name(device),
        "seconds": round(seconds, 1),
        "versions": {
            "coordlib": coordlib.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
        },
    }


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type} ({torch.get_num_threads()} threads)"


def _commit() -> str:
    """The commit of the checkout, marked where the tree differs from it."""
    command = ["git", "-C", str(_CHECKOUT), "describe", "--always", "--dirty"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return found.stdout.strip() or "unknown"
