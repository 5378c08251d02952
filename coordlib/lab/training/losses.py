"""What networks make small."""

import torch.nn.functional as F
from torch import Tensor

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
    """
    if logits.ndim != 4 or logits.shape[1] != 1:
        raise ValueError(
            f"logits must be of shape (N, 1, H, W), got {tuple(logits.shape)}"
        )
    return F.cross_entropy(logits.flatten(1), targets)
