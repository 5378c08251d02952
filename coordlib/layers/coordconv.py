"""CoordConv: a convolution that also sees where it is.

Textbook form: append coordinate channels to the input, then convolve. A convolution is
linear, so ``conv([x, c]) = conv_x(x) + conv_c(c)``, and the second term does not depend
on x. It is a bias that depends on position, computed for one image and added to all of
a batch. These layers use that form: with zero weights on the coordinates it is the
convolution to the last bit. For a single image it is slower than appending.

A layer keeps nothing between calls, so that no tracer, captured graph or transform can
find what was made for another size or under other circumstances.
"""

from collections.abc import Callable
from typing import Any, ClassVar, Self

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from coordlib.grid import Axes, WithR, check_with_r, listed_axes
from coordlib.layers._chosen import Chosen
from coordlib.layers._position_bias import (
    coordconv,
    coordconv_transpose,
    split,
    split_transposed,
)
from coordlib.layers.add_coords import AddCoords as AddCoords  # it stood here

__all__ = [
    "CoordConv1d",
    "CoordConv2d",
    "CoordConv3d",
    "CoordConvTranspose1d",
    "CoordConvTranspose2d",
    "CoordConvTranspose3d",
]

# The size of an input is a fact inside them, so tracers record a call.
fx.wrap("coordconv")
fx.wrap("coordconv_transpose")


