"""What the measurements of the coordinate tasks cost, all together (P06)."""

from coordlib.lab.record import results
from coordlib.lab.record.experiment import Setting, Trial
from coordlib.lab.record.result import Row, rows

COORDINATE_TASKS = (
    "coordinate-classification",
    "coordinate-regression",
    "padding-position",
    "regression-readouts",
    "rendering",
)
PRESETS = {"cpu": {"of": "cpu"}, "paper": {"of": "paper"}}


def measure(seed: int, setting: Setting, *, of: str) -> list[Row]:
    """Add up what the results say of themselves.

    Returns
    -------
    list of Row
        ``device_hours`` of training over all seeds (of one processor core on a CPU),
        and how many ``networks`` were trained.

    Raises
    ------
    FileNotFoundError
        If one of the results is missing or only begun at that preset.
    """
    found = []
    for name in COORDINATE_TASKS:
        file = results.path(name, of, setting.where)
        if not file.exists() or not (result := results.load(file)).seeds:
            raise FileNotFoundError(f"measure {name} at {of} first: no {file}")
        found.append(result)
    runs = [run for result in found for run in result.runs]
    seconds = sum(run["seconds"] for run in runs)
    return rows({"device_hours": seconds / 3600, "networks": len(runs)})


EXPERIMENT = Trial("cost", __doc__, PRESETS, measure)
