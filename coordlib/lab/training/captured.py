"""A step that the device repeats by itself, where it can: a CUDA graph.

A small network leaves a GPU waiting for Python, which starts some hundred kernels a
step, one by one. Captured once as a graph, they are started by one call.
"""

import warnings
from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["Captured", "cuda_graph"]

Step = Callable[..., Tensor]

WARM_STEPS = 3
"""Taken one kernel at a time first: what libraries set up then cannot be captured."""


def cuda_graph(step: Step, inputs: tuple[Tensor, ...]) -> tuple[Callable, Tensor]:
    """Capture a step: what repeats it, and the tensor that its value then is in.

    Nothing is computed yet. The step must read its inputs, and all else that changes,
    from the same tensors every time, and must not wait for the device.
    """
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        value = step(*inputs)
    return graph.replay, value


class Captured:
    """Call a step; on CUDA its first calls as they are, then as a graph.

    A step that cannot be captured goes on as it is, with a warning.

    Parameters
    ----------
    step : callable
        From tensors, of the same shapes every time, to a tensor.
    device : torch.device
    capture : callable, optional
        As :func:`cuda_graph`, which it is on CUDA; nothing is captured elsewhere.
    """

    def __init__(
        self, step: Step, device: torch.device, capture: Callable | None = None
    ) -> None:
        self.step = step
        self.capture = capture or (cuda_graph if device.type == "cuda" else None)
        self.calls = 0
        self.inputs: tuple[Tensor, ...] = ()
        self.replay: Callable[[], None] | None = None
        self.value: Tensor | None = None

    def __call__(self, *inputs: Tensor) -> Tensor:
        """Take the step; the value is overwritten by the next one."""
        if self.capture is None:
            return self.step(*inputs)
        self.calls += 1
        if self.calls <= WARM_STEPS:
            return _beside_the_default_stream(self.step, inputs)
        if self.replay is None:
            kept = tuple(tensor.clone() for tensor in inputs)
            try:
                self.replay, self.value = self.capture(self.step, kept)
            except torch.OutOfMemoryError:
                raise
            except RuntimeError as error:
                reason = str(error).splitlines()[0]
                warnings.warn(
                    f"the step cannot be captured ({reason}): it is slower",
                    stacklevel=2,
                )
                self.capture = None
                return self.step(*inputs)
            self.inputs = kept
        for kept, new in zip(self.inputs, inputs, strict=True):
            kept.copy_(new)
        self.replay()
        return self.value


def _beside_the_default_stream(step: Step, inputs: tuple[Tensor, ...]) -> Tensor:
    # As capture wants it, which runs on a stream of its own.
    if not inputs[0].is_cuda:
        return step(*inputs)
    default, side = torch.cuda.current_stream(), torch.cuda.Stream()
    side.wait_stream(default)
    with torch.cuda.stream(side):
        value = step(*inputs)
    default.wait_stream(side)
    return value
