"""What the measurements of the coordinate tasks cost, all together (P06)."""

import torch

from coordlib.lab.record import results
from coordlib.lab.record.results import Where

COORDINATE_TASKS = (
    "coordinate-classification",
    "coordinate-regression",
    "padding-position",
    "regression-readouts",
    "rendering",
)
PRESETS = {"cpu": {"of": "cpu"}, "paper": {"of": "paper"}}


def measure(
    seed: int, device: torch.device, *, of: str, where: Where = None
) -> dict[str, float]:
    """Add up what the results say of themselves.

    Returns
    -------
    dict
        ``device_hours`` of training over all seeds (of one processor core on a CPU),
        and how many ``networks`` were trained.

    Raises
    ------
    FileNotFoundError
        If one of the results is missing or only begun at that preset.
    """
    found = []
    for name in COORDINATE_TASKS:
        file = results.path(name, of, where)
        if not file.exists() or not (result := results.load(file)).seeds:
            raise FileNotFoundError(f"measure {name} at {of} first: no {file}")
        found.append(result)
    runs = [run for result in found for run in result.runs]
    seconds = sum(run["seconds"] for run in runs)
    return {"device_hours": seconds / 3600, "networks": len(runs)}
