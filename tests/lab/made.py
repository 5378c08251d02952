"""Results made by hand, and photographs made of noise."""

import torch
from torch import Tensor

from coordlib.lab.record.result import Row, rows


def result_rows(seeds: dict[int, dict[str, float]]) -> list[Row]:
    """Write down numbers without axes, by seed and metric."""
    return [row for seed, found in seeds.items() for row in rows(found, seed=seed)]


def photographs(**counts: int) -> dict[str, tuple[Tensor, Tensor]]:
    """By split so many pictures and labels, in place of those of CIFAR-10."""
    noise = torch.Generator().manual_seed(0)
    return {
        split: (
            torch.randint(256, (count, 3, 32, 32), generator=noise) / 255,
            torch.arange(count) % 10,
        )
        for split, count in counts.items()
    }
