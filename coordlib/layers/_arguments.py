"""What the layers share: checks of arguments, and care for layout and precision."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor

from coordlib.arguments import check_dtype, check_integer, check_tensor


def check_input(input: Tensor, rank: int) -> None:
    check_tensor("input", input, any_kind=True)
    if input.ndim not in (rank + 1, rank + 2):
        raise ValueError(
            f"input must have {rank} spatial axes after (N, C) or (C), "
            f"got shape {tuple(input.shape)}"
        )
    if not input.is_floating_point():
        raise TypeError(f"input must be floating point, got {input.dtype}")
    check_places("input", input, rank)


def check_map(input: Tensor, rank: int | None = None) -> int:
    """Refuse what is no batch of maps; give the number of its spatial axes."""
    check_tensor("input", input, any_kind=True)
    ranks = (1, 2, 3) if rank is None else (rank,)
    if input.ndim - 2 not in ranks:
        shapes = ["(N, C, L)", "(N, C, H, W)", "(N, C, D, H, W)"]
        accepted = " or ".join(shapes[rank - 1] for rank in ranks)
        raise ValueError(f"input must be {accepted}, got shape {tuple(input.shape)}")
    if not input.is_floating_point():
        raise TypeError(f"input must be floating point, got {input.dtype}")
    check_places("input", input, input.ndim - 2)
    return input.ndim - 2


def check_places(name: str, value: Tensor, rank: int) -> None:
    """Refuse a map without places; torch's own errors would name its kernels."""
    if torch.jit.is_tracing():  # the lengths of a shape are tensors then
        return
    if 0 in value.shape[-rank:]:
        raise ValueError(
            f"{name} must have at least one place along each axis, "
            f"got shape {tuple(value.shape)}"
        )


def check_own_dtype(dtype: Any) -> None:
    """Refuse what is no type for the numbers of a layer; None is the default."""
    if dtype is not None:
        check_dtype("dtype", dtype)


def per_axis(name: str, value: Any, rank: int, at_least: int = 1) -> tuple[int, ...]:
    """One integer an axis, from an integer or a tuple."""
    values = tuple(value) if isinstance(value, tuple | list) else (value,) * rank
    if len(values) != rank:
        raise ValueError(f"{name} must be an integer or {rank} integers, got {value!r}")
    return tuple(check_integer(name, v, at_least) for v in values)


def no_autocast(like: Tensor) -> AbstractContextManager[Any]:
    """Compute in the types that are given, on the device of a tensor.

    ``torch.amp.is_autocast_available`` would tell the devices that have an autocast,
    but torch 2.11 cannot compile it; of those that hold tensors only meta has none.
    """
    device = like.device.type
    if device != "meta" and torch.is_autocast_enabled(device):
        return torch.autocast(device, enabled=False)
    return nullcontext()


def channels_last(input: Tensor, rank: int) -> bool:
    """Whether the channels of a batch lie last in memory.

    Compilers and tracers are told no: they choose a layout themselves.
    """
    if torch.compiler.is_compiling() or torch.jit.is_tracing():
        return False
    return input.ndim == rank + 2 and input.stride(1) == 1


def laid_out_last(input: Tensor) -> Tensor:
    """The same batch with its channels last in memory; a copy only where needed."""
    return input.movedim(1, -1).contiguous().movedim(-1, 1)
