"""Measurements as rows: each number with its seed and by what it differs."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from coordlib.arguments import (
    check_instance,
    check_integer,
    check_number,
    check_numbers,
    check_sequence,
)
from coordlib.lab.record import intervals

Row = dict[str, Any]
"""One number: ``metric`` and ``value``, and by which axes it differs from others."""


def fits(axes: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether all wanted axes have these values; None is that of one that lacks."""
    return all(axes.get(name) == value for name, value in wanted.items())


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
    check_instance("metrics", metrics, Mapping, "numbers by name")
    return [axes | {"metric": name, "value": v} for name, v in metrics.items()]


@dataclass
class Result:
    """Measurements of one experiment at one preset.

    Attributes
    ----------
    experiment : str
    preset : {"quick", "cpu", "decisive", "paper"}
    config : dict
        What the preset fixes.
    rows : list of Row
        Each number: its seed, its metric and value, and the axes that tell it from
        others, such as arm and split. ``pandas.DataFrame`` reads them.
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
        """Take the rows of a seed in.

        Raises
        ------
        TypeError, ValueError
            If they are no rows, there is none, or two are alike.
        """
        check_integer("seed", seed, at_least=0)
        check_sequence("measured", measured, Mapping, "rows")
        if not measured:
            raise ValueError(
                f"measured must hold rows: {self.experiment} measured nothing for "
                f"seed {seed}"
            )
        taken = set()
        for row in measured:
            axes = {k: _plain(k, v) for k, v in row.items() if k != "value"}
            check_instance("metric", axes.get("metric"), str, "a name")
            if (key := tuple(sorted(axes.items()))) in taken:
                raise ValueError(f"{self.experiment} measured {axes} twice")
            taken.add(key)
            check_number("value", row.get("value"))
            if not math.isfinite(row["value"]):
                raise ValueError(f"value must be finite, got {row['value']} of {axes}")
            self.rows.append({"seed": seed} | axes | {"value": row["value"]})

    def join(self, other: "Result") -> None:
        """Take in the seeds of another result that this one lacks.

        Raises
        ------
        ValueError
            If it is of another experiment or configuration.
        """
        check_instance("other", other, Result, "a Result")
        mine, its = ((r.experiment, r.preset, r.config) for r in (self, other))
        if mine != its:
            raise ValueError(
                f"other must be a result of {self.experiment} at {self.preset} of the "
                f"same configuration, got one of {other.experiment} at {other.preset}"
            )
        new = set(other.seeds) - set(self.seeds)
        self.rows += [row for row in other.rows if row["seed"] in new]
        self.runs += [run for run in other.runs if run["seed"] in new]
        for seed in map(str, new):
            self.provenance[seed] = other.provenance[seed]

    def select(self, **wanted: Any) -> list[Row]:
        """The rows that have these values: of ``metric``, ``seed`` or any axis.

        None selects the rows that lack an axis.

        Raises
        ------
        KeyError
            If no row has an axis of that name.
        """
        for name, value in wanted.items():
            if not isinstance(value, str | bool | int | float | np.generic | None):
                raise TypeError(f"{name} must be text or a number, got {value!r}")
            if self.rows and not any(name in row for row in self.rows):
                axes = dict.fromkeys(axis for row in self.rows for axis in row)
                raise KeyError(
                    f"{self.experiment} ({self.preset}) has no axis {name!r}; it has "
                    f"{', '.join(axes)}"
                )
        return [row for row in self.rows if fits(row, wanted)]

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
        check_instance("metric", metric, str, "a name")
        found = self.select(metric=metric, **axes)
        alike = all(_axes(row) == _axes(found[0]) for row in found)
        if found and alike and sorted(row["seed"] for row in found) == self.seeds:
            found.sort(key=lambda row: row["seed"])
            return np.array([row["value"] for row in found], dtype=float)
        asked = ", ".join(f"{k} {v!r}" for k, v in {"metric": metric, **axes}.items())
        where = f"{self.experiment} ({self.preset})"
        if found and (not alike or len(found) > len(self.seeds)):
            raise KeyError(
                f"{where} has more than one number with {asked}; they differ in "
                f"{_differences(found) or 'nothing'}"
            )
        there = self.select(metric=metric) or self.rows
        raise KeyError(
            f"{where} has no number of each seed with {asked}; it has "
            f"{_differences(there) or 'none'}"
        )

    def series(self) -> Iterator[tuple[Row, np.ndarray]]:
        """Everything that was measured: its metric and axes, and its values by seed."""
        found: dict[tuple, list[Row]] = {}
        for row in sorted(self.rows, key=lambda row: row["seed"]):
            found.setdefault(tuple(sorted(_axes(row).items())), []).append(row)
        for rows in found.values():
            yield _axes(rows[0]), np.array([row["value"] for row in rows])

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
    values = check_numbers("values", values)
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def interval(values: np.ndarray) -> tuple[float, float]:
    """The 95 % interval of the mean of values, one a seed, by Student's t.

    Without end in both directions for a single seed; a point where all are equal.
    """
    values = check_numbers("values", values)
    if len(values) == 1:
        return -math.inf, math.inf
    low, high = intervals.interval(values)
    return float(low), float(high)


def _plain(name: str, value: Any) -> str | bool | int | float:
    """The value of an axis as a file can hold it."""
    value = value.item() if isinstance(value, np.generic) else value
    check_instance(name, value, str | bool | int | float, "text or a number")
    return value


def _axes(row: Row) -> Row:
    """What a row is, without its seed and its value."""
    return {k: v for k, v in row.items() if k not in ("seed", "value")}


def _differences(there: list[Row]) -> str:
    """The axes in which some rows differ, with their values."""
    names = dict.fromkeys(k for row in there for k in row if k not in ("seed", "value"))
    values = {
        name: dict.fromkeys(repr(row[name]) for row in there if name in row)
        for name in names
    }
    return "; ".join(f"{k} {', '.join(v)}" for k, v in values.items() if len(v) > 1)
