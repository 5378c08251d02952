"""Probe a network of one's own: ``python -m coordlib probe``."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor, nn

from coordlib.arguments import (
    check_choice,
    check_flag,
    check_instance,
    check_integer,
)
from coordlib.lab.figures.shifts import layer_errors
from coordlib.lab.figures.style import WIDTH, use
from coordlib.probe import LayerProbes, Shift, probe_layers, shift
from coordlib.surgery import Report, antialias

Prepare = Callable[[Tensor], Tensor]
LARGEST = 10_000
"""Side of a window, in pixels; what is larger is a slip of the keyboard."""


@dataclass(frozen=True)
class Found:
    """What a network says along the shifts, and where it loses equivariance.

    Attributes
    ----------
    shifts : list of (int, int)
        The first is none.
    scores : Tensor, shape (len(shifts), K), or None
        Probabilities of the classes; None if the network gives no scores (N, K).
    layers : LayerProbes
    report : Report, optional
        What was changed in the network before.
    """

    shifts: list[Shift]
    scores: Tensor | None
    layers: LayerProbes
    report: Report | None = None

    @property
    def kept(self) -> Tensor:
        """The probability of the first label, at each shift."""
        return self.scores[:, self.scores[0].argmax()]

    def __str__(self) -> str:
        parts = [self._labels(), str(self.layers)]
        return "\n\n".join([str(self.report), *parts] if self.report else parts)

    def _labels(self) -> str:
        if self.scores is None:
            return "it gives no scores (N, K), so there are no labels to flip"
        best, labels = self.scores.max(1)
        first, *others = labels.tolist()
        columns = (self.shifts, labels.tolist(), best.tolist(), self.kept.tolist())
        lines = [
            f"{s!s:10}{label:7}{p:13.3f}{kept:10.3f}"
            for s, label, p, kept in zip(*columns, strict=True)
        ]
        head = f"{'shift':10}{'label':>7}{'probability':>13}{f'of {first}':>10}"
        flips = sum(label != first for label in others)
        told = f"flips: {flips} of {len(others)} shifts get another label than none"
        return "\n".join([head, *lines, told])


def measure(
    model: str, picture: str, *, shifts: int, size: int, mode: str, blurred: bool
) -> dict[str, Found]:
    """Move a picture down and right, pixel by pixel, and watch a network.

    Parameters
    ----------
    model : str
        See :func:`named_model`.
    picture : str
        A file. The middle of it is scaled to what is needed.
    shifts : int
        The last shift.
    size : int
        Side of the window that the network sees.
    mode : {"cropped", "circular", "zero"}
        As for :func:`coordlib.probe.probe`.
    blurred : bool
        Whether to measure the network after ``coordlib.surgery.antialias``, too.

    Returns
    -------
    dict of str to Found

    Raises
    ------
    TypeError, ValueError
        If an argument is of another kind, or there is no such model.
    OSError
        If there is no such picture.
    """
    check_instance("picture", picture, str, "the name of a file")
    check_integer("shifts", shifts, at_most=LARGEST)
    check_integer("size", size, at_most=LARGEST)
    check_choice("mode", mode, ("cropped", "circular", "zero"))
    check_flag("blurred", blurred)
    network, prepare = named_model(model)
    margin = shifts if mode == "cropped" else 0
    x = prepare(read_picture(picture, size + 2 * margin))
    moves = [(d, d) for d in range(shifts + 1)]
    found = {model: _found(network.eval(), x, moves, size, mode)}
    if blurred:
        window = x[..., margin : margin + size, margin : margin + size]
        steady, report = antialias(network, example=window)
        title = f"{model}, antialiased"
        found[title] = _found(steady, x, moves, size, mode, report)
    return found


def _found(
    network: nn.Module,
    x: Tensor,
    moves: list[Shift],
    size: int,
    mode: str,
    report: Report | None = None,
) -> Found:
    scores = _scores(network, x, moves, size, mode)
    try:
        layers = probe_layers(network, x, moves[1:], mode=mode)
    except ValueError:  # which says itself what is wrong
        raise
    except Exception as error:  # a network that is called once more, and fails
        raise ValueError(f"MODEL cannot be probed: {_told(error)}") from error
    return Found(moves, scores, layers, report)


@torch.no_grad()
def _scores(
    network: nn.Module, x: Tensor, moves: list[Shift], size: int, mode: str
) -> Tensor | None:
    found = []
    for i, j in moves:
        if mode == "cropped":
            top, left = moves[-1][0] - i, moves[-1][1] - j
            window = x[..., top : top + size, left : left + size]
        else:
            window = shift(x, (i, j), mode)
        shape = tuple(window.shape)
        try:
            scores = network(window.clone())  # it may write into it
        except Exception as error:  # somebody else's network may fail in any way
            raise ValueError(
                f"MODEL fails on a picture {shape}: {_told(error)}"
            ) from error
        if not _are_scores(scores):
            return None
        if found and scores.shape != found[0].shape:
            raise ValueError(
                f"MODEL must give one shape for all pictures {shape}, got "
                f"{tuple(found[0].shape)} and, for shift {(i, j)}, "
                f"{tuple(scores.shape)}"
            )
        found.append(scores.softmax(1))
    return torch.cat(found)


def _are_scores(output: object) -> bool:
    """Whether an output is a score for each of some classes, for one picture."""
    if not isinstance(output, Tensor) or not output.is_floating_point():
        return False
    return output.ndim == 2 and output.shape[0] == 1 and output.shape[1] > 0


def _told(error: BaseException) -> str:
    """An exception of somebody else's code in one line: its type and its text."""
    return ": ".join(filter(None, [type(error).__name__, " ".join(str(error).split())]))


