"""What the measurements of the coordinate tasks cost, all together (P06)."""

import torch

from coordlib import results

COORDINATE_TASKS = (
    "coordinate-classification",
    "coordinate-regression",
    "padding-position",
    "regression-readouts",
    "rendering",
)
PRESETS = {"cpu": {"of": "cpu"}, "paper": {"of": "paper"}}


def measure(seed: int, device: torch.device, *, of: str) -> dict[str, float]:
    """Add up what the results say of themselves.

    Returns
    -------
    dict
        ``device_hours`` of training over all seeds (of one processor core on a CPU),
        and how many ``networks`` were trained.

    Raises
    ------
    FileNotFoundError
        If one of the results is missing at that preset.
    """
    found = []
    for name in COORDINATE_TASKS:
        file = results.path(name, of)
        if not file.exists():
            raise FileNotFoundError(f"measure {name} at {of} first: no {file}")
        found.append(results.load(file))
    runs = [run for result in found for run in result.runs]
    seconds = sum(run["seconds"] for run in runs)
    return {"device_hours": seconds / 3600, "networks": len(runs)}
