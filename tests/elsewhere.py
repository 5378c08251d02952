"""A device that every machine has: tensors that say they lie elsewhere, with values.

What mixes them with tensors of the CPU fails, as it does on an accelerator. They say
that they are on torch's device ``meta``; each holds a tensor of the CPU, with which
whatever is done to it is done.
"""

import copy

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

ELSEWHERE = torch.device("meta")
aten = torch.ops.aten
FROM_ONE_TO_THE_OTHER = (aten._to_copy.default, aten.copy_.default)
TAKE_INDICES_OF_THE_CPU = (
    aten.index.Tensor,
    aten.index_put_.default,
    aten._index_put_impl_.default,
)


class There(Tensor):
    """A tensor that lies elsewhere."""

    @staticmethod
    def __new__(cls, here: Tensor) -> "There":
        return Tensor._make_wrapper_subclass(
            cls,
            here.shape,
            strides=here.stride(),
            storage_offset=here.storage_offset(),
            dtype=here.dtype,
            device=ELSEWHERE,
        )

    def __init__(self, here: Tensor) -> None:
        self.here = here

    def __repr__(self) -> str:
        return f"There({self.here})"

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        return _done(func, args, kwargs or {})


class _Operations(TorchDispatchMode):
    """Makes elsewhere what is to be made there."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        return _done(func, args, kwargs or {})


class Elsewhere(TorchFunctionMode):
    """With it there is a device elsewhere.

    torch copies numbers of Python before it looks at any mode of dispatch.
    """

    def __enter__(self) -> "Elsewhere":
        self.operations = _Operations()
        self.operations.__enter__()
        return super().__enter__()

    def __exit__(self, *error) -> None:
        super().__exit__(*error)
        self.operations.__exit__(*error)

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        of_numbers = func in (torch.tensor, torch.as_tensor) and _is_there(kwargs)
        if of_numbers and not isinstance(args[0], Tensor):
            return There(func(*args, **kwargs | {"device": "cpu"}))
        if func is Tensor.new_tensor and isinstance(args[0], There):
            return There(args[0].here.new_tensor(*args[1:], **kwargs))
        return func(*args, **kwargs)


def sent(value):
    """The same tensor, module or name of a device elsewhere; others as they are."""
    if isinstance(value, Tensor):
        return There(value)
    if isinstance(value, str | torch.device) and str(value) == "cpu":
        return ELSEWHERE if isinstance(value, torch.device) else str(ELSEWHERE)
    if not isinstance(value, nn.Module):
        return value
    value = copy.deepcopy(value)
    for module in value.modules():
        for name, tensor in list(module.named_parameters(recurse=False)):
            grad = tensor.requires_grad
            setattr(module, name, nn.Parameter(There(tensor.detach()), grad))
        for name, tensor in list(module.named_buffers(recurse=False)):
            setattr(module, name, There(tensor))
    return value


def back(value):
    """The same tensor on the CPU; others as they are."""
    return value.here if isinstance(value, There) else value


def _is_there(kwargs: dict) -> bool:
    device = kwargs.get("device")
    return device is not None and torch.device(device) == ELSEWHERE


def _done(func, args: tuple, kwargs: dict):
    if func is aten.copy_.default:
        back(args[0]).copy_(back(args[1]))
        return args[0]
    given = [a for a in tree_flatten((args, kwargs))[0] if isinstance(a, Tensor)]
    there = [a for a in given if isinstance(a, There)]
    of_the_cpu = [a for a in given if a.ndim and not isinstance(a, There)]
    free = func in FROM_ONE_TO_THE_OTHER
    if func in TAKE_INDICES_OF_THE_CPU and isinstance(args[0], There):
        free = True
    if there and of_the_cpu and not free:
        raise RuntimeError(
            f"{func}: a tensor of shape {tuple(of_the_cpu[0].shape)} is on the CPU, "
            "others are elsewhere"
        )
    moves_back = func is aten._to_copy.default and not _is_there(
        {"device": ELSEWHERE} | kwargs
    )
    here_kwargs = tree_map(back, kwargs)
    if kwargs.get("device") is not None:
        here_kwargs["device"] = torch.device("cpu")
    result = func(*tree_map(back, args), **here_kwargs)
    if func._schema.is_mutable and isinstance(args[0], There):
        return args[0]
    if _is_there(kwargs) or (there and not moves_back):
        return tree_map(lambda t: There(t) if isinstance(t, Tensor) else t, result)
    return result
