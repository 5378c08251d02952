"""Checks of arguments: what was given, and what is accepted."""

from collections.abc import Collection
from numbers import Integral
from typing import Any


def check_integer(name: str, value: Any, at_least: int = 1) -> int:
    """Give back an integer that is large enough.

    Raises
    ------
    TypeError
        If it is no integer; a bool is none.
    ValueError
        If it is too small.
    """
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be an integer, got {value!r}")
    if value < at_least:
        raise ValueError(f"{name} must be at least {at_least}, got {value}")
    return int(value)


def check_choice(name: str, value: Any, accepted: Collection[Any]) -> None:
    """Refuse what is not among the accepted values.

    Raises
    ------
    ValueError
    """
    if value not in accepted:
        choices = ", ".join(map(repr, accepted))
        raise ValueError(f"{name} must be one of {choices}, got {value!r}")
