"""What networks make small."""

import torch.nn.functional as F
from torch import Tensor

from coordlib.arguments import check_floating, check_tensor

__all__ = ["pixel_cross_entropy"]


def pixel_cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy over all pixels of a picture as classes.

    Parameters
    ----------
    logits : Tensor, shape (N, 1, H, W)
    targets : LongTensor, shape (N,)
        The right pixel as ``i * W + j``.

    Returns
    -------
    Tensor, a single number

    Raises
    ------
    TypeError, ValueError
        If they are of another kind or shape.
    """
    check_floating("logits", logits)
    if logits.ndim != 4 or logits.shape[1] != 1:
        raise ValueError(
            f"logits must be of shape (N, 1, H, W), got {tuple(logits.shape)}"
        )
    check_tensor("targets", targets, axes=1)
    if targets.is_floating_point() or len(targets) != len(logits):
        raise ValueError(
            f"targets must be one integer for each of {len(logits)} pictures, got "
            f"{targets.dtype} of shape {tuple(targets.shape)}"
        )
    return F.cross_entropy(logits.flatten(1), targets)
