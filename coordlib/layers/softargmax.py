"""Soft-argmax: read a position out of a heat map, differentiably."""

import math
from numbers import Real

import torch
from torch import Tensor, fx, nn

from coordlib.arguments import as_float, check_flag
from coordlib.grid import unit_grid
from coordlib.layers._arguments import check_input
from coordlib.layers._fixed import Fixed

__all__ = ["SoftArgmax1d", "SoftArgmax2d", "SoftArgmax3d"]

# About the least that float32 holds in full; less might be zero to a processor.
_LEAST = 1e-37


class _SoftArgmax(Fixed):
    rank: int
    fixed = "temperature"

    def __init__(
        self,
        temperature: float | Tensor = 1.0,
        unit: bool = True,
        *,
        normalised: bool = False,
    ) -> None:
        super().__init__()
        temperature = check_options(temperature, unit, normalised)
        if isinstance(temperature, Tensor) and not temperature.is_meta:
            _check_values(*temperature.tolist())
        learned = isinstance(temperature, nn.Parameter)
        self._values: list[float] | None = None
        if isinstance(temperature, Tensor) and not learned:
            temperature = temperature.detach().clone()
            self.register_buffer("temperature", temperature, persistent=False)
            if not temperature.is_meta:
                self._values = temperature.tolist()
        else:
            self.temperature = temperature
        self.unit = unit
        self.normalised = normalised

    def reset_parameters(self) -> None:
        """Write the temperatures that were given; what is learned stays as it is."""
        if self._values is not None:
            self.get_buffer("temperature").copy_(torch.tensor(self._values))

    def forward(self, input: Tensor) -> Tensor:
        return soft_argmax(
            input, self.temperature, self.unit, self.normalised, self.rank
        )

    def extra_repr(self) -> str:
        temperature = str(self.temperature)
        if isinstance(self.temperature, Tensor):
            temperature = f"one for each of {len(self.temperature)} channels"
        if self.normalised:
            return f"unit={self.unit}, normalised=True"
        return f"temperature={temperature}, unit={self.unit}"


@fx.wrap
def soft_argmax(
    input: Tensor,
    temperature: float | Tensor,
    unit: bool,
    normalised: bool,
    rank: int,
) -> Tensor:
    check_input(input, rank)
    density = input.to(torch.promote_types(input.dtype, torch.float32))
    if not normalised:
        density = _softmax(density, temperature, rank)
    axes = [_mean(density, axis, rank, unit) for axis in range(-rank, 0)]
    return torch.stack(axes, -1).to(input.dtype)


def _softmax(scores: Tensor, temperature: float | Tensor, rank: int) -> Tensor:
    if isinstance(temperature, Tensor):
        _check_channels(temperature, scores, rank)
        temperature = temperature.view(-1, *[1] * rank)
    # The softmax does not mind what is subtracted from all; and the largest being 0,
    # no temperature makes it overflow.
    largest = scores.detach().amax(tuple(range(-rank, 0)), keepdim=True)
    scores = (scores - largest) / temperature
    return scores.flatten(-rank).softmax(-1).reshape(scores.shape)


def _mean(density: Tensor, axis: int, rank: int, unit: bool) -> Tensor:
    marginal, positions = along(density, axis, rank, unit)
    return (marginal * positions).sum(-1)


def along(density: Tensor, axis: int, rank: int, unit: bool) -> tuple[Tensor, Tensor]:
    """What lies at each place of an axis, the others summed out; and the places."""
    others = [a for a in range(-rank, 0) if a != axis]
    marginal = density.sum(others) if others else density
    n, dtype, device = marginal.shape[-1], marginal.dtype, marginal.device
    if unit:
        return marginal, unit_grid((n,), dtype=dtype, device=device)[0]
    return marginal, torch.arange(n, dtype=dtype, device=device)


def check_options(
    temperature: float | Tensor, unit: bool, normalised: bool
) -> float | Tensor:
    """Give back the temperature; refuse what is wrong, but for values of a tensor.

    They may not be known.
    """
    if isinstance(temperature, Tensor):
        if temperature.ndim != 1 or not temperature.is_floating_point():
            raise ValueError(
                "temperature must be a number or a floating point tensor of shape "
                f"(C,), got {temperature.dtype} of shape {tuple(temperature.shape)}"
            )
    elif isinstance(temperature, Real) and not isinstance(temperature, bool):
        temperature = as_float("temperature", temperature)
        _check_values(temperature)
    else:
        raise TypeError(
            f"temperature must be a number or a tensor, got {temperature!r}"
        )
    check_flag("unit", unit)
    check_flag("normalised", normalised)
    if normalised and (isinstance(temperature, Tensor) or temperature != 1):
        raise ValueError(
            "temperature must be left out where the input is normalised, "
            f"got {temperature}"
        )
    return temperature


def _check_values(*temperatures: float) -> None:
    for value in temperatures:
        if not 0 < value < math.inf:
            raise ValueError(f"temperature must be positive, got {value}")
        if value < _LEAST:
            raise ValueError(f"temperature must be at least {_LEAST}, got {value}")


def _check_channels(temperature: Tensor, input: Tensor, rank: int) -> None:
    channels = input.shape[-rank - 1]
    if not torch.jit.is_tracing() and channels != len(temperature):
        raise ValueError(
            f"input must have {len(temperature)} channels, as many as temperature, "
            f"got {channels} in shape {tuple(input.shape)}"
        )


class SoftArgmax1d(_SoftArgmax):
    """The mean position of the softmax of a signal; see :class:`SoftArgmax2d`.

    ``(N, C, L)`` to ``(N, C, 1)``, or unbatched ``(C, L)`` to ``(C, 1)``.
    """

    rank = 1


class SoftArgmax2d(_SoftArgmax):
    """The mean position of the softmax of each channel: where its mass is.

    The input is a map of scores, or with ``normalised`` a heat map that sums to 1
    already, as :mod:`coordlib.layers.heatmaps` has it. Positions are (row, column),
    where kornia and dsntnn give (x, y), and unit coordinates end on the centres of the
    corner pixels, where those of dsntnn end on their edges.

    Parameters
    ----------
    temperature : float or Tensor, default 1.0
        The input is divided by it. The smaller, the closer to the position of the
        maximum; the larger, the closer to the centre of the image. At least 1e-37. A
        tensor of shape ``(C,)`` has one for each channel; it moves with the layer, is
        not trained and stands in no state dict. A ``torch.nn.Parameter`` of that shape
        is trained and does; nothing keeps it positive then.
    unit : bool, default True
        Whether positions come in unit coordinates [-1, 1], or in pixels from 0.
    normalised : bool, default False
        Whether each channel of the input is a heat map, nowhere negative and with sum
        1, which is not looked at. Then there is no softmax.

    Raises
    ------
    ValueError
        If ``temperature`` is not positive and finite, a tensor of another shape, or
        given where the input is ``normalised``. In forward: if the input has another
        number of axes, or of channels than there are temperatures.
    TypeError
        If ``temperature`` is neither a number nor a tensor. In forward: if the input is
        not floating point.

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
