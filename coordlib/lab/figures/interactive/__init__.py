"""Interactive figures: they compute in the reader's browser, without a kernel.

Each figure is an anywidget, and so an ordinary ipywidget in Jupyter and in Colab.
Its JavaScript lies beside this module; on the pages of the book the same text is
run by ``book/assets/widgets.js``. What a figure shows is a pure function of its
traits, and the tests hold that function equal to coordlib's Python.

anywidget is needed here only: ``pip install coordlib[lab]``.
"""

import base64
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import ArrayLike

try:
    import anywidget
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "coordlib.lab.figures.interactive needs anywidget: pip install anywidget",
        name="anywidget",
    ) from error

from traitlets import Bool, Enum, Float, Int, List, Unicode

from coordlib.arguments import check_choice, check_integer
from coordlib.lab.measures.scenes import look

__all__ = [
    "AliasSpectrum",
    "AnswerArrows",
    "CommutingSquare",
    "DraggedThing",
    "FailureGroups",
    "FourRectifiers",
    "HandDecoder",
    "LabelAlongShift",
    "LatentWalks",
    "LuckOfTraining",
    "PaintedAnswers",
    "PaintersCompare",
    "PlaceBias",
    "PlayedGames",
    "Pooling1D",
    "SlidingKernel",
]

_HERE = Path(__file__).parent
_COMMON = (_HERE / "common.js").read_text("utf-8")
_STYLE = (_HERE / "style.css").read_text("utf-8")

SOBEL = [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]
"""Upright edges: the right neighbours minus the left ones."""


def _module(name: str) -> str:
    """Read a figure's module as one text: it has no neighbours to import from."""
    return _COMMON + (_HERE / name).read_text("utf-8")


class Figure(anywidget.AnyWidget):
    """What all figures share: their style, and a description without an address.

    A subclass has its module as ``_esm``, and names in ``shown`` the traits that its
    description tells.
    """

    shown: ClassVar[tuple[str, ...]] = ()
    _css = _STYLE

    def __repr__(self) -> str:
        # No address in it: nbval compares this text with the stored one.
        told = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.shown)
        return f"{type(self).__name__}({told})"


class CommutingSquare(Figure):
    """Both ways round the square: shift then convolve, convolve then shift.

    Parameters
    ----------
    picture : array_like, shape (H, W)
        In [0, 1]; kept as 256 grey levels. H and W are even.
    kernel : array_like, shape (3, 3), optional
        As in torch, it is not turned; upright edges if not given.
    padding : {"zeros", "reflect", "circular"}
        What the convolution reads beyond the border.
    stride : {1, 2}
        An output shift by a half is taken as the nearer whole one, as
        :func:`coordlib.probe.probe` does.
    di, dj : int
        The shift, down and right.

    Raises
    ------
    ValueError
        If ``picture`` or ``kernel`` has another shape, or values out of range.
    """

    _esm = _module("commuting_square.js")
    shown = ("padding", "stride", "di", "dj")
    picture = Unicode().tag(sync=True)
    rows = Int().tag(sync=True)
    columns = Int().tag(sync=True)
    kernel = List(List(Float())).tag(sync=True)
    padding = Enum(["zeros", "reflect", "circular"], "zeros").tag(sync=True)
    stride = Enum([1, 2], 1).tag(sync=True)
    di = Int(0).tag(sync=True)
    dj = Int(0).tag(sync=True)

    def __init__(
        self, picture: ArrayLike, kernel: ArrayLike = SOBEL, **state: Any
    ) -> None:
        rows, columns = np.shape(picture)[-2:] if np.ndim(picture) > 1 else (1, 1)
        if rows % 2 or columns % 2:
            raise ValueError(f"picture must have even sides, got {rows} x {columns}")
        super().__init__(**_picture(picture), kernel=_kernel(kernel), **state)


