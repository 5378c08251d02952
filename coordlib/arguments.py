"""Checks of arguments: what was given, and what is accepted."""

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import wraps
from numbers import Integral, Real
from pathlib import Path
from types import UnionType
from typing import Any, ParamSpec, TypeVar

import numpy as np
import torch
from torch import Tensor, fx, nn

Kind = type | UnionType | tuple[type | UnionType, ...]
_MOST = 2**63 - 1  # what torch can count
_P = ParamSpec("_P")
_R = TypeVar("_R")


def one_step(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Let ``torch.fx`` record a call of a function, whose checks it cannot follow.

    ``fx.wrap`` does so where a function is looked up in its module, for there it puts
    another in its place; whoever imported it by name still has the one from before.
    """

    @wraps(function)
    def call(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        proxy = _proxy((*args, *kwargs.values()))
        if proxy is None:
            return function(*args, **kwargs)
        step: Any = proxy.tracer.create_proxy("call_function", call, args, kwargs)
        return step  # type: ignore[no-any-return]

    return call


def _proxy(values: Iterable[Any]) -> fx.Proxy | None:
    """The first stand-in of ``torch.fx`` among values, and in what they hold."""
    for value in values:
        if isinstance(value, fx.Proxy):
            return value
        if isinstance(value, tuple | list) and (inner := _proxy(value)) is not None:
            return inner
    return None


def check_integer(
    name: str, value: Any, at_least: int = 1, at_most: int = _MOST
) -> int:
    """Give back an integer that is large enough.

    Raises
    ------
    TypeError
        If it is no integer; a bool is none.
    ValueError
        If it is too small, or too large for torch.
    """
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be an integer, got {value!r}")
    number = int(value)
    if number < at_least:
        raise ValueError(f"{name} must be at least {at_least}, got {value}")
    if number > at_most:
        raise ValueError(f"{name} must be at most {at_most}, got {value}")
    return number


def check_seed(name: str, value: Any) -> int:
    """Give back an integer that a generator of torch takes.

    Raises
    ------
    TypeError, ValueError
    """
    return check_integer(name, value, at_least=-(2**63), at_most=2**64 - 1)


def as_float(name: str, value: Any) -> float:
    """Give a real number, a fraction or a large integer, as torch takes it.

    Raises
    ------
    ValueError
        If it is larger than a float can be.
    """
    if isinstance(value, float):
        return value
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"{name} must be below 2**1024, got a larger one") from None


def check_number(name: str, value: Any) -> float:
    """Give back a real number; refuse NaN.

    Raises
    ------
    TypeError, ValueError
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number, got {value!r}")
    if value != value:
        raise ValueError(f"{name} must be a number, got {value!r}")
    return as_float(name, value)


def check_positive(name: str, value: Any) -> float:
    """Give back a finite number above 0.

    Raises
    ------
    TypeError, ValueError
    """
    number = check_number(name, value)
    if not 0 < number < float("inf"):
        raise ValueError(f"{name} must be positive and finite, got {value!r}")
    return number


def check_not_negative(name: str, value: Any) -> None:
    """Refuse what is no finite number, and what is below 0.

    Raises
    ------
    TypeError, ValueError
    """
    check_number(name, value)
    if value < 0:
        raise ValueError(f"{name} must not be negative, got {value!r}")
    if value == float("inf"):
        raise ValueError(f"{name} must be finite, got {value!r}")


def check_share(name: str, value: Any) -> None:
    """Refuse what is no number from 0 to 1.

    Raises
    ------
    TypeError, ValueError
    """
    check_number(name, value)
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must be from 0 to 1, got {value!r}")


def check_pair(name: str, value: Any) -> None:
    """Refuse what is not two numbers.

    Raises
    ------
    TypeError, ValueError
    """
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise TypeError(f"{name} must be two numbers, got {value!r}")
    for number in value:
        check_number(name, number)


def check_numbers(name: str, value: Any, *, finite: bool = False) -> np.ndarray:
    """Give back one number after another as an array of floats; at least one.

    Raises
    ------
    ValueError
    """
    try:
        numbers = np.asarray(value)
    except ValueError:  # rows of several lengths
        numbers = np.empty(())
    if numbers.ndim != 1 or not len(numbers) or numbers.dtype.kind not in "biuf":
        raise ValueError(f"{name} must be numbers in a row, got {value!r}")
    if finite and not np.isfinite(numbers).all():
        raise ValueError(f"{name} must be finite, got {value!r}")
    return numbers.astype(float)


def check_flag(name: str, value: Any) -> None:
    """Refuse what is neither True nor False.

    Raises
    ------
    TypeError
    """
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False, got {value!r}")


def check_flags(name: str, value: Any) -> np.ndarray:
    """Give back one flag after another as an array; at least one.

    Raises
    ------
    ValueError
    """
    flags = np.asarray(value, dtype=object)
    kinds = {type(flag) for flag in flags} if flags.ndim == 1 else set()
    if not kinds or not kinds <= {bool, np.bool_}:
        raise ValueError(f"{name} must be True or False in a row, got {value!r}")
    return flags.astype(bool)


def check_choice(name: str, value: Any, accepted: Collection[Any]) -> None:
    """Refuse what is not among the accepted values.

    Raises
    ------
    ValueError
    """
    # What has no hash cannot be looked up, and True would be found as 1.
    simple = isinstance(value, str | Real) and not isinstance(value, bool)
    if not simple or value not in accepted:
        choices = ", ".join(map(repr, accepted))
        raise ValueError(f"{name} must be one of {choices}, got {value!r}")


def check_tensor(
    name: str, value: Any, axes: int | None = None, *, any_kind: bool = False
) -> None:
    """Refuse what is no tensor of numbers, or has another number of axes.

    Raises
    ------
    TypeError, ValueError
    """
    if not isinstance(value, Tensor):
        raise TypeError(f"{name} must be a tensor, got {type(value).__name__}")
    if not any_kind and (value.dtype.is_complex or value.dtype == torch.bool):
        raise TypeError(f"{name} must hold real numbers, got {value.dtype}")
    if axes is not None and value.ndim != axes:
        raise ValueError(
            f"{name} must have {axes} axes, got shape {tuple(value.shape)}"
        )


def check_floating(name: str, value: Any, axes: int | None = None) -> None:
    """Refuse what is no floating point tensor, or has another number of axes.

    Raises
    ------
    TypeError, ValueError
    """
    check_tensor(name, value, axes)
    if not value.is_floating_point():
        raise TypeError(f"{name} must be floating point, got {value.dtype}")


def check_dtype(name: str, value: Any) -> None:
    """Refuse what is no floating point type of torch.

    Raises
    ------
    TypeError
    """
    if not isinstance(value, torch.dtype) or not value.is_floating_point:
        raise TypeError(f"{name} must be a floating point type, got {value!r}")


def check_sequence(name: str, value: Any, kind: Kind, what: str) -> None:
    """Refuse what is no list or tuple, or holds something of another kind.

    Raises
    ------
    TypeError
    """
    fits = isinstance(value, Sequence) and not isinstance(value, str)
    if not fits or not all(isinstance(entry, kind) for entry in value):
        raise TypeError(f"{name} must be a sequence of {what}, got {value!r}")


def check_instance(name: str, value: Any, kind: Kind, what: str) -> None:
    """Refuse what is not of a kind, said in words.

    Raises
    ------
    TypeError
    """
    if not isinstance(value, kind):
        raise TypeError(f"{name} must be {what}, got {type(value).__name__}")


def check_module(name: str, value: Any) -> None:
    """Refuse what is no network.

    Raises
    ------
    TypeError
    """
    check_instance(name, value, nn.Module, "a torch.nn.Module")


def check_generator(name: str, value: Any) -> None:
    """Refuse what is no generator of torch.

    Raises
    ------
    TypeError
    """
    check_instance(name, value, torch.Generator, "a torch.Generator")


def check_path(name: str, value: Any) -> None:
    """Refuse what names no file and no folder.

    Raises
    ------
    TypeError, ValueError
    """
    check_instance(name, value, str | Path, "a path")
    if value == "":
        raise ValueError(f"{name} must be a path, got an empty one")


def check_callable(name: str, value: Any) -> None:
    """Refuse what cannot be called.

    Raises
    ------
    TypeError
    """
    if not callable(value):
        raise TypeError(f"{name} must be callable, got {type(value).__name__}")
