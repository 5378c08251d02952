"""Soft-argmax: read a position out of a heat map, differentiably."""

import math

import torch
from torch import Tensor, nn

from coordlib.grid import unit_grid
from coordlib.layers._arguments import check_input

__all__ = ["SoftArgmax1d", "SoftArgmax2d", "SoftArgmax3d"]


class _SoftArgmax(nn.Module):
    rank: int

    def __init__(self, temperature: float = 1.0, unit: bool = True) -> None:
        super().__init__()
        if not (temperature > 0 and math.isfinite(temperature)):
            raise ValueError(f"temperature must be positive, got {temperature}")
        self.temperature = temperature
        self.unit = unit

    def forward(self, input: Tensor) -> Tensor:
        check_input(input, self.rank)
        size = input.shape[-self.rank :]
        work = torch.promote_types(input.dtype, torch.float32)
        scores = input.to(work) / self.temperature
        density = scores.flatten(-self.rank).softmax(-1).unflatten(-1, size)
        axes = [self._mean(density, axis) for axis in range(-self.rank, 0)]
        return torch.stack(axes, -1).to(input.dtype)

    def _mean(self, density: Tensor, axis: int) -> Tensor:
        """Mean position along one axis: the others summed out, then weighted."""
        others = [a for a in range(-self.rank, 0) if a != axis]
        marginal = density.sum(others) if others else density
        n, dtype, device = marginal.shape[-1], marginal.dtype, marginal.device
        if self.unit:
            positions = unit_grid((n,), dtype=dtype, device=device)[0]
        else:
            positions = torch.arange(n, dtype=dtype, device=device)
        return (marginal * positions).sum(-1)

    def extra_repr(self) -> str:
        return f"temperature={self.temperature}, unit={self.unit}"


class SoftArgmax1d(_SoftArgmax):
    """The mean position of the softmax of a signal; see :class:`SoftArgmax2d`.

    ``(N, C, L)`` to ``(N, C, 1)``, or unbatched ``(C, L)`` to ``(C, 1)``.
    """

    rank = 1


class SoftArgmax2d(_SoftArgmax):
    """The mean position of the softmax of each channel: where its mass is.

    Parameters
    ----------
    temperature : float, default 1.0
        The input is divided by it. The smaller, the closer to the position of the
        maximum; the larger, the closer to the centre of the image. Positive.
    unit : bool, default True
        Whether positions come in unit coordinates [-1, 1], or in pixels from 0.

    Raises
    ------
    ValueError
        If ``temperature`` is not positive and finite. In forward: if the input has
        another number of axes.
    TypeError
        In forward: if the input is not floating point.

    Notes
    -----
    ``(N, C, H, W)`` to ``(N, C, 2)``, or unbatched ``(C, H, W)`` to ``(C, 2)``, as
    ``(i, j)`` = (row, column). Computed in at least float32 and cast last.

    Every pixel has some mass, so a peak above an empty background is pulled towards the
    centre, the more the larger the image: to be read off, the peak must stand out by
    several units more than ``temperature * log(H * W)``.

    Nibali et al., "Numerical coordinate regression with convolutional neural networks"
    (2018), section 3.

    Examples
    --------
    >>> heat = torch.zeros(1, 1, 5, 5)
    >>> heat[0, 0, 1, 3] = 50.0
    >>> SoftArgmax2d(unit=False)(heat)
    tensor([[[1., 3.]]])
    """

    rank = 2


class SoftArgmax3d(_SoftArgmax):
    """The mean position of the softmax of a volume; see :class:`SoftArgmax2d`.

    ``(N, C, D, H, W)`` to ``(N, C, 3)``, or unbatched ``(C, D, H, W)`` to ``(C, 3)``.
    """

    rank = 3