class SlidingKernel(Figure):
    """A 3x3 kernel over a picture: what it reads, its weights, their sum.

    Beyond the border it reads zeros.

    Parameters
    ----------
    picture : array_like, shape (H, W)
        In [0, 1]; kept as 256 grey levels.
    kernels : mapping of name to array_like of shape (3, 3), optional
        The kernels to choose from.
    kernel : str
        The one chosen; the first if not given.
    i, j : int
        The pixel that the kernel is centred on.

    Raises
    ------
    ValueError
        If a shape is another one, or ``kernel`` is not one of the names.
    """

    _esm = _module("sliding_kernel.js")
    shown = ("kernel", "i", "j")
    picture = Unicode().tag(sync=True)
    rows = Int().tag(sync=True)
    columns = Int().tag(sync=True)
    # Pairs, because a notebook stores a dictionary in the order of the alphabet.
    kernels = List().tag(sync=True)
    kernel = Unicode().tag(sync=True)
    i = Int(0).tag(sync=True)
    j = Int(0).tag(sync=True)

    def __init__(
        self,
        picture: ArrayLike,
        kernels: Mapping[str, ArrayLike] | None = None,
        kernel: str | None = None,
        **state: Any,
    ) -> None:
        if kernels is None:
            kernels = {
                "upright edges": SOBEL,
                "mean": np.full((3, 3), 1 / 9),
                "one to the left": [[0, 0, 0], [0, 0, 1], [0, 0, 0]],
            }
        chosen = next(iter(kernels)) if kernel is None else kernel
        check_choice("kernel", chosen, kernels)
        state["kernels"] = [[name, _kernel(k)] for name, k in kernels.items()]
        super().__init__(**_picture(picture), kernel=chosen, **state)


class HandDecoder(Figure):
    """The handmade decoder on a picture that the reader makes.

    Parameters
    ----------
    rows, columns : int
        Size of the canvas.
    i, j : int
        The dot.
    amplitude : float
        Its brightness; that of the second dot too.
    second : bool
        Whether there is a second dot, at ``i2``, ``j2``.
    noise : float
        Standard deviation of normal noise on every pixel.
    seed : int
        Which draw of the noise.
    """

    _esm = _module("hand_decoder.js")
    shown = ("i", "j", "amplitude", "second", "noise")
    rows = Int(24).tag(sync=True)
    columns = Int(32).tag(sync=True)
    i = Int(8).tag(sync=True)
    j = Int(20).tag(sync=True)
    amplitude = Float(1.0).tag(sync=True)
    second = Bool(False).tag(sync=True)
    i2 = Int(16).tag(sync=True)
    j2 = Int(25).tag(sync=True)
    noise = Float(0.0).tag(sync=True)
    seed = Int(0).tag(sync=True)


class FourRectifiers(Figure):
    """Painting a dot or a square: ``relu(1 - four rectifiers)``.

    Parameters
    ----------
    rows, columns : int
        Size of the canvas.
    y, x : int
        The target: row and column.
    side : {1, 9}
        Side of the square; every distance counts beyond half of it only.
    below, above, right, left : bool
        Which of the rectifiers are on.
    """

    _esm = _module("four_rectifiers.js")
    shown = ("y", "x", "side", "below", "above", "right", "left")
    rows = Int(32).tag(sync=True)
    columns = Int(32).tag(sync=True)
    y = Int(12).tag(sync=True)
    x = Int(20).tag(sync=True)
    side = Enum([1, 9], 1).tag(sync=True)
    below = Bool(True).tag(sync=True)
    above = Bool(True).tag(sync=True)
    right = Bool(True).tag(sync=True)
    left = Bool(True).tag(sync=True)


class Pooling1D(Figure):
    """A signal on a ring that moves under a layer of stride 2.

    Beside the pooled, moved signal stands the moved, pooled one. A move by half an
    output place is the mean of the two whole ones, as ``between="linear"`` in
    :func:`coordlib.probe.probe`.

    Parameters
    ----------
    signals : mapping of name to sequence of float, optional
        Signals to choose from, in [0, 1], all of one even length, at least 6.
    signal : str
        The one chosen; the first if not given.
    layer : {"max", "blur 2", "blur 3", "blur 5", "max, blur 3"}
    shift : int

    Raises
    ------
    ValueError
        If a length does not fit, or ``signal`` is not one of the names.
    """

    _esm = _module("pooling_1d.js")
    shown = ("signal", "layer", "shift")
    signals = List().tag(sync=True)
    signal = Unicode().tag(sync=True)
    layer = Enum(["max", "blur 2", "blur 3", "blur 5", "max, blur 3"], "max").tag(
        sync=True
    )
    shift = Int(0).tag(sync=True)

    def __init__(
        self,
        signals: Mapping[str, Sequence[float]] | None = None,
        signal: str | None = None,
        **state: Any,
    ) -> None:
        if signals is None:
            signals = {
                "two on, two off": [0, 0, 1, 1, 0, 0, 1, 1],
                "one on, one off": [0, 1, 0, 1, 0, 1, 0, 1],
                "one dot": [0, 0, 0, 1, 0, 0, 0, 0],
                "a hill": [0, 0.25, 0.5, 0.75, 1, 0.75, 0.5, 0.25],
            }
        lengths = {len(values) for values in signals.values()}
        if len(lengths) != 1 or min(lengths) < 6 or min(lengths) % 2:
            raise ValueError(
                "signals must have one even length, at least 6, "
                f"got lengths {sorted(lengths)}"
            )
        chosen = next(iter(signals)) if signal is None else signal
        check_choice("signal", chosen, signals)
        state["signals"] = [[k, list(map(float, v))] for k, v in signals.items()]
        super().__init__(signal=chosen, **state)


