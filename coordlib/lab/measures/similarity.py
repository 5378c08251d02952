"""How alike pictures are, one by one and as clouds."""

import torch
from torch import Tensor

from coordlib.arguments import check_floating, check_tensor


def psnr(pictures: Tensor, others: Tensor) -> Tensor:
    """Peak signal-to-noise ratio of pictures in [0, 1], in decibels.

    Parameters
    ----------
    pictures, others : Tensor, shape (N, ...)

    Returns
    -------
    Tensor, shape (N,)
        Of each pair, ``-10 log10`` of the mean squared difference; infinite where
        they are equal.
    """
    check_tensor("pictures", pictures, any_kind=True)
    check_tensor("others", others, any_kind=True)
    if pictures.shape != others.shape or pictures.ndim < 2:
        raise ValueError(
            f"pictures and others must have the same shape (N, ...), not "
            f"{tuple(pictures.shape)} and {tuple(others.shape)}"
        )
    for name, x in (("pictures", pictures), ("others", others)):
        if not x.is_floating_point():
            raise TypeError(f"{name} must be floating-point, got {x.dtype}")
        if ((x < 0) | (x > 1)).any():
            low, high = x.min().item(), x.max().item()
            raise ValueError(f"{name} must lie in [0, 1], not in [{low:g}, {high:g}]")
    return decibels((pictures - others).square().flatten(1).mean(1))


def decibels(error: Tensor) -> Tensor:
    """Turn mean squared differences of pictures in [0, 1] into decibels.

    Returns
    -------
    Tensor
        ``-10 log10(error)``: infinite where there is no difference.
    """
    check_floating("error", error)
    return -10 * error.log10()


def distance_from_start(walks: Tensor) -> Tensor:
    """How far each picture of a walk is from the first one, in 255 grey levels.

    Parameters
    ----------
    walks : Tensor, shape (walks, frames, C, H, W)
        Pictures in [-1, 1].

    Returns
    -------
    Tensor, shape (walks, frames)
        The root of the mean squared difference, over pixels and colours.
    """
    check_floating("walks", walks, axes=5)
    away = (walks - walks[:, :1]).square().mean((2, 3, 4)).sqrt()
    return 127.5 * away


def frechet_distance(one: Tensor, other: Tensor) -> float:
    """How far two clouds of points are apart, taken as normal distributions.

    ``|m - m'|^2 + tr(C + C' - 2 (C C')^(1/2))`` of their means and covariances: what it
    costs to carry one onto the other, in squared length.

    Parameters
    ----------
    one, other : Tensor, shapes (N, D) and (M, D)
        Features of pictures, say. At least two points each.

    Returns
    -------
    float
        0 if mean and covariance agree.

    References
    ----------
    Dowson and Landau, 1982, "The Frechet distance between multivariate normal
    distributions"; Heusel et al., 2017, "GANs trained by a two time-scale update rule
    converge to a local Nash equilibrium", for judging generators.
    """
    for name, points in (("one", one), ("other", other)):
        check_tensor(name, points)
    shapes = [tuple(one.shape), tuple(other.shape)]
    if {one.ndim, other.ndim} != {2} or one.shape[1:] != other.shape[1:]:
        raise ValueError(
            f"one and other must be of shapes (N, D) and (M, D), got {shapes}"
        )
    if min(len(one), len(other)) < 2:
        raise ValueError(f"one and other must have two points at least, got {shapes}")
    first, second = (torch.atleast_2d(torch.cov(x.double().T)) for x in (one, other))
    values, vectors = torch.linalg.eigh(first)
    root = vectors * values.clamp(min=0).sqrt() @ vectors.T
    # The root of C C' has the trace of that of C^(1/2) C' C^(1/2), which is symmetric.
    common = torch.linalg.eigvalsh(root @ second @ root).clamp(min=0).sqrt().sum()
    away = (one.double().mean(0) - other.double().mean(0)).square().sum()
    return float(away + first.trace() + second.trace() - 2 * common)
