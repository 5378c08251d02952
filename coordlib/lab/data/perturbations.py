"""Sequences of pictures that change a little from frame to frame.

The ten sequences of ImageNet-P, with the steps of CIFAR-10-P, which its authors chose
for pictures of 32x32 pixels; written anew, as :mod:`.corruptions`.

Hendrycks and Dietterich, 2019, "Benchmarking neural network robustness to common
corruptions and perturbations", section 3 and the released code.
"""

from collections.abc import Callable, Iterator
from math import hypot

import torch
from torch import Generator, Tensor

from coordlib.arguments import check_choice, check_seed
from coordlib.grid import index_grid, shift
from coordlib.lab.data import corruptions
from coordlib.lab.data.corruptions import check_pictures, quantise, sample

__all__ = ["NOISES", "PERTURBATIONS", "perturb"]

NOISES = ("gaussian_noise", "shot_noise")
"""Those whose frames do not follow one another; each is the first with noise."""


def perturb(pictures: Tensor, name: str, seed: int = 0) -> Tensor:
    """Make a sequence of frames of every picture.

    Parameters
    ----------
    pictures : Tensor, shape (N, 3, H, W), in [0, 1]
        H and W at least 32.
    name : str
        One of :data:`PERTURBATIONS`.
    seed : int
        Decides all draws.

    Returns
    -------
    Tensor, shape (frames, N, 3, H, W), float32
        In 256 steps from 0 to 1, as files would hold them; where ``pictures`` are,
        though made on the CPU.

    References
    ----------
    Hendrycks and Dietterich, 2019, "Benchmarking neural network robustness to common
    corruptions and perturbations", section 3.
    """
    check_pictures(pictures)
    check_choice("name", name, PERTURBATIONS)
    check_seed("seed", seed)
    generator = Generator().manual_seed(seed)
    frames = PERTURBATIONS[name](pictures.float().cpu(), generator)
    return torch.stack([quantise(frame) for frame in frames]).to(pictures.device)


Frames = Iterator[Tensor]


def _gaussian_noise(x: Tensor, generator: Generator) -> Frames:
    yield x
    for _ in range(30):
        yield corruptions.gaussian_noise(x, 0.02, generator)


def _shot_noise(x: Tensor, generator: Generator) -> Frames:
    yield x
    for _ in range(30):
        yield corruptions.shot_noise(x, 700, generator)


def _motion_blur(x: Tensor, generator: Generator) -> Frames:
    for angle in range(-180, 1, 9):
        yield corruptions.smear(x, 6, 1.8, torch.full((len(x),), float(angle)))


def _zoom_blur(x: Tensor, generator: Generator) -> Frames:
    total = torch.zeros_like(x)
    for frame in range(31):
        total += _mapped(x, _scaling(1 + 0.004 * frame))
        yield total / (frame + 1)


def _snow(x: Tensor, generator: Generator) -> Frames:
    flakes = corruptions.draw_flakes(x, 0.05, 0.3, 2, 0.5, generator)
    for angle in range(-150, -29, 4):
        angles = torch.full((len(x),), float(angle))
        yield corruptions.lay_snow(x, corruptions.smear(flakes, 10, 2, angles), 0.85)


def _brightness(x: Tensor, generator: Generator) -> Frames:
    for step in range(-15, 16):
        yield corruptions.brighten(x, 0.015 * step)


def _translate(x: Tensor, generator: Generator) -> Frames:
    for pixels in range(-7, 9):
        yield shift(x, (0, pixels), "zero")


def _rotate(x: Tensor, generator: Generator) -> Frames:
    for degrees in range(-15, 16):
        yield _mapped(x, _turn(degrees, 0, 1))


def _tilt(x: Tensor, generator: Generator) -> Frames:
    distance = hypot(*x.shape[2:])  # of the eye from the picture
    focus = torch.diag(torch.tensor([distance, distance, 1]))
    for step in range(-15, 16):
        turn = _turn(0.75 * step, 1, 2) @ _turn(0.75 * step, 0, 2)
        turn[:, 2] = torch.tensor([0, 0, distance])
        yield _mapped(x, focus @ turn)


def _scale(x: Tensor, generator: Generator) -> Frames:
    for percent in range(70, 131, 2):
        yield _mapped(x, _scaling(percent / 100))


def _scaling(factor: float) -> Tensor:
    return torch.diag(torch.tensor([factor, factor, 1]))


def _turn(degrees: float, a: int, b: int) -> Tensor:
    """Turn three-dimensional space, from axis a to axis b."""
    angle = torch.deg2rad(torch.tensor(float(degrees)))
    turn = torch.eye(3)
    turn[a, a] = turn[b, b] = angle.cos()
    turn[a, b], turn[b, a] = -angle.sin(), angle.sin()
    return turn


def _mapped(x: Tensor, matrix: Tensor) -> Tensor:
    """Map a picture by a matrix of homogeneous coordinates about its middle."""
    size = x.shape[2:]
    middle = (torch.tensor(size) - 1) / 2
    away = index_grid(size, dtype=torch.float32).movedim(0, -1) - middle
    homogeneous = torch.cat([away, torch.ones_like(away[..., :1])], -1)
    source = homogeneous @ torch.linalg.inv(matrix).T
    places = source[..., :2] / source[..., 2:] + middle
    return sample(x, places.expand(len(x), -1, -1, -1), "zeros")


#: The sequence of each perturbation, from pictures and a generator to frames.
PERTURBATIONS: dict[str, Callable[[Tensor, Generator], Frames]] = {
    "gaussian_noise": _gaussian_noise,
    "shot_noise": _shot_noise,
    "motion_blur": _motion_blur,
    "zoom_blur": _zoom_blur,
    "snow": _snow,
    "brightness": _brightness,
    "translate": _translate,
    "rotate": _rotate,
    "tilt": _tilt,
    "scale": _scale,
}