class _Coordinates(Chosen):
    """What all six layers share. Stands before a torch.nn convolution in the bases."""

    plain: ClassVar[type[Any]]
    # What torch's convolution has.
    weight: Tensor
    bias: Tensor | None
    groups: int
    stride: tuple[int, ...]
    padding: Any
    output_padding: tuple[int, ...]
    dilation: tuple[int, ...]
    padding_mode: Any
    transposed: bool
    reset_parameters: Callable[[], None]
    _reversed_padding_repeated_twice: list[int]

    def _add_coordinates(self, with_r: WithR, axes: Axes) -> None:
        """Enlarge the weight that torch made by the rows of the coordinates."""
        if not self.weight.is_floating_point():
            raise TypeError(
                f"dtype must be a floating point type, got {self.weight.dtype}"
            )
        self.with_r = check_with_r(with_r)
        self.axes = listed_axes(axes, self.with_r)
        self.weight = nn.Parameter(self._widened(self.weight.detach()))
        # Again, for torch's default depends on the number of input channels.
        self.reset_parameters()

    def _widened(self, weight: Tensor) -> Tensor:
        """The weight of a plain convolution, with zeros for the coordinates."""
        raise NotImplementedError

    def _split(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """The part of the weight for the input and the part for the coordinates."""
        raise NotImplementedError

    @classmethod
    def from_conv(cls, conv: Any, with_r: WithR = False, axes: Axes = None) -> Self:
        """A layer that computes exactly what ``conv`` does, to be trained further.

        Parameters
        ----------
        conv : torch.nn.Module
            A plain ``torch.nn`` convolution of the same rank, transposed if this layer
            is.
        with_r, axes : optional
            What the new layer sees, as when it is made.

        Returns
        -------
        CoordConv or CoordConvTranspose
            Copies of the weights of ``conv``, zeros for the coordinates; same options,
            device, type and mode. No random number is drawn.

        Raises
        ------
        TypeError
            If ``conv`` is not exactly that class: lazy, parametrized and other
            subclasses, and other ranks, are refused.
        """
        if type(conv) is not cls.plain:
            raise TypeError(
                f"conv must be a plain torch.nn.{cls.plain.__name__} (no subclass, for "
                f"that may compute something else), got {type(conv).__name__}"
            )
        layer = cls(**_options(conv), device="meta", with_r=with_r, axes=axes)
        _fill(layer, layer._widened(conv.weight.detach()), conv)
        return layer

    def to_conv(self) -> Any:
        """The plain convolution that this layer is when it ignores the coordinates.

        Returns
        -------
        torch.nn.Module
            A ``torch.nn`` convolution with the same options and copies of the weights.

        Raises
        ------
        ValueError
            If a coordinate weight is not zero: then no convolution does the same.
        """
        on_input, on_coords = self._split(self.weight.detach())
        if on_coords.any():
            raise ValueError(
                "to_conv needs coordinate weights that are all zero; the largest "
                f"magnitude is {on_coords.abs().max().item():.3g}"
            )
        conv = self.plain(**_options(self), device="meta")
        _fill(conv, on_input, self)
        return conv

    def extra_repr(self) -> str:
        with_r = f", with_r={self.with_r!r}" if self.with_r else ""
        axes = "" if self.axes is None else f", axes={self.axes}"
        return super().extra_repr() + with_r + axes


class _CoordConv(_Coordinates):
    """CoordConv over any number of axes; weight ``(out, in / groups + coords, *k)``."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, ...],
        stride: int | tuple[int, ...] = 1,
        padding: int | tuple[int, ...] | str = 0,
        dilation: int | tuple[int, ...] = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        with_r: WithR = False,
        axes: Axes = None,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )
        self._add_coordinates(with_r, axes)

    def _widened(self, weight: Tensor) -> Tensor:
        spatial = (0, 0) * len(self.kernel_size)
        return F.pad(weight, (*spatial, 0, self.coordinate_channels))

    def _split(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        return split(weight, self.coordinate_channels)

    def forward(self, input: Tensor) -> Tensor:
        return coordconv(
            input,
            self.weight,
            self.bias,
            self.with_r,
            self.stride,
            self.padding,
            self.dilation,
            self.groups,
            self.padding_mode,
            self._reversed_padding_repeated_twice,
            self.axes,
        )


class _CoordConvTranspose(_Coordinates):
    """Transposed CoordConv; weight ``(in + groups * coords, out / groups, *k)``."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, ...],
        stride: int | tuple[int, ...] = 1,
        padding: int | tuple[int, ...] = 0,
        output_padding: int | tuple[int, ...] = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: int | tuple[int, ...] = 1,
        padding_mode: str = "zeros",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        with_r: WithR = False,
        axes: Axes = None,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            output_padding,
            groups,
            bias,
            dilation,
            padding_mode,
            device,
            dtype,
        )
        self._add_coordinates(with_r, axes)

    # In a transposed convolution each group owns a run of rows of the weight: first
    # those of its input channels, then those of its coordinates.

    def _widened(self, weight: Tensor) -> Tensor:
        spatial = (0, 0) * len(self.kernel_size)
        grouped = weight.unflatten(0, (self.groups, -1))
        padded = F.pad(grouped, (*spatial, 0, 0, 0, self.coordinate_channels))
        return padded.flatten(0, 1)

    def _split(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        return split_transposed(weight, self.groups, self.coordinate_channels)

    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:
        return coordconv_transpose(
            input,
            output_size,
            self.weight,
            self.bias,
            self.with_r,
            self.stride,
            self.padding,
            self.output_padding,
            self.groups,
            self.dilation,
            self.axes,
        )


class CoordConv1d(_CoordConv, nn.Conv1d):
    """:class:`torch.nn.Conv1d` that also sees the coordinate of each sample.

    Input ``(N, C, L)`` or ``(C, L)``; weight ``(out, in / groups + 1, k)``. Everything
    else is as in :class:`CoordConv2d`.
    """

    plain = nn.Conv1d


class CoordConv2d(_CoordConv, nn.Conv2d):
    """:class:`torch.nn.Conv2d` that also sees the coordinates of each pixel.

    The same function as :class:`~coordlib.layers.AddCoords` followed by
    ``torch.nn.Conv2d`` with two more input channels (three with r), without ever making
    the larger input. Rows come before columns, in the order of the axes; in the
    authors' layer it is the reverse.

    Parameters
    ----------
    in_channels : int
        Channels of the input, coordinates not counted.
    out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode, \
device, dtype
        As in :class:`torch.nn.Conv2d`.
    with_r : bool or "unit", default False
        Whether to see the distance from the centre as well; rescaled to [0, 1] if
        "unit".
    axes : int or sequence of int, optional
        Whose coordinates to see, as in :class:`~coordlib.layers.AddCoords`; all by
        default.

    Attributes
    ----------
    weight : Parameter
        Shape ``(out_channels, in_channels / groups + 2, *kernel_size)`` (with r, + 3;
        with ``axes``, as many as those): rows of the input channels first, then those
        of i, j and r. The one weight there is, initialised as torch does for that many
        inputs.
    bias : Parameter or None
        Shape ``(out_channels,)``.

    Notes
    -----
    Input ``(N, C, H, W)`` or ``(C, H, W)`` of any size; output as ``torch.nn.Conv2d``.
    Bad options and inputs raise the errors that ``torch.nn.Conv2d`` raises; a complex
    ``dtype`` is a ``TypeError``.

    - Coordinates are appended *before* padding, so ``padding_mode`` treats them as it
      treats the input: ``"zeros"`` puts zeros around them, ``"circular"`` wraps them.
    - With ``groups`` every group sees all the coordinates.
    - The position-dependent part is computed and added in float32 (float64 for a
      float64 layer), under autocast too, and the sum is cast last. So a layer in half
      precision tells rows apart that concatenating in half precision would merge. On
      CUDA torch computes float32 convolutions in TF32 unless told otherwise, which
      tells rows apart up to 4096.
    - Nothing is kept between calls, so a layer may be traced, exported or captured at
      any time; what comes out serves every size that the tool itself lets vary.

    Liu et al., "An intriguing failing of convolutional neural networks and the
    CoordConv solution" (2018), section 3.

    Examples
    --------
    >>> layer = CoordConv2d(3, 8, 3, padding=1, with_r=True)
    >>> layer(torch.rand(4, 3, 32, 48)).shape
    torch.Size([4, 8, 32, 48])
    >>> layer.weight.shape
    torch.Size([8, 6, 3, 3])
    """

    plain = nn.Conv2d


class CoordConv3d(_CoordConv, nn.Conv3d):
    """:class:`torch.nn.Conv3d` that also sees the coordinates of each voxel.

    Input ``(N, C, D, H, W)`` or ``(C, D, H, W)``; weight
    ``(out, in / groups + 3, *k)``, coordinates in the order depth, row, column, r.
    Everything else is as in :class:`CoordConv2d`.
    """

    plain = nn.Conv3d


class CoordConvTranspose1d(_CoordConvTranspose, nn.ConvTranspose1d):
    """:class:`torch.nn.ConvTranspose1d` that also sees where its input samples are.

    Input ``(N, C, L)`` or ``(C, L)``; weight ``(in + groups, out / groups, k)``.
    Everything else is as in :class:`CoordConvTranspose2d`.
    """

    plain = nn.ConvTranspose1d


class CoordConvTranspose2d(_CoordConvTranspose, nn.ConvTranspose2d):
    """:class:`torch.nn.ConvTranspose2d` that also sees where its input pixels are.

    The same function as :class:`~coordlib.layers.AddCoords` on the (small) input
    followed by ``torch.nn.ConvTranspose2d``, without making the larger input.

    Parameters
    ----------
    in_channels : int
        Channels of the input, coordinates not counted.
    out_channels, kernel_size, stride, padding, output_padding, groups, bias, \
dilation, padding_mode, device, dtype
        As in :class:`torch.nn.ConvTranspose2d`, ``output_size`` in forward included.
    with_r : bool or "unit", default False
        Whether to see the distance from the centre as well; rescaled to [0, 1] if
        "unit".
    axes : int or sequence of int, optional
        Whose coordinates to see, as in :class:`~coordlib.layers.AddCoords`; all by
        default.

    Attributes
    ----------
    weight : Parameter
        Shape ``(in_channels + groups * 2, out_channels / groups, *kernel_size)`` (with
        r, ``groups * 3``). Every group sees all the coordinates: its rows of the weight
        are those of its input channels, then those of i, j and r.
    bias : Parameter or None
        Shape ``(out_channels,)``.

    Notes
    -----
    Input ``(N, C, H, W)`` or ``(C, H, W)``. Precision and errors as in
    :class:`CoordConv2d`.

    Examples
    --------
    >>> layer = CoordConvTranspose2d(16, 8, 4, stride=2, padding=1)
    >>> layer(torch.rand(4, 16, 8, 8)).shape
    torch.Size([4, 8, 16, 16])
    """

    plain = nn.ConvTranspose2d


class CoordConvTranspose3d(_CoordConvTranspose, nn.ConvTranspose3d):
    """:class:`torch.nn.ConvTranspose3d` that also sees where its input voxels are.

    Input ``(N, C, D, H, W)`` or ``(C, D, H, W)``; weight
    ``(in + groups * 3, out / groups, *k)``. Everything else is as in
    :class:`CoordConvTranspose2d`.
    """

    plain = nn.ConvTranspose3d


def _options(conv: Any) -> dict[str, Any]:
    """The constructor arguments of a convolution, device left out."""
    names = ["in_channels", "out_channels", "kernel_size", "stride", "padding"]
    names += ["dilation", "groups", "padding_mode"]
    names += ["output_padding"] if conv.transposed else []
    options = {name: getattr(conv, name) for name in names}
    return options | {"bias": conv.bias is not None, "dtype": conv.weight.dtype}


def _fill(layer: Any, weight: Tensor, source: Any) -> None:
    """Give ``layer`` this weight, and bias, mode and trainability of ``source``."""
    layer.weight = nn.Parameter(weight.clone(), source.weight.requires_grad)
    if source.bias is not None:
        bias = source.bias.detach().clone()
        layer.bias = nn.Parameter(bias, source.bias.requires_grad)
    layer.train(source.training)
