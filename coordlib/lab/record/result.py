"""Measurements as rows: each number with its seed and by what it differs."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Row = dict[str, Any]
"""One number: ``metric`` and ``value``, and by which axes it differs from others."""


def rows(metrics: Mapping[str, float], **axes: Any) -> list[Row]:
    """Write numbers down as rows.

    Parameters
    ----------
    metrics : mapping of str to float
    **axes
        What all of them have in common.

    Examples
    --------
    >>> rows({"test_iou": 0.9}, arm="coordconv")
    [{'arm': 'coordconv', 'metric': 'test_iou', 'value': 0.9}]
    """
    return [axes | {"metric": name, "value": v} for name, v in metrics.items()]


@dataclass
class Result:
    """Measurements of one experiment at one preset.

    Attributes
    ----------
    experiment : str
    preset : {"quick", "cpu", "paper"}
    config : dict
        What the preset fixes.
    rows : list of Row
        Each number: its seed, its metric and value, and the axes that tell it from
        others, such as arm and split. In a file they are what
        ``pandas.DataFrame(json.load(file)["rows"])`` reads.
    provenance : dict of str to dict
        For each seed: commit, versions, device, seconds, date.
    runs : list of dict
        For a sweep: each network that was trained, with its seed, its recipe, its
        numbers and its ``curve`` over the training.
    """

    experiment: str
    preset: str
    config: dict
    rows: list[Row] = field(default_factory=list)
    provenance: dict[str, dict] = field(default_factory=dict)
    runs: list[dict] = field(default_factory=list)

    @property
    def seeds(self) -> list[int]:
        """The seeds that were measured, in ascending order."""
        return sorted({row["seed"] for row in self.rows})

    def add(self, seed: int, measured: list[Row]) -> None:
        """Take the rows of a seed in."""
        self.rows += [{"seed": seed} | row for row in measured]

    def select(self, **wanted: Any) -> list[Row]:
        """The rows that have these values: of ``metric``, ``seed`` or any axis."""
        return [
            row
            for row in self.rows
            if all(row.get(name) == value for name, value in wanted.items())
        ]

    def values(self, metric: str, **axes: Any) -> np.ndarray:
        """One number a seed, in the order of the seeds.

        Parameters
        ----------
        metric : str
        **axes
            As many as tell it from the others: ``values("test_iou", arm="deconv",
            split="uniform")``.

        Returns
        -------
        array, shape (seeds,)

        Raises
        ------
        KeyError
            If no row, or more than one a seed, has these values; the message lists
            what there is.
        """
        found = self.select(metric=metric, **axes)
        if sorted(row["seed"] for row in found) == self.seeds and found:
            found.sort(key=lambda row: row["seed"])
            return np.array([row["value"] for row in found], dtype=float)
        asked = ", ".join(f"{k} {v!r}" for k, v in {"metric": metric, **axes}.items())
        where = f"{self.experiment} ({self.preset})"
        if found and len(found) > len(self.seeds):
            raise KeyError(
                f"{where} has more than one number a seed with {asked}; they differ in "
                f"{_differences(found) or 'nothing'}"
            )
        there = self.select(metric=metric) or self.rows
        raise KeyError(
            f"{where} has no number of each seed with {asked}; it has "
            f"{_differences(there) or 'none'}"
        )

    def alike(self, row: Row) -> np.ndarray:
        """The values of rows that differ from one in the seed only, in their order."""
        own = {k: v for k, v in row.items() if k not in ("seed", "value")}
        found = [
            (other["seed"], other["value"])
            for other in self.rows
            if {k: v for k, v in other.items() if k not in ("seed", "value")} == own
        ]
        return np.array([value for _, value in sorted(found)])

    def mean(self, metric: str, **axes: Any) -> float:
        """The mean over the seeds of what :meth:`values` gives."""
        return float(self.values(metric, **axes).mean())

    def spread(self, metric: str, **axes: Any) -> float:
        """The standard deviation over the seeds; 0 for a single seed."""
        return spread(self.values(metric, **axes))

    def interval(self, metric: str, **axes: Any) -> tuple[float, float]:
        """The 95 % interval of the mean, as :func:`interval` gives it."""
        return interval(self.values(metric, **axes))


def spread(values: np.ndarray) -> float:
    """The standard deviation of some values, one a seed; 0 for a single one."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def interval(values: np.ndarray) -> tuple[float, float]:
    """The 95 % interval of the mean of values, one a seed, by Student's t.

    Without end in both directions for a single seed; a point where all are equal.
    """
    if len(values) == 1:
        return -math.inf, math.inf
    from scipy.stats import t  # slow to import, and few need it

    half = t.ppf(0.975, len(values) - 1) * spread(values) / math.sqrt(len(values))
    half, middle = float(half), float(np.mean(values))
    return middle - half, middle + half


def _differences(there: list[Row]) -> str:
    """The axes in which some rows differ, with their values."""
    names = dict.fromkeys(k for row in there for k in row if k not in ("seed", "value"))
    told = {
        name: dict.fromkeys(repr(row[name]) for row in there if name in row)
        for name in names
    }
    return "; ".join(f"{k} {', '.join(v)}" for k, v in told.items() if len(v) > 1)