class AliasSpectrum(Figure):
    """A wave on 64 samples, every second of which is kept, and what it becomes.

    Parameters
    ----------
    frequency : int
        Cycles over the 64 samples, 0 to 32.
    taps : {1, 2, 3, 5}
        Taps of the binomial blur before the stride; 1 is no blur.
    """

    _esm = _module("alias_spectrum.js")
    shown = ("frequency", "taps")
    frequency = Int(10, min=0, max=32).tag(sync=True)
    taps = Enum([1, 2, 3, 5], 1).tag(sync=True)


class PaintersCompare(Figure):
    """What two networks paint around every place that one may ask for.

    Parameters
    ----------
    first, second : array_like, shape (P, Q, h, w)
        For each of P x Q places the patch around it, in [0, 1]; h and w are odd, and
        the target is the middle. Kept as 256 grey levels.
    names : sequence of two str
    trained : array_like of bool, shape (P, Q), optional
        Which places the networks were trained on.
    side : int
        Side of the square that should be painted: 1 for a dot.
    i, j : int
        The place asked for.

    Raises
    ------
    ValueError
        If shapes do not fit, or values leave [0, 1].
    """

    _esm = _module("painters_compare.js")
    shown = ("names", "i", "j")
    rows = Int().tag(sync=True)
    columns = Int().tag(sync=True)
    height = Int().tag(sync=True)
    width = Int().tag(sync=True)
    first = Unicode().tag(sync=True)
    second = Unicode().tag(sync=True)
    names = List(Unicode()).tag(sync=True)
    trained = Unicode().tag(sync=True)
    side = Int(1).tag(sync=True)
    i = Int(0).tag(sync=True)
    j = Int(0).tag(sync=True)

    def __init__(
        self,
        first: ArrayLike,
        second: ArrayLike,
        names: Sequence[str],
        trained: ArrayLike | None = None,
        **state: Any,
    ) -> None:
        shape = np.shape(first)
        if len(shape) != 4 or shape[2] % 2 == 0 or shape[3] % 2 == 0:
            raise ValueError(
                f"first must have shape (P, Q, h, w) with odd h and w, got {shape}"
            )
        if np.shape(second) != shape:
            raise ValueError(f"second must have shape {shape}, got {np.shape(second)}")
        if len(names) != 2:
            raise ValueError(f"names must be two, got {list(names)}")
        if trained is not None:
            mask = np.asarray(trained, dtype=bool)
            if mask.shape != shape[:2]:
                raise ValueError(
                    f"trained must have shape {shape[:2]}, got {mask.shape}"
                )
            state["trained"] = _base64(mask.astype(float), "trained")
        sizes = zip(("rows", "columns", "height", "width"), shape, strict=True)
        super().__init__(
            first=_base64(first, "first"),
            second=_base64(second, "second"),
            names=list(names),
            **dict(sizes),
            **state,
        )


class LabelAlongShift(Figure):
    """What networks say while the window they see moves over a picture.

    The window starts in the upper left corner and moves down and right.

    Parameters
    ----------
    pictures : mapping of name to bytes
        JPEG files of square pictures, to choose from. They are shown at any size.
    classes : mapping of name to sequence of str
        For each picture the classes that have a curve; six or so are told apart.
    probabilities : mapping of name to array_like, shape (networks, shifts, classes)
        In [0, 1], kept to four decimals.
    networks : sequence of str
    shifts : sequence of int, optional
        Pixels, rising from 0; 0, 1, 2 and so on if not given.
    size, window : int
        Sides of the picture and of the window, in the pixels of the shifts.
    picture : str
        The one chosen; the first if not given.
    at : int
        Which shift is shown, counted from 0.

    Raises
    ------
    ValueError
        If shapes and names do not fit, the window leaves the picture, or ``picture``
        is not one of the names.
    """

    _esm = _module("label_along_shift.js")
    shown = ("networks", "picture", "at")
    views = List().tag(sync=True)
    networks = List(Unicode()).tag(sync=True)
    shifts = List(Int()).tag(sync=True)
    size = Int().tag(sync=True)
    window = Int().tag(sync=True)
    picture = Unicode().tag(sync=True)
    at = Int(0).tag(sync=True)

    def __init__(
        self,
        pictures: Mapping[str, bytes],
        classes: Mapping[str, Sequence[str]],
        probabilities: Mapping[str, ArrayLike],
        networks: Sequence[str],
        shifts: Sequence[int] | None = None,
        size: int = 256,
        window: int = 224,
        picture: str | None = None,
        **state: Any,
    ) -> None:
        if not set(pictures) == set(classes) == set(probabilities):
            raise ValueError(
                f"pictures, classes and probabilities must have the same names, got "
                f"{list(pictures)}, {list(classes)} and {list(probabilities)}"
            )
        chosen = next(iter(pictures)) if picture is None else picture
        check_choice("picture", chosen, pictures)
        stored = {k: np.asarray(v, dtype=float) for k, v in probabilities.items()}
        if shifts is None:
            shifts = range(stored[chosen].shape[1])
        for name, values in stored.items():
            wanted = len(networks), len(shifts), len(classes[name])
            if values.shape != wanted:
                raise ValueError(
                    f"probabilities of {name!r} must have shape {wanted} for these "
                    f"networks, shifts and classes, got {values.shape}"
                )
        if window + max(shifts) > size:
            raise ValueError(
                f"a window of {window}, moved by {max(shifts)}, leaves a picture of "
                f"{size} pixels"
            )
        super().__init__(
            views=[
                [
                    name,
                    base64.b64encode(file).decode(),
                    list(classes[name]),
                    np.round(stored[name], 4).tolist(),
                ]
                for name, file in pictures.items()
            ],
            networks=list(networks),
            shifts=list(shifts),
            size=size,
            window=window,
            picture=chosen,
            **state,
        )


