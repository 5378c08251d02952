"""Schedules: how the learning rate moves, and at which steps to measure."""

from collections.abc import Callable
from math import cos, isfinite, pi
from numbers import Real

from coordlib.arguments import check_choice

__all__ = [
    "SCHEDULES",
    "measuring_steps",
    "schedule_factor",
    "schedule_factors",
    "schedule_name",
]

SCHEDULES = ("constant", "one-cycle", "cosine", "steps")


def schedule_factor(
    schedule: str | Callable[[float], float],
) -> Callable[[float], float]:
    """Make a function of progress, from 0 to 1, that multiplies the learning rate.

    Parameters
    ----------
    schedule : {"constant", "one-cycle", "cosine", "steps"} or callable
        "constant": always 1. "cosine": half a cosine from 1 down to 0. "one-cycle":
        half a cosine from .04 up to 1 over the first fifth, then half a cosine down
        to 0. "steps": a tenth of what it was after each fifth, as Liu et al. (2018)
        do over 1,000 epochs. A callable is returned as it is.

    Returns
    -------
    callable

    Raises
    ------
    ValueError
        If there is no such schedule.
    """

    def slope(start: float, end: float, part: float) -> float:
        return end + (start - end) * (1 + cos(pi * part)) / 2

    def one_cycle(done: float) -> float:
        rise = 0.2
        if done < rise:
            return slope(0.04, 1, done / rise)
        return slope(1, 0, (done - rise) / (1 - rise))

    if callable(schedule):
        return schedule
    known = {
        "constant": lambda done: 1.0,
        "one-cycle": one_cycle,
        "cosine": lambda done: slope(1, 0, done),
        "steps": lambda done: 0.1 ** min(int(5 * done), 4),
    }
    check_choice("schedule", schedule, SCHEDULES)
    return known[schedule]


def schedule_factors(
    schedule: str | Callable[[float], float], steps: int
) -> list[float]:
    """What multiplies the learning rate at each step; see :func:`schedule_factor`."""
    factor = schedule_factor(schedule)
    factors = [factor(step / max(steps - 1, 1)) for step in range(steps)]
    for value in factors:
        if not isinstance(value, Real) or not isfinite(value):
            raise ValueError(f"schedule must give finite numbers, got {value!r}")
    return factors


def schedule_name(schedule: str | Callable[[float], float]) -> str:
    """How a checkpoint calls a schedule."""
    return schedule if isinstance(schedule, str) else "function"


def measuring_steps(steps: int, measures: int) -> set[int]:
    """At which steps to measure, evenly over a training, its end included."""
    # No more than once a step, however often was asked for.
    measures = min(measures, steps)
    return {round(steps * k / measures) for k in range(1, measures + 1)}