def named_model(name: str) -> tuple[nn.Module, Prepare]:
    """Make a network from its name, and what prepares a picture in [0, 1] for it.

    Parameters
    ----------
    name : str
        ``"package.module:callable"``, which is called without arguments, or is a
        network already, and gets pictures as they are; its scores are those before
        the softmax; or the name of a model in timm
        or torchvision, which comes with its weights, mean and standard deviation.

    Raises
    ------
    ValueError
        If there is no such model, or it cannot be made.
    """
    check_instance("model", name, str, "a name")
    if ":" in name:
        return _imported(name), lambda x: x
    libraries = {"timm": _from_timm, "torchvision": _from_torchvision}
    there = [library for library in libraries if find_spec(library)]
    if not there:
        raise ValueError(
            "MODEL must be package.module:callable, or a name that timm or torchvision "
            f"know, of which none is installed; got {name}"
        )
    for library in there:
        try:
            found = libraries[library](name)
        except Exception as error:  # weights that cannot be fetched, for one
            raise ValueError(f"MODEL {name} cannot be made: {_told(error)}") from error
        if found:
            return found
    raise ValueError(f"MODEL must be known to {' or '.join(there)}, got {name}")


def _imported(name: str) -> nn.Module:
    module, _, attribute = name.partition(":")
    # What is imported and called is a program of somebody's: it may end in any way.
    try:
        found = getattr(import_module(module), attribute)
    except (Exception, SystemExit) as error:
        raise ValueError(f"MODEL {name} cannot be imported: {_told(error)}") from error
    if not isinstance(found, nn.Module):
        try:
            found = found()
        except TypeError as error:
            raise ValueError(
                f"MODEL {name} must be callable without arguments: {_told(error)}"
            ) from error
        except (Exception, SystemExit) as error:
            raise ValueError(f"MODEL {name} cannot be made: {_told(error)}") from error
    if not isinstance(found, nn.Module):
        raise ValueError(
            f"MODEL {name} must give a torch.nn.Module, got {type(found).__name__}"
        )
    return found


def _from_timm(name: str) -> tuple[nn.Module, Prepare] | None:
    timm = import_module("timm")
    if not timm.is_model(name):
        return None
    model = timm.create_model(name, pretrained=True)
    return model, _normaliser(model.pretrained_cfg["mean"], model.pretrained_cfg["std"])


def _from_torchvision(name: str) -> tuple[nn.Module, Prepare] | None:
    models = import_module("torchvision.models")
    if name not in models.list_models():
        return None
    weights = models.get_model_weights(name).DEFAULT
    usual = weights.transforms()
    return models.get_model(name, weights=weights), _normaliser(usual.mean, usual.std)


def _normaliser(mean: tuple[float, ...], std: tuple[float, ...]) -> Prepare:
    mean, std = (torch.tensor(values).view(-1, 1, 1) for values in (mean, std))
    return lambda x: (x - mean) / std


def read_picture(path: str, side: int) -> Tensor:
    """Read the middle of a picture.

    Returns
    -------
    Tensor, shape (1, 3, side, side), in [0, 1]
    """
    try:
        with Image.open(path) as image:
            # Of integers and floats the conversion would clip all that is above 255.
            if image.mode[0] in "IF":
                raise ValueError(
                    "PICTURE must have 8 bits a channel, got one of mode "
                    f"{image.mode}: {path}"
                )
            whole = ImageOps.exif_transpose(image).convert("RGB")
    except Image.DecompressionBombError as error:
        raise ValueError(f"PICTURE {path} is too large: {error}") from error
    square = ImageOps.fit(whole, (side, side), Image.Resampling.BILINEAR)
    return torch.from_numpy(np.array(square)).permute(2, 0, 1)[None] / 255


def check_figure(out: str) -> None:
    """Refuse a file that nothing can be drawn into."""
    path = Path(out)
    known = plt.figure().canvas.get_supported_filetypes()
    plt.close()
    if path.suffix[1:] not in known:
        raise ValueError(f"--out must end in one of {', '.join(known)}, got {out}")
    if not path.parent.is_dir():
        raise ValueError(f"--out must be in a folder that is there, got {out}")


def draw(found: Mapping[str, Found], out: str) -> None:
    """Draw the probability of the first label, and below it the error by layer."""
    use()
    figure, axes = plt.subplots(len(found) + 1, figsize=(WIDTH, 2.8 * (len(found) + 1)))
    for (title, one), line in zip(found.items(), ("-", "--"), strict=False):
        if one.scores is not None:
            label = f"{title}: {int(one.scores[0].argmax())}"
            axes[0].plot([d for d, _ in one.shifts], one.kept, line, label=label)
    axes[0].set(xlabel="pixels down and right", ylabel="probability", ylim=(0, 1.02))
    if axes[0].lines:
        axes[0].legend(title="of the label at no shift")
    layer_errors({title: one.layers for title, one in found.items()}, axes=axes[1:])
    top = max(ax.get_ylim()[1] for ax in axes[1:])
    for ax in axes[1:]:
        ax.set_ylim(top=top)
    figure.savefig(out)
    plt.close(figure)