class PlaceBias(Figure):
    """Both ways round the square for CoordConv on a ring, its dial in hand.

    The layer is a 3x3 convolution with all its coordinate weights, on rows and on
    columns, at one value. At 0 it is the convolution.

    Parameters
    ----------
    pictures : mapping of name to array_like, shape (H, W)
        Pictures to choose from, in [0, 1], of one size; kept as 256 grey levels.
    kernel : array_like, shape (3, 3), optional
        The weights on the picture, as in torch; upright edges if not given.
    picture : str
        The one chosen; the first if not given.
    weight : float
        Of every coordinate.
    di, dj : int
        The shift, down and right.

    Raises
    ------
    ValueError
        If shapes do not fit, or ``picture`` is not one of the names.
    """

    _esm = _module("place_bias.js")
    shown = ("picture", "weight", "di", "dj")
    pictures = List().tag(sync=True)
    picture = Unicode().tag(sync=True)
    rows = Int().tag(sync=True)
    columns = Int().tag(sync=True)
    kernel = List(List(Float())).tag(sync=True)
    weight = Float(0.0).tag(sync=True)
    di = Int(0).tag(sync=True)
    dj = Int(0).tag(sync=True)

    def __init__(
        self,
        pictures: Mapping[str, ArrayLike],
        kernel: ArrayLike = SOBEL,
        picture: str | None = None,
        **state: Any,
    ) -> None:
        fields = {name: _picture(values) for name, values in pictures.items()}
        sizes = {(each["rows"], each["columns"]) for each in fields.values()}
        if len(sizes) != 1:
            raise ValueError(f"pictures must have one size, got {sorted(sizes)}")
        [(rows, columns)] = sizes
        chosen = next(iter(fields)) if picture is None else picture
        check_choice("picture", chosen, fields)
        super().__init__(
            pictures=[[name, each["picture"]] for name, each in fields.items()],
            picture=chosen,
            rows=rows,
            columns=columns,
            kernel=_kernel(kernel),
            **state,
        )


class LuckOfTraining(Figure):
    """Many studies of one gain, each of a few trainings, with their intervals.

    Parameters
    ----------
    spread : float
        Standard deviation of the gain from one training to the next, in percentage
        points.
    gain : float
        The true gain in percentage points, 0 to 3.
    count : int
        Trainings of a study, 2 to 40.
    round : int
        Which of ten rounds of trainings to show.
    studies : int
        How many, one below the other.

    Raises
    ------
    ValueError
        If ``spread`` is not positive, or ``studies`` below 1.
    """

    _esm = _module("luck_of_training.js")
    shown = ("gain", "count", "round")
    luck = List(List(List(Float()))).tag(sync=True)
    quantiles = List(Float()).tag(sync=True)
    spread = Float().tag(sync=True)
    gain = Float(0.0, min=0, max=3).tag(sync=True)
    count = Int(5, min=2, max=40).tag(sync=True)
    round = Int(0, min=0, max=9).tag(sync=True)

    def __init__(self, spread: float, studies: int = 20, **state: Any) -> None:
        from scipy.stats import t  # slow to import, and few need it

        if not spread > 0:
            raise ValueError(f"spread must be positive, got {spread!r}")
        check_integer("studies", studies)
        luck = np.random.default_rng(0).standard_normal((10, studies, 40))
        quantiles = t.ppf(0.975, np.arange(1, 40))
        super().__init__(
            luck=luck.round(2).tolist(),
            quantiles=quantiles.round(4).tolist(),
            spread=spread,
            **state,
        )


