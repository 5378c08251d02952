"""Networks that play: what they see becomes a choice of actions.

Each is a trunk of convolutions and a dense layer, with one or two linear layers on
top. The trunk decides whether coordinates are seen, and where.
"""

from collections.abc import Sequence

from torch import Tensor, nn

from coordlib.arguments import check_choice, check_integer, check_module
from coordlib.lab.models.detector import ConstantConv2d
from coordlib.layers import CoordConv2d

__all__ = ["ActorCritic", "AtariTrunk", "MiniTrunk", "QNetwork"]

PLACEMENTS = ("none", "input", "all")
FIRST = {"none": nn.Conv2d, "input": CoordConv2d, "ones": ConstantConv2d}
READOUTS = ("flatten", "max")


class MiniTrunk(nn.Sequential):
    """One convolution and one dense layer, for boards of 10x10.

    16 filters of 3x3 without padding, then 128 units, both rectified.

    Parameters
    ----------
    shape : (int, int, int)
        Channels, rows and columns of a board.
    coordconv : {"none", "input", "ones"}
        Whether the convolution is a :class:`~coordlib.layers.CoordConv2d`, or sees
        channels of ones in place of coordinates: as many weights, and no news.
    readout : {"flatten", "max"}
        What the dense layer sees of the 16 maps: every pixel, or the largest of each.
        With "flatten" it has a weight for every place, and so knows places without
        coordinates; with "max" it knows them only from the convolution.

    References
    ----------
    Young & Tian, 2019, "MinAtar: an Atari-inspired testbed".
    """

    features = 128

    def __init__(
        self,
        shape: tuple[int, int, int],
        coordconv: str = "none",
        readout: str = "flatten",
    ) -> None:
        check_choice("coordconv", coordconv, FIRST)
        check_choice("readout", readout, READOUTS)
        channels, rows, columns = _checked(shape, at_least=3)
        conv = FIRST[coordconv]
        inside = 1 if readout == "max" else (rows - 2) * (columns - 2)
        super().__init__(
            *(conv(channels, 16, 3), nn.ReLU()),
            *([nn.AdaptiveMaxPool2d(1)] if readout == "max" else []),
            *(nn.Flatten(), nn.Linear(16 * inside, self.features), nn.ReLU()),
        )

    def forward(self, seen: Tensor) -> Tensor:
        """Take boards (N, C, H, W) of any type, and give features (N, 128)."""
        return super().forward(seen.float())


class AtariTrunk(nn.Sequential):
    """The three convolutions and the dense layer of Mnih et al. (2015).

    32 filters of 8x8 with stride 4, 64 of 4x4 with stride 2, 64 of 3x3, then 512
    units, all rectified.

    Parameters
    ----------
    shape : (int, int, int)
        Channels, rows and columns; (4, 84, 84) in the source.
    coordconv : {"none", "input", "all"}
        Which convolutions are :class:`~coordlib.layers.CoordConv2d`.
    """

    features = 512

    def __init__(
        self, shape: tuple[int, int, int] = (4, 84, 84), coordconv: str = "none"
    ) -> None:
        check_choice("coordconv", coordconv, PLACEMENTS)
        first = nn.Conv2d if coordconv == "none" else CoordConv2d
        others = CoordConv2d if coordconv == "all" else nn.Conv2d
        channels, rows, columns = _checked(shape, at_least=36)

        def side(length: int) -> int:
            return ((length - 8) // 4 + 1 - 4) // 2 + 1 - 2

        super().__init__(
            *(first(channels, 32, 8, stride=4), nn.ReLU()),
            *(others(32, 64, 4, stride=2), nn.ReLU()),
            *(others(64, 64, 3), nn.ReLU(), nn.Flatten()),
            *(nn.Linear(64 * side(rows) * side(columns), self.features), nn.ReLU()),
        )

    def forward(self, seen: Tensor) -> Tensor:
        """Take pictures (N, C, H, W) of bytes, and give features (N, 512)."""
        return super().forward(seen / 255)


class ActorCritic(nn.Module):
    """A policy and a value on one trunk.

    Parameters
    ----------
    trunk : nn.Module
        With ``features``, the number of its outputs.
    actions : int

    Notes
    -----
    What is seen, ``(N, C, H, W)``, becomes logits of the actions ``(N, actions)`` and
    values ``(N,)``. All weights are orthogonal at the start, those of the policy so
    small that it begins nearly even.

    References
    ----------
    Mnih et al., 2016, "Asynchronous methods for deep reinforcement learning".
    """

    def __init__(self, trunk: nn.Module, actions: int) -> None:
        super().__init__()
        check_module("trunk", trunk)
        check_integer("actions", actions)
        self.trunk = trunk
        self.policy = nn.Linear(trunk.features, actions)
        self.value = nn.Linear(trunk.features, 1)
        _orthogonal_(self.trunk, 2**0.5)
        _orthogonal_(self.policy, 0.01)
        _orthogonal_(self.value, 1.0)

    def forward(self, seen: Tensor) -> tuple[Tensor, Tensor]:
        features = self.trunk(seen)
        return self.policy(features), self.value(features)[:, 0]


class QNetwork(nn.Module):
    """The return that each action promises, on a trunk.

    Parameters
    ----------
    trunk, actions
        As for :class:`ActorCritic`.

    Notes
    -----
    What is seen, ``(N, C, H, W)``, becomes one number for each action,
    ``(N, actions)``.

    References
    ----------
    Mnih et al., 2015, "Human-level control through deep reinforcement learning".
    """

    def __init__(self, trunk: nn.Module, actions: int) -> None:
        super().__init__()
        check_module("trunk", trunk)
        check_integer("actions", actions)
        self.trunk = trunk
        self.returns = nn.Linear(trunk.features, actions)

    def forward(self, seen: Tensor) -> Tensor:
        return self.returns(self.trunk(seen))


def _checked(shape: tuple[int, int, int], at_least: int) -> tuple[int, int, int]:
    """Give back channels, rows and columns that the convolutions fit on."""
    if not isinstance(shape, Sequence) or len(shape) != 3:
        raise TypeError(f"shape must be three integers, got {shape!r}")
    channels, *sides = shape
    check_integer("shape", channels)
    for side in sides:
        check_integer("shape", side, at_least)
    return tuple(shape)


def _orthogonal_(module: nn.Module, gain: float) -> None:
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.orthogonal_(layer.weight, gain)
            nn.init.zeros_(layer.bias)
