"""Heat maps as targets: how to keep the map that soft-argmax reads to one narrow peak.

Many maps have the same mean position, two far peaks or an even grey among them; so
beside the distance of the positions, ``torch.linalg.vector_norm(found - wanted,
dim=-1)``, a term asks for the shape. A map here is nowhere negative and sums to 1.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from coordlib.arguments import check_flag, check_floating, check_positive, one_step
from coordlib.grid import from_unit
from coordlib.layers._arguments import check_places
from coordlib.layers.softargmax import along

__all__ = ["js_divergence", "render_gaussian", "variance_penalty"]

NARROWEST = 1e-6
"""Pixels: a narrower Gaussian is one pixel all the same."""


@one_step
def render_gaussian(
    coordinates: Tensor, size: Sequence[int], sigma: float = 1.0, *, unit: bool = True
) -> Tensor:
    """Draw a round Gaussian at each position, with sum 1.

    Parameters
    ----------
    coordinates : Tensor, shape (..., D)
        Positions, (row, column) for an image; outside the picture is fine.
    size : sequence of int
        Length of each of the D axes.
    sigma : float, default 1.0
        Standard deviation, in pixels.
    unit : bool, default True
        Whether positions are unit coordinates in [-1, 1], or pixels from 0.

    Returns
    -------
    Tensor, shape (..., H, W)
        Or as many axes as ``size`` names, in the type of ``coordinates``; computed in
        at least float32.

    Raises
    ------
    TypeError
        If ``coordinates`` is not floating point, or ``size`` not made of integers.
    ValueError
        If ``sigma`` is not positive, or ``coordinates`` has not one entry an axis.

    Notes
    -----
    Nibali et al., "Numerical coordinate regression with convolutional neural networks"
    (2018), where it is the target of the regularisation.

    Examples
    --------
    >>> render_gaussian(torch.tensor([0.0]), (3,))
    tensor([0.2741, 0.4519, 0.2741])
    """
    check_floating("coordinates", coordinates)
    sigma = check_positive("sigma", sigma)
    check_flag("unit", unit)
    dtype = torch.promote_types(coordinates.dtype, torch.float32)
    pixels = from_unit(coordinates.to(dtype), size)
    if not unit:  # the other way has looked at the shapes
        pixels = coordinates.to(dtype)
    heat = pixels.new_ones(pixels.shape[:-1])
    for n, centre in zip(size, pixels.unbind(-1), strict=True):
        places = torch.arange(n, dtype=dtype, device=pixels.device)
        # Each axis sums to 1 by itself, however far outside the centre is, and however
        # narrow the peak: what the nearest place lacks all lack.
        away = (places - centre.unsqueeze(-1)).abs()
        nearest, narrow = away.amin(-1, keepdim=True), max(sigma, NARROWEST)
        falls = (away - nearest) / narrow * ((away + nearest) / narrow)
        profile = (-falls / 2).softmax(-1)
        missing = heat.ndim - profile.ndim + 1
        heat = heat.unsqueeze(-1) * profile.unflatten(-1, (*[1] * missing, n))
    return heat.to(coordinates.dtype)


@one_step
def js_divergence(
    heat: Tensor, coordinates: Tensor, sigma: float = 1.0, *, unit: bool = True
) -> Tensor:
    """How far heat maps are from Gaussians at given positions (Jensen-Shannon).

    Parameters
    ----------
    heat : Tensor, shape (..., H, W)
        Nowhere negative, each map with sum 1.
    coordinates : Tensor, shape (..., D)
        Where the peaks should be.
    sigma, unit
        As in :func:`render_gaussian`.

    Returns
    -------
    Tensor, shape (...)
        From 0, where they are equal, to log 2, where they have no pixel in common.
        Of the type of ``heat``; computed in float32 at least.

    Raises
    ------
    TypeError
        If a tensor is not floating point.
    ValueError
        If the shapes do not fit together, or ``sigma`` is not positive.

    Notes
    -----
    Nibali et al. (2018), where this regularisation does best of those compared.

    Examples
    --------
    >>> wanted = torch.tensor([[0.5, 0.0]])
    >>> js_divergence(render_gaussian(wanted, (5, 7)), wanted)
    tensor([0.])
    """
    check_floating("heat", heat)
    check_floating("coordinates", coordinates)
    rank = coordinates.shape[-1] if coordinates.ndim else 0
    if rank == 0 or heat.shape[: heat.ndim - rank] != coordinates.shape[:-1]:
        raise ValueError(
            "heat must have an axis for each of the coordinates after theirs, got "
            f"shape {tuple(heat.shape)} for {tuple(coordinates.shape)}"
        )
    size = heat.shape[-rank:]
    given, work = heat.dtype, torch.promote_types(heat.dtype, torch.float32)
    wanted = render_gaussian(coordinates.to(work), size, sigma, unit=unit)
    heat = heat.to(work)
    middle = (heat + wanted) / 2
    divergence = _surprise(heat, middle) + _surprise(wanted, middle)
    return (divergence.flatten(-rank).sum(-1) / 2).clamp(min=0).to(given)


def _surprise(p: Tensor, q: Tensor) -> Tensor:
    """Each pixel's part of the Kullback-Leibler divergence, 0 where p is."""
    least = torch.finfo(p.dtype).tiny  # so that the gradient is finite there, too
    return p * (p.clamp(least).log() - q.clamp(least).log())


@one_step
def variance_penalty(heat: Tensor, sigma: float = 1.0) -> Tensor:
    """How far the variance of heat maps along each axis is from a wanted one.

    Parameters
    ----------
    heat : Tensor, shape ``(N, C, *size)``
        Nowhere negative, each map with sum 1.
    sigma : float, default 1.0
        Wanted standard deviation, in pixels.

    Returns
    -------
    Tensor, shape (N, C)
        The squared difference of the variances in pixels, summed over the axes. Of the
        type of ``heat``; computed in float32 at least.

    Raises
    ------
    TypeError
        If ``heat`` is not floating point.
    ValueError
        If ``sigma`` is not positive, or ``heat`` has another number of axes or no
        places.

    Notes
    -----
    Nibali et al. (2018), who measure in unit coordinates, where a pixel is about 2 / n:
    their penalty is smaller by its fourth power. Of ``dsntnn`` the pixels are taken.

    Examples
    --------
    >>> variance_penalty(torch.tensor([[[0.0, 0.5, 0.0, 0.5, 0.0]]]))
    tensor([[0.]])
    """
    check_floating("heat", heat)
    sigma = check_positive("sigma", sigma)
    rank = heat.ndim - 2
    if rank not in (1, 2, 3):
        raise ValueError(
            "heat must be (N, C, L), (N, C, H, W) or (N, C, D, H, W), "
            f"got shape {tuple(heat.shape)}"
        )
    check_places("heat", heat, rank)
    given, heat = heat.dtype, heat.to(torch.promote_types(heat.dtype, torch.float32))
    penalty = heat.new_zeros(heat.shape[:2])
    for axis in range(-rank, 0):
        marginal, places = along(heat, axis, rank, unit=False)
        mean = (marginal * places).sum(-1, keepdim=True)
        variance = (marginal * (places - mean).square()).sum(-1)
        penalty = penalty + (variance - sigma**2).square()
    return penalty.to(given)
