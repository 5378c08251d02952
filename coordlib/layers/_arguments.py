"""Checks of arguments that the layers share."""

from numbers import Integral
from typing import Any

from torch import Tensor


def check_input(input: Tensor, rank: int) -> None:
    if input.ndim not in (rank + 1, rank + 2):
        raise ValueError(
            f"input must have {rank} spatial axes after (N, C) or (C), "
            f"got shape {tuple(input.shape)}"
        )
    if not input.is_floating_point():
        raise TypeError(f"input must be floating point, got {input.dtype}")


def check_integer(name: str, value: Any, at_least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be an integer, got {value!r}")
    if value < at_least:
        raise ValueError(f"{name} must be at least {at_least}, got {value}")
    return int(value)


def per_axis(name: str, value: Any, rank: int, at_least: int = 1) -> tuple[int, ...]:
    """One integer an axis, from an integer or a tuple."""
    values = tuple(value) if isinstance(value, tuple | list) else (value,) * rank
    if len(values) != rank:
        raise ValueError(f"{name} must be an integer or {rank} integers, got {value!r}")
    return tuple(check_integer(name, v, at_least) for v in values)