class PaintedAnswers(Figure):
    """Where painters paint the dot, for every place that one may ask for.

    Parameters
    ----------
    answers : mapping of network to mapping of split to array_like, shape (P, Q, 2)
        The brightest pixel, as whole rows and columns below 256, for the P x Q places
        in the middle of the canvas.
    trained : mapping of split to array_like of bool, shape (P, Q)
        Which places were trained on.
    size : (int, int)
        Rows and columns of the canvas.
    split : str
        The one chosen; the first if not given.
    i, j : int
        The place asked for, in pixels of the canvas.

    Raises
    ------
    ValueError
        If shapes do not fit, an answer is no pixel of the canvas, or an answer of a
        network is missing for a split.
    """

    _esm = _module("painted_answers.js")
    shown = ("split", "i", "j")
    rows = Int().tag(sync=True)
    columns = Int().tag(sync=True)
    high = Int().tag(sync=True)
    wide = Int().tag(sync=True)
    answers = List().tag(sync=True)
    trained = List().tag(sync=True)
    split = Unicode().tag(sync=True)
    i = Int(0).tag(sync=True)
    j = Int(0).tag(sync=True)

    def __init__(
        self,
        answers: Mapping[str, Mapping[str, ArrayLike]],
        trained: Mapping[str, ArrayLike],
        size: tuple[int, int],
        split: str | None = None,
        **state: Any,
    ) -> None:
        masks, corner = _places(trained, size)
        high, wide = next(iter(masks.values())).shape
        stored = []
        for name, parts in answers.items():
            if set(parts) != set(masks):
                raise ValueError(f"{name} must answer {list(masks)}, got {list(parts)}")
            for part, said in parts.items():
                said = np.asarray(said)
                if said.shape != (high, wide, 2):
                    raise ValueError(
                        f"answers must have shape {(high, wide, 2)}, got {said.shape}"
                    )
                if said.min() < 0 or (said >= np.minimum(size, 256)).any():
                    raise ValueError(
                        f"answers must be pixels of {size}, got {said.min()} to "
                        f"{said.max()}"
                    )
                code = base64.b64encode(said.astype(np.uint8).tobytes()).decode()
                stored.append([name, part, code])
        super().__init__(
            rows=size[0],
            columns=size[1],
            high=high,
            wide=wide,
            answers=stored,
            trained=[
                [name, _base64(mask.astype(float), "trained")]
                for name, mask in masks.items()
            ],
            split=next(iter(masks)) if split is None else split,
            **({"i": corner[0], "j": corner[1]} | state),
        )


