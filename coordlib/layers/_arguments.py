"""Checks of arguments that the layers share."""

from typing import Any

from torch import Tensor

from coordlib.arguments import check_integer


def check_input(input: Tensor, rank: int) -> None:
    if input.ndim not in (rank + 1, rank + 2):
        raise ValueError(
            f"input must have {rank} spatial axes after (N, C) or (C), "
            f"got shape {tuple(input.shape)}"
        )
    if not input.is_floating_point():
        raise TypeError(f"input must be floating point, got {input.dtype}")


def per_axis(name: str, value: Any, rank: int, at_least: int = 1) -> tuple[int, ...]:
    """One integer an axis, from an integer or a tuple."""
    values = tuple(value) if isinstance(value, tuple | list) else (value,) * rank
    if len(values) != rank:
        raise ValueError(f"{name} must be an integer or {rank} integers, got {value!r}")
    return tuple(check_integer(name, v, at_least) for v in values)