def _places(
    trained: Mapping[str, ArrayLike], size: tuple[int, int]
) -> tuple[dict[str, np.ndarray], tuple[int, int]]:
    """Masks of one shape in the middle of a canvas, and the corner they begin at."""
    masks = {name: np.asarray(mask, dtype=bool) for name, mask in trained.items()}
    shape = next(iter(masks.values())).shape
    high, wide = shape if len(shape) == 2 else (-1, -1)
    margins = size[0] - high, size[1] - wide
    if any(mask.shape != shape for mask in masks.values()) or any(
        margin < 0 or margin % 2 for margin in margins
    ):
        raise ValueError(
            f"trained must have one shape (P, Q) in the middle of {size}, got "
            f"{[mask.shape for mask in masks.values()]}"
        )
    return masks, (margins[0] // 2, margins[1] // 2)


class AnswerArrows(Figure):
    """Where regressors say the square is, for every place where it can be.

    Parameters
    ----------
    answers : mapping of network to mapping of split to array_like, shape (P, Q, 2)
        The answers in pixels, for the P x Q places in the middle of the canvas. Their
        distances from the truth are kept to a 255th of their range.
    trained : mapping of split to array_like of bool, shape (P, Q)
        Which places were trained on.
    size : (int, int)
        Rows and columns of the canvas.
    network, split : str
        The ones chosen; the first if not given.
    side : int
        Side of the square.
    i, j : int
        The true position, in pixels of the canvas.

    Raises
    ------
    ValueError
        If shapes do not fit, or an answer of a network is missing for a split.
    """

    _esm = _module("answer_arrows.js")
    shown = ("network", "split", "i", "j")
    rows = Int().tag(sync=True)
    columns = Int().tag(sync=True)
    high = Int().tag(sync=True)
    wide = Int().tag(sync=True)
    answers = List().tag(sync=True)
    trained = List().tag(sync=True)
    network = Unicode().tag(sync=True)
    split = Unicode().tag(sync=True)
    side = Int(9).tag(sync=True)
    i = Int(0).tag(sync=True)
    j = Int(0).tag(sync=True)

    def __init__(
        self,
        answers: Mapping[str, Mapping[str, ArrayLike]],
        trained: Mapping[str, ArrayLike],
        size: tuple[int, int],
        network: str | None = None,
        split: str | None = None,
        **state: Any,
    ) -> None:
        masks, corner = _places(trained, size)
        high, wide = next(iter(masks.values())).shape
        truth = np.stack(np.indices((high, wide)), -1) + np.array(corner)
        stored = []
        for name, parts in answers.items():
            if set(parts) != set(masks):
                raise ValueError(f"{name} must answer {list(masks)}, got {list(parts)}")
            for part, said in parts.items():
                said = np.asarray(said, dtype=float)
                if said.shape != truth.shape:
                    raise ValueError(
                        f"answers must have shape {truth.shape}, got {said.shape}"
                    )
                miss = said - truth
                low, reach = float(miss.min()), max(float(np.ptp(miss)), 1e-9)
                text = _base64((miss - low) / reach, "answers")
                stored.append([name, part, low, reach / 255, text])
        super().__init__(
            rows=size[0],
            columns=size[1],
            high=high,
            wide=wide,
            answers=stored,
            trained=[
                [name, _base64(mask.astype(float), "trained")]
                for name, mask in masks.items()
            ],
            network=stored[0][0] if network is None else network,
            split=stored[0][1] if split is None else split,
            **({"i": corner[0], "j": corner[1]} | state),
        )


class DraggedThing(Figure):
    """A thing on a canvas that the reader moves, and the boxes of two networks for it.

    Parameters
    ----------
    thing : array_like, shape (h, w)
        In [0, 1]; kept as 256 grey levels. h and w are even.
    answers : mapping of name to array_like, shape (P, P, 5)
        For two networks, and for each place of the thing, the box that each network
        believes most, as :mod:`coordlib.lab.data.boxes` writes it, and its score in [0,
        1]. All numbers lie from -64 to 192, and are kept to 1/256.
    start, step : int
        Row and column of the middle of the thing at the first place, and from one place
        to the next.
    size : int
        Side of the canvas.
    i, j : int
        The place shown, counted from 0.

    Raises
    ------
    ValueError
        If shapes do not fit, or values are out of range.
    """

    _esm = _module("dragged_thing.js")
    shown = ("networks", "i", "j")
    size = Int(64).tag(sync=True)
    height = Int().tag(sync=True)
    width = Int().tag(sync=True)
    thing = Unicode().tag(sync=True)
    start = Int(0).tag(sync=True)
    step = Int(1).tag(sync=True)
    places = Int().tag(sync=True)
    answers = List(Unicode()).tag(sync=True)
    networks = List(Unicode()).tag(sync=True)
    i = Int(0).tag(sync=True)
    j = Int(0).tag(sync=True)

    def __init__(
        self, thing: ArrayLike, answers: Mapping[str, ArrayLike], **state: Any
    ) -> None:
        shape = np.shape(thing)
        if len(shape) != 2 or shape[0] % 2 or shape[1] % 2:
            raise ValueError(f"thing must have shape (h, w), both even, got {shape}")
        stored = {name: np.asarray(said, float) for name, said in answers.items()}
        shapes = {said.shape for said in stored.values()}
        places = next(iter(shapes))[0] if shapes and min(map(len, shapes)) else 0
        if len(stored) != 2 or shapes != {(places, places, 5)}:
            raise ValueError(
                f"answers must be two of one shape (P, P, 5), got {sorted(shapes)}"
            )
        super().__init__(
            height=shape[0],
            width=shape[1],
            thing=_base64(thing, "thing"),
            places=places,
            answers=[_two_bytes(said, "answers") for said in stored.values()],
            networks=list(stored),
            **state,
        )


class FailureGroups(Figure):
    """Which places fail, divided by one suspect after another.

    Parameters
    ----------
    places : array_like of int, shape (N, 2)
        Row and column of each place.
    right : array_like of bool, shape (N,)
        The outcome there.
    suspects : mapping of name to (array_like of int, shape (N,); float)
        The group of each place, and how often chance divides the outcomes as well.
    size : (int, int)
        Rows and columns of the canvas.
    suspect : str
        The one chosen; the first if not given.
    at : int
        The place shown, by its number.

    Raises
    ------
    ValueError
        If lengths do not fit, or ``suspect`` is not one of the names.
    """

    _esm = _module("failure_groups.js")
    shown = ("suspect", "at")
    rows = Int().tag(sync=True)
    columns = Int().tag(sync=True)
    places = List().tag(sync=True)
    right = List().tag(sync=True)
    suspects = List().tag(sync=True)
    suspect = Unicode().tag(sync=True)
    at = Int(0).tag(sync=True)

    def __init__(
        self,
        places: ArrayLike,
        right: ArrayLike,
        suspects: Mapping[str, tuple[ArrayLike, float]],
        size: tuple[int, int],
        suspect: str | None = None,
        **state: Any,
    ) -> None:
        where, outcome = np.asarray(places, dtype=int), np.asarray(right, dtype=int)
        if where.ndim != 2 or where.shape[1] != 2:
            raise ValueError(f"places must have shape (N, 2), got {where.shape}")
        stored = [
            [name, np.asarray(labels, dtype=int).tolist(), float(chance)]
            for name, (labels, chance) in suspects.items()
        ]
        lengths = {len(outcome)} | {len(labels) for _, labels, _ in stored}
        if lengths != {len(where)}:
            raise ValueError(
                f"{len(where)} places, but outcomes or groups of {sorted(lengths)}"
            )
        chosen = stored[0][0] if suspect is None else suspect
        check_choice("suspect", chosen, suspects)
        super().__init__(
            rows=size[0],
            columns=size[1],
            places=where.tolist(),
            right=outcome.tolist(),
            suspects=stored,
            suspect=chosen,
            **state,
        )


class PlayedGames(Figure):
    """Games that agents played, frame by frame, side by side.

    Parameters
    ----------
    games : mapping of game to mapping of agent to (pictures, rewards)
        Pictures are array_like of int, shape (T, H, W), at most 15: 0 where nothing
        is, else the number of a thing, counted from 1; 1 is the agent's own. Rewards,
        shape (T,), are what followed each picture, and count with it. All boards have
        one size, all games the same agents.
    things : mapping of game to sequence of str
        The names of the things.
    game : str
        The one chosen; the first if not given.
    at : int
        The frame shown.
    playing : bool
        Whether the frames go by.

    Raises
    ------
    ValueError
        If names or shapes do not fit, a number has no thing, or ``game`` is not one
        of the names.
    """

    _esm = _module("played_games.js")
    shown = ("game", "at")
    views = List().tag(sync=True)
    rows = Int().tag(sync=True)
    columns = Int().tag(sync=True)
    game = Unicode().tag(sync=True)
    at = Int(0).tag(sync=True)
    playing = Bool(False).tag(sync=True)

    def __init__(
        self,
        games: Mapping[str, Mapping[str, tuple[ArrayLike, ArrayLike]]],
        things: Mapping[str, Sequence[str]],
        game: str | None = None,
        **state: Any,
    ) -> None:
        if set(games) != set(things):
            raise ValueError(
                f"games and things must have the same names, got {list(games)} and "
                f"{list(things)}"
            )
        chosen = next(iter(games)) if game is None else game
        check_choice("game", chosen, games)
        size = np.shape(next(iter(games[chosen].values()))[0])[1:]
        if len(size) != 2 or size[0] * size[1] % 2:
            raise ValueError(f"boards must have an even number of cells, got {size}")
        views = []
        for name, agents in games.items():
            if list(agents) != list(games[chosen]):
                raise ValueError(
                    f"{name} must have the agents {list(games[chosen])}, got "
                    f"{list(agents)}"
                )
            stored = []
            for agent, (pictures, rewards) in agents.items():
                cells = np.asarray(pictures, dtype=int)
                if cells.shape != (len(rewards), *size):
                    raise ValueError(
                        f"pictures of {agent} in {name} must have shape "
                        f"{(len(rewards), *size)}, got {cells.shape}"
                    )
                if not 0 <= cells.min() <= cells.max() <= min(len(things[name]), 15):
                    raise ValueError(
                        f"pictures of {agent} in {name} must hold numbers from 0 to "
                        f"{min(len(things[name]), 15)}"
                    )
                pairs = cells.reshape(-1, 2).astype(np.uint8)
                packed = base64.b64encode(pairs @ np.uint8([16, 1])).decode()
                scores = np.cumsum(np.asarray(rewards, dtype=float)).tolist()
                stored.append([agent, packed, scores])
            views.append([name, list(things[name]), stored])
        super().__init__(
            views=views, rows=size[0], columns=size[1], game=chosen, **state
        )


class LatentWalks(Figure):
    """What generators draw along straight lines through their random numbers.

    Parameters
    ----------
    pictures : mapping of name to array_like, shape (walks, frames, 3, size, size)
        In [-1, 1], from each generator along the same number of walks. Kept as 64
        colours; what is told of them is measured before.
    objects : bool
        Whether to look for a blue and a red object, and tell their areas and places.
        If not, it is told how far each picture is from the first of its walk.
    walk, at : int
        The walk and the step shown, counted from 0.

    Raises
    ------
    ValueError
        If the shapes differ, or are other ones.
    """

    _esm = _module("latent_walks.js")
    shown = ("names", "walk", "at")
    sheet = Unicode().tag(sync=True)
    names = List(Unicode()).tag(sync=True)
    walks = Int().tag(sync=True)
    frames = Int().tag(sync=True)
    size = Int().tag(sync=True)
    areas = List().tag(sync=True)
    centres = List().tag(sync=True)
    walk = Int(0).tag(sync=True)
    at = Int(0).tag(sync=True)

    def __init__(
        self, pictures: Mapping[str, ArrayLike], *, objects: bool = True, **state: Any
    ) -> None:
        stored = [np.asarray(values, dtype=np.float32) for values in pictures.values()]
        shapes = {values.shape for values in stored}
        shape = min(shapes, default=())
        if len(shapes) != 1 or len(shape) != 5 or shape[2:] != (3, *2 * shape[-1:]):
            raise ValueError(
                f"pictures must have one shape (walks, frames, 3, size, size), got "
                f"{sorted(shapes)}"
            )
        walks, frames, _, size, _ = shape
        # A row of the sheet is a walk.
        rows = np.stack(stored).transpose(0, 1, 4, 2, 5, 3)
        sheet = rows.reshape(len(stored) * walks * size, frames * size, 3)
        values = [torch.from_numpy(each) for each in stored]
        if objects:
            found = [look(each.flatten(0, 1)) for each in values]
            areas = [each.areas.unflatten(0, (walks, frames)) for each in found]
            centres = [each.centres.unflatten(0, (walks, frames)) for each in found]
        else:
            away = [each - each[:, :1] for each in values]
            away = [each.square().mean((2, 3, 4)).sqrt() for each in away]
            areas, centres = [127.5 * each[:, :, None] for each in away], []
        super().__init__(
            sheet=_png(sheet),
            names=list(pictures),
            walks=walks,
            frames=frames,
            size=size,
            areas=list(map(_rounded, areas)),
            centres=list(map(_rounded, centres)),
            **state,
        )


def _picture(picture: ArrayLike) -> dict[str, Any]:
    """Give the traits that hold a picture, leading axes of length 1 left out."""
    values = np.asarray(picture, dtype=float)
    while values.ndim > 2 and values.shape[0] == 1:
        values = values[0]
    if values.ndim != 2 or not values.size:
        raise ValueError(f"picture must have shape (H, W), got {np.shape(picture)}")
    rows, columns = values.shape
    return {"picture": _base64(values, "picture"), "rows": rows, "columns": columns}


def _base64(values: ArrayLike, name: str) -> str:
    """Write numbers in [0, 1] as bytes, 0 to 255, and these as base64."""
    values = np.asarray(values, dtype=float)
    if not (values.min() >= 0 and values.max() <= 1):
        raise ValueError(
            f"{name} must hold numbers in [0, 1], got {values.min()} to {values.max()}"
        )
    return base64.b64encode(np.rint(255 * values).astype(np.uint8).tobytes()).decode()


def _two_bytes(values: np.ndarray, name: str) -> str:
    """Write numbers from -64 to 192 as two bytes each, and these as base64."""
    codes = np.rint(256 * (values + 64))
    if not (codes.min() >= 0 and codes.max() < 2**16):
        raise ValueError(
            f"{name} must hold numbers from -64 to 192, got {values.min()} to "
            f"{values.max()}"
        )
    return base64.b64encode(codes.astype(">u2").tobytes()).decode()


def _kernel(kernel: ArrayLike) -> list[list[float]]:
    values = np.asarray(kernel, dtype=float)
    if values.shape != (3, 3):
        raise ValueError(f"a kernel must have shape (3, 3), got {values.shape}")
    return values.tolist()


def _rounded(values: torch.Tensor) -> list:
    """Numbers with one decimal."""
    return np.round(values.double().numpy(), 1).tolist()


def _png(sheet: np.ndarray) -> str:
    """Write colours in [-1, 1] as a PNG file of 64 colours, and this as base64."""
    from PIL import Image  # comes with matplotlib

    values = np.rint((sheet.clip(-1, 1) + 1) * 127.5).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(values).quantize(64).save(stream, "png", optimize=True)
    return base64.b64encode(stream.getvalue()).decode()
